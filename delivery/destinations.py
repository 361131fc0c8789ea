"""Where a webhook's requests go, and with which credentials.

Unsealing them is the registry's, using them the wire's.
"""

from msgspec.structs import replace

from delivery.wire.sender import Destination
from subscriptions.webhooks.webhook_store import Hook


def destination(hook: Hook) -> Destination:
    """The webhook as the wire knows it; one whose secrets are sealed is not to be sent to."""
    return Destination(
        webhook=hook.id,
        url=hook.destination,
        secrets=hook.secrets,
        authorization=hook.authorization,
        oauth_client=hook.oauth_client,
        trust=hook.trust,
        request_origin=hook.request_origin,
    )


def bare(to: Destination) -> Destination:
    """The same place without the credentials: for one that has not proved itself yet."""
    return replace(to, authorization=None, oauth_client=None)

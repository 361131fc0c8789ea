"""What the audit log says of webhooks and subscriptions: no secret, but that it is another one now.

When it is written is left to `webhook_lifecycle.py` and `subscription_store.py`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any
from uuid import UUID

from subscriptions.ground.audit import CHANGED, REMOVED, SET, AuditChange
from subscriptions.webhooks.webhook import SECRETS, Change, Registration, Webhook

#: Fields of a webhook that its owner chooses, and what the API calls them.
SHOWN = {
    "name": "name",
    "description": "description",
    "destination": "destination",
    "auth_type": "authType",
    "client_id": "clientId",
    "issuer_url": "issuerUrl",
    "batching": "batching",
    "challenge_request_enabled": "challengeRequestEnabled",
    "content_mode": "contentMode",
    "ca_bundle": "caBundle",
    "client_certificate": "clientCertificate",
    "paused": "paused",
}


def registered(webhook: Webhook, asked: Registration) -> AuditChange:
    """The entry of a new webhook."""
    return _change("webhook.registered", webhook, after=_shown(webhook) | _secrets(asked))


def changed(before: Webhook, after: Webhook, asked: Change) -> AuditChange:
    """The entry of one that was changed."""
    return _change("webhook.changed", after, before=_shown(before), after=_shown(after) | _secrets(asked))


def verified(webhook: Webhook, answered: int) -> AuditChange:
    """The entry of a challenge that somebody asked for; `answered` is the HTTP status, 0: no answer came."""
    came_to = {"status": webhook.status, "answered": answered or "nothing"}
    return _change("webhook.verified", webhook, after=came_to)


def removed(webhook: Webhook) -> AuditChange:
    """The entry of one that is gone."""
    return _change("webhook.removed", webhook, before=_shown(webhook))


def subscription(
    action: str,
    id: UUID,
    row: Mapping[str, object],
    *,
    before: Mapping[str, object] | None = None,
    gone: bool = False,
) -> AuditChange:
    """The entry of a subscription by its row, and by the one before where there was one."""
    shown = _subscribed(row)
    return AuditChange(
        action=action,
        subject=str(id),
        name=str(row["event_type"]),
        workspace_id=str(row["workspace_id"]),
        before=shown if gone else {} if before is None else _subscribed(before),
        after={} if gone else shown,
    )


def replaced(rows: Sequence[Mapping[str, Any]], standing: Mapping[UUID, Mapping[str, object]]) -> list[AuditChange]:
    """The entries of subscriptions that stand in the place of others of the same ids."""
    return [subscription("subscription.replaced", row["id"], row, before=standing[row["id"]]) for row in rows]


def _subscribed(row: Mapping[str, object]) -> dict[str, object]:
    pinned = {"version": row["version"]} if row.get("version") else {}
    return {
        "webhook": str(row["webhook"]),
        "eventType": row["event_type"],
        "eventFilter": row["event_filter"],
        **pinned,
    }


def _change(
    action: str,
    webhook: Webhook,
    *,
    before: Mapping[str, object] | None = None,
    after: Mapping[str, object] | None = None,
) -> AuditChange:
    return AuditChange(
        action=action,
        subject=str(webhook.id),
        name=webhook.name,
        workspace_id=webhook.workspace_id,
        before=before or {},
        after=after or {},
    )


def _shown(webhook: Webhook) -> dict[str, object]:
    return {said: getattr(webhook, name) for name, said in SHOWN.items()}


def _secrets(asked: Registration | Change) -> dict[str, object]:
    """That they are new, others now, or gone."""
    names = {field.name for field in fields(asked)} & set(SECRETS)
    given = {name: getattr(asked, name) for name in SECRETS if name in names}
    if isinstance(asked, Registration):
        return {_spelled(name): SET for name, text in given.items() if text}
    return {_spelled(name): CHANGED if text else REMOVED for name, text in given.items() if text is not None}


def _spelled(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)

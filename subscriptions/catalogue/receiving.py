"""A workspace, its webhooks and what they have subscribed to, as `received.py` writes of them."""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from subscriptions.catalogue.described_types import DescribedVersion
from subscriptions.catalogue.envelopes import SentType


@dataclass(frozen=True, kw_only=True, slots=True)
class ReceivingWebhook:
    """A webhook, and what it has subscribed to."""

    id: str
    name: str
    description: str
    destination: str
    content_mode: str
    batching: bool
    #: Whether a second secret is live.
    dual_secret: bool
    challenged: bool
    #: Event type -> filter, empty for every event.
    subscriptions: Mapping[str, str]
    #: Event type -> the one version that it understands; of types that are not there, all.
    pinned: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class ReceivingWorkspace:
    """Whose webhooks these are, and what is known of the types that they have subscribed to."""

    id: str
    webhooks: Sequence[ReceivingWebhook]
    #: By type.
    types: Mapping[str, SentType]
    #: By type, the newest first; a type of which nothing is known is not there.
    versions: Mapping[str, Sequence[DescribedVersion]] = field(default_factory=dict)
    #: The type of challenges.
    challenge: SentType
    #: Types of which it is not known what they are, for they are too many; webhooks that are not among these.
    unread: Collection[str] = ()
    unread_webhooks: int = 0
    #: Where schemas are served, by their ids.
    schemas: str = ""


def names(webhooks: Sequence[ReceivingWebhook]) -> dict[str, str]:
    """What each is called, by its id: programs make names of their own of it.

    Its name, with the id behind it where another has the same letters.
    """
    found: dict[str, str] = {}
    for webhook in webhooks:
        name = re.sub(r"[^A-Za-z0-9_-]+", "-", webhook.name).strip("-")
        found[name if name and name not in found else f"{name}-{webhook.id}".strip("-")] = webhook.id
    return {id: name for name, id in found.items()}

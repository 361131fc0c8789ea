"""Why an event did not go to a webhook of its workspace, as far as that is kept.

What is kept of subscriptions is how they are today. Who is asked about is left to `one_event.py`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

import msgspec

from subscriptions.ground.statements import Row
from subscriptions.webhooks.filters import explaining
from subscriptions.webhooks.filters.explaining import FailedCondition, Verdict


class WhyNot(StrEnum):
    """Why an event did not go to a webhook."""

    #: It does not subscribe to the type today; whether it did then is not kept.
    UNSUBSCRIBED = "UNSUBSCRIBED"
    #: It was registered after the event was accepted.
    REGISTERED_LATER = "REGISTERED_LATER"
    #: It subscribed after the event was accepted.
    SUBSCRIBED_LATER = "SUBSCRIBED_LATER"
    #: It understands another version of the type than the event is of.
    OTHER_VERSION = "OTHER_VERSION"
    #: It understands another version today, and was changed since.
    OTHER_VERSION_TODAY = "OTHER_VERSION_TODAY"
    #: Its filter says no.
    FILTERED = "FILTERED"
    #: Its filter says no today, and was changed since.
    FILTERED_TODAY = "FILTERED_TODAY"
    #: Its filter says yes today, and was changed since.
    CHANGED = "CHANGED"
    #: The event has more webhooks than one transaction writes: it may still come.
    SPREADING = "SPREADING"
    #: Its filter cannot be asked: the payload is gone.
    ERASED = "ERASED"
    #: Nothing that is kept says why.
    UNKNOWN = "UNKNOWN"


@dataclass(frozen=True, kw_only=True)
class NotDelivered:
    """A webhook that the event was not owed to."""

    webhook: UUID
    webhook_name: str
    webhook_status: str
    why: WhyNot
    #: A sentence.
    text: str
    #: What it asks for today; empty for every event of the type, or for none.
    event_filter: str = ""
    #: The one version of the type that it understands today; empty: any.
    version: str = ""
    #: The conditions that say no, with what the data have there.
    failed: Sequence[FailedCondition] = ()
    #: It would be owed to it, if the event were published now.
    now: bool = False


class SaidOfSchema(msgspec.Struct, frozen=True):
    """What an event says of the schema of its data."""

    dataschema: str | None = None


@dataclass(frozen=True, kw_only=True)
class EventFacts:
    """What is known of the event."""

    accepted: datetime
    erased: bool
    #: What filters are asked of; None where there is no data, or nobody has a filter.
    data: Any
    #: Empty: it names none.
    dataschema: str
    #: The version of its type that it is of; empty: of none that is known.
    version: str
    spreading: bool


_said = msgspec.json.Decoder(SaidOfSchema)
_accepted = msgspec.json.Decoder(list[str])
_CHANGED = "the subscription was changed since, and what it said then is not kept."
_TEXTS = {
    WhyNot.UNSUBSCRIBED: "It does not subscribe to this type today; whether it did then is not kept.",
    WhyNot.REGISTERED_LATER: "It was registered after the event was accepted.",
    WhyNot.SUBSCRIBED_LATER: "It subscribed to this type after the event was accepted.",
    WhyNot.OTHER_VERSION: "It is pinned to version {pinned}; {this}.",
    WhyNot.OTHER_VERSION_TODAY: f"It is pinned to version {{pinned}} today, and {{this}}; {_CHANGED}",
    WhyNot.FILTERED: "Its filter says no.",
    WhyNot.FILTERED_TODAY: f"Its filter says no today; {_CHANGED}",
    WhyNot.CHANGED: f"It would go to it today; {_CHANGED}",
    WhyNot.SPREADING: "The event has many webhooks, and its deliveries are still being written.",
    WhyNot.ERASED: "Its filter cannot be asked any more, for the payload was erased.",
    WhyNot.UNKNOWN: "It subscribes to this type, and nothing that is kept says why it was not owed to it.",
}


def dataschema(body: bytes | None) -> str:
    """What an event says, as structured JSON; empty: nothing, or it is erased."""
    return "" if body is None else _said.decode(body).dataschema or ""


def explained(row: Row, known: EventFacts, *, steps: int) -> NotDelivered:
    """Of a row of `not_owed_to.sql`: why not; a filter is asked in `steps` at most."""
    text, subscribed = row["event_filter"] or "", row["subscription"] is not None
    asks = bool(text or row["version"])
    other, verdict = False, Verdict(passes=False)
    if subscribed and not (known.erased and asks):
        other = bool(row["version"]) and known.dataschema not in _accepted.decode(row["version_filter"])
        verdict = explaining.explain(text, known.data, steps=steps)
    why = _why(row, known, verdict, other=other)
    return NotDelivered(
        webhook=row["id"],
        webhook_name=row["name"],
        webhook_status=row["status"],
        why=why,
        text=_TEXTS[why].format(pinned=row["version"], this=_this(known)),
        event_filter=text,
        version=row["version"] or "",
        failed=verdict.failed,
        now=subscribed and verdict.passes and not other,
    )


def _why(row: Row, known: EventFacts, verdict: Verdict, *, other: bool) -> WhyNot:
    accepted = known.accepted
    if row["registered_at"] > accepted:
        return WhyNot.REGISTERED_LATER
    if row["subscription"] is None:
        return WhyNot.UNSUBSCRIBED
    if row["created_at"] > accepted:
        return WhyNot.SUBSCRIBED_LATER
    if known.erased and (row["event_filter"] or row["version"]):
        return WhyNot.ERASED
    changed = row["updated_at"] > accepted and row["generation"] > 1
    if other:
        return WhyNot.OTHER_VERSION_TODAY if changed else WhyNot.OTHER_VERSION
    if not verdict.passes:
        return WhyNot.FILTERED_TODAY if changed else WhyNot.FILTERED
    if changed:
        return WhyNot.CHANGED
    return WhyNot.SPREADING if known.spreading else WhyNot.UNKNOWN


def _this(known: EventFacts) -> str:
    if not known.version and not known.dataschema:
        return "no version of the type is described any more"
    if known.version:
        return f"this was {known.version}" + (
            "" if known.dataschema else ", the current one, for it names no dataschema"
        )
    return f"this names the dataschema {known.dataschema[:200]}, which no version of its type has"

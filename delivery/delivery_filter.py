"""Which deliveries are meant: one value, which the search for deliveries and replays share.

How it is asked of the database is left to who asks: pages in `reports`, walks of all of it in `ledger/replays`.
"""

from collections.abc import Iterator
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

import msgspec

from delivery.lifecycle import State
from subscriptions.ground.errors import Issue, Refused

#: The class of an attempt without an answer; others are the first digit of its HTTP status.
NO_ANSWER = 0
STATUS_CLASSES = range(NO_ANSWER, 6)
#: How many of each may be named.
WEBHOOKS, TYPES, IDS = 1000, 100, 1000
#: Characters of a part of a reason.
REASON = 500


class DeliveryId(NamedTuple):
    """A delivery by its key; as text `<event>.<webhook>.<round>`."""

    event: UUID
    webhook: UUID
    round: int

    def __str__(self) -> str:
        return f"{self.event}.{self.webhook}.{self.round}"

    @classmethod
    def parse(cls, text: str) -> "DeliveryId":
        """Reads the text; raises ValueError."""
        event, webhook, number = text.split(".")
        if not (number.isascii() and number.isdigit() and len(number) <= 5):
            raise ValueError(number)
        return cls(UUID(event), UUID(webhook), int(number))


class DeliveryFilter(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """Every field narrows, and what is empty does not; of several values of a field one has to hold."""

    webhooks: tuple[UUID, ...] = ()
    states: tuple[State, ...] = ()
    #: Of the last attempt: 2 for 2xx and so on, `NO_ANSWER` where none came.
    status_classes: tuple[int, ...] = ()
    #: Of events; a batch has none.
    types: tuple[str, ...] = ()
    #: When the event was accepted: from then on, and before then.
    since: datetime | None = None
    until: datetime | None = None
    #: When the delivery ended: from then on.
    ended_since: datetime | None = None
    #: A part of the reason that the last attempt came to, in any case.
    reason: str = ""
    #: Named one by one.
    ids: tuple[DeliveryId, ...] = ()


def vet(wanted: DeliveryFilter) -> None:
    """Raises Refused, which names fields as the API spells them."""
    if issues := list(_faults(wanted)):
        raise Refused(*issues)


def _faults(wanted: DeliveryFilter) -> Iterator[Issue]:
    for name, values, most in (
        ("webhookIds", wanted.webhooks, WEBHOOKS),
        ("types", wanted.types, TYPES),
        ("ids", wanted.ids, IDS),
    ):
        if len(values) > most:
            yield Issue(subject=name, description=f"names {len(values)}, and may name {most} at most")
    if any(each not in STATUS_CLASSES for each in wanted.status_classes):
        yield Issue(subject="statusClasses", description="are the digits 1 to 5 of an HTTP status, and 0 for no answer")
    if len(wanted.reason) > REASON:
        yield Issue(subject="reason", description=f"has {len(wanted.reason)} characters, and may have {REASON}")
    for name, moment in (("since", wanted.since), ("until", wanted.until), ("endedSince", wanted.ended_since)):
        if moment is not None and moment.tzinfo is None:
            yield Issue(subject=name, description="needs its offset from UTC, such as Z")
    if wanted.since and wanted.until and wanted.since.tzinfo and wanted.until.tzinfo and wanted.since >= wanted.until:
        yield Issue(subject="until", description="is not after since: no event was accepted between them")

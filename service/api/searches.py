"""What is searched for, read from a query: the filters of deliveries and of events, for the API and for pages alike.

What a filter finds is left to `delivery/reports/delivery_search.py` and `event_search.py`.
"""

import re
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import TypeVar
from uuid import UUID

from starlette.datastructures import QueryParams

from delivery import delivery_filter
from delivery.delivery_filter import DeliveryFilter, DeliveryId
from delivery.lifecycle import State
from delivery.reports.delivery_search import DeliverySearch
from delivery.reports.event_search import EventSearch
from subscriptions.events import catalogue
from subscriptions.ground.errors import Issue, Refused

T = TypeVar("T")

#: Characters of any one value, and how many of one there may be.
LONGEST, MANY = 500, 100
#: Tags that may be asked for at once.
TAGS = 5
#: The name of an attribute that a publisher sets (CloudEvents 1.0, 3.1).
_ATTRIBUTE = re.compile(r"[a-z0-9]{1,50}\Z")
_STATUSES = range(100, 1000)


def deliveries(query: QueryParams, workspace: str | None, *, limit: int) -> DeliverySearch:
    """The search that a query spells; what is empty narrows nothing. Raises Refused, which names each parameter."""
    given = _Given(query)
    wanted = DeliveryFilter(
        webhooks=given.each("webhookId", UUID, "is no id of a webhook"),
        states=given.each("state", _state, f"is none of {', '.join(State)}"),
        status_classes=given.each("statusClass", _digit, "is none of 0 (no answer) and 1 to 5"),
        types=given.each("eventType", str, ""),
        since=given.moment("since"),
        until=given.moment("until"),
        reason=given.text("reason"),
        ids=given.each("id", DeliveryId.parse, "is no id of a delivery: <event>.<webhook>.<round>"),
    )
    asked = DeliverySearch(
        workspace_id=workspace,
        filter=wanted,
        event_id=given.text("eventId"),
        source=given.text("source"),
        statuses=given.each("status", _status, "is no HTTP status"),
        tags=given.tags(),
        text=given.text("text"),
        after=given.one("after", DeliveryId.parse, "is none that a page of this list has named"),
        limit=limit,
    )
    given.bounded(opens=bool(asked.text or asked.tags), since=wanted.since)
    delivery_filter.vet(wanted)
    return asked


def events(query: QueryParams, workspace: str | None, *, limit: int) -> EventSearch:
    """As of deliveries, of events."""
    given = _Given(query)
    asked = EventSearch(
        workspace_id=workspace,
        id=given.text("eventId"),
        source=given.text("source"),
        types=given.each("eventType", str, ""),
        since=given.moment("since"),
        until=given.moment("until"),
        tags=given.tags(),
        text=given.text("text"),
        after=given.one("after", UUID, "is none that a page of this list has named"),
        limit=limit,
    )
    given.bounded(opens=bool(asked.text or asked.tags), since=asked.since)
    if asked.since and asked.until and asked.since >= asked.until:
        raise Refused(_issue("until", "is not after since: no event was accepted between them"))
    return asked


class _Given:
    """The parameters of one query, read one by one."""

    def __init__(self, query: QueryParams) -> None:
        self._query = query
        self._issues: list[Issue] = []

    def text(self, name: str) -> str:
        """A value as it is."""
        found = self._query.get(name, "")
        if len(found) > LONGEST or "\0" in found:
            self._issues.append(_issue(name, f"has {len(found)} characters, and may have {LONGEST}, none of them NUL"))
        return found[:LONGEST]

    def each(self, name: str, read: Callable[[str], T], wrong: str) -> tuple[T, ...]:
        """All values of a parameter that may be repeated."""
        texts = [each for each in self._query.getlist(name) if each]
        if len(texts) > MANY:
            self._issues.append(_issue(name, f"is given {len(texts)} times, and may be {MANY} times"))
        found = []
        for text in texts[:MANY]:
            try:
                if len(text) > LONGEST or "\0" in text:
                    raise ValueError(text)
                found.append(read(text))
            except ValueError:
                self._issues.append(_issue(name, f"{wrong or 'is too long'}: {text[:50]!r}"))
        return tuple(found)

    def one(self, name: str, read: Callable[[str], T], wrong: str) -> T | None:
        """The value of a parameter that is given once."""
        return next(iter(self.each(name, read, wrong)), None)

    def moment(self, name: str) -> datetime | None:
        """A time with its offset from UTC; one without it is in UTC, as a field of a page gives it."""
        return self.one(name, _moment, "is no time such as 2026-11-28T14:00:00Z")

    def tags(self) -> tuple[tuple[str, str], ...]:
        """Attributes with the values that they should have: `tag=name:value`."""
        found = self.each("tag", _tag, "is no attribute and value, such as tenant:acme")
        if len(found) > TAGS:
            self._issues.append(_issue("tag", f"is given {len(found)} times, and may be {TAGS} times"))
        return found

    def bounded(self, *, opens: bool, since: datetime | None) -> None:
        """Raises what was wrong; payloads are looked into within a time range alone."""
        if opens and since is None:
            self._issues.append(_issue("since", "has to be given with text and tags: payloads are read one by one"))
        if self._issues:
            raise Refused(*self._issues)


def key(query: QueryParams, name: str) -> UUID | None:
    """One key in a query; raises Refused for what is none."""
    given = _Given(query)
    found = given.one(name, UUID, "is none that a page of this list has named")
    given.bounded(opens=False, since=None)
    return found


def spelled(types: Iterable[str], name: str, prefix: str, source: str = "query.parameter") -> None:
    """Raises Refused for a type that GreenLake's documentation spells otherwise than events do: nothing is found under it."""
    found = (catalogue.misspelt(each, prefix=prefix) for each in types)
    if issues := [Issue(subject=name, description=said, source=source) for said in found if said]:
        raise Refused(*issues)


def _issue(name: str, said: str) -> Issue:
    return Issue(subject=name, description=said, source="query.parameter")


def _state(text: str) -> State:
    return State(text.lower())


def _digit(text: str) -> int:
    if text not in {str(each) for each in delivery_filter.STATUS_CLASSES}:
        raise ValueError(text)
    return int(text)


def _status(text: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text[:4]) in _STATUSES):
        raise ValueError(text)
    return int(text)


def _moment(text: str) -> datetime:
    found = datetime.fromisoformat(text)
    found = found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
    # Keys begin with 1970, and end in the year 10889.
    if not datetime(1970, 1, 1, tzinfo=UTC) <= found < datetime(9999, 1, 1, tzinfo=UTC):
        raise ValueError(text)
    return found


def _tag(text: str) -> tuple[str, str]:
    name, colon, value = text.partition(":")
    if not colon or not _ATTRIBUTE.match(name):
        raise ValueError(text)
    return name, value

"""Whether what comes under a used id is the event that the id stands for, in another order, and if not, what differs.

Asked only where the digests of what was given differ, so that nothing is sorted for an ordinary publication. Which ids stand
for what is left to `subscriptions.events.journal`.
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from uuid import UUID

import msgspec

from subscriptions.events import attributes, journal, json_text
from subscriptions.events.event import Event
from subscriptions.events.journal import JournalEntry
from subscriptions.ground import event_keys
from subscriptions.ground.database import Raw
from subscriptions.ground.errors import Issue

#: Names that a refusal tells, and characters of each.
NAMED, LONGEST = 5, 100
#: Members that are no attributes.
DATA = frozenset({"data", "data_base64"})
#: Attributes that are moments, of CloudEvents and its documented extensions.
MOMENTS = frozenset({"time", "expirytime", "recordedtime"})

# A number's spelling counts, so that it stays what it is.
_decoder = msgspec.json.Decoder(float_hook=lambda number: msgspec.Raw(number.encode()))
_encoder = msgspec.json.Encoder(order="sorted")


async def faults(
    connection: Raw,
    calls: Sequence[Sequence[Event]],
    wanted: Mapping[bytes, Event],
    standing: Mapping[bytes, JournalEntry],
) -> dict[int, list[Issue]]:
    """What is wrong with each call, by its place, in which an id stands for another occurrence; all such ids of it.

    `wanted` and `standing` are the events whose receipts were asked for, and what stands now, by key.
    """
    doubtful: list[tuple[int, int, Event, UUID]] = []
    for place, call in enumerate(calls):
        for index, event in enumerate(call):
            if event.given_id and (entry := standing[journal.receipt_key(event)]).digest != event.digest:
                doubtful.append((place, index, event, entry.event))
    found: dict[int, list[Issue]] = {}
    if doubtful:
        # Those of this transaction are not written yet.
        bodies: dict[UUID, bytes | None] = {event.key: event.body for event in wanted.values()}
        bodies |= await journal.bodies(connection, {first for *_, first in doubtful} - bodies.keys())
        for place, index, event, first in doubtful:
            if (issue := fault(event, first, bodies.get(first), at=index)) is not None:
                found.setdefault(place, []).append(issue)
    return found


def fault(event: Event, first: UUID, body: bytes | None, *, at: int) -> Issue | None:
    """What is wrong with publishing `event`, the call's item `at`, under the id of the event `first`; None if it is the same.

    The order of members, extensions and headers does not count, every value does: of an attribute its canonical string
    (cloudevents.md C4), for a header carries no other, and of a moment which one it is. `body` is the first one's, None where
    it is not kept any more: then nobody knows.
    """
    differing = [] if body is None else list(islice(_differing(event, first, body), NAMED + 1))
    if body is not None and not differing:
        return None
    names = [f"`{name[:LONGEST]}`" for name in differing[:NAMED]] + ["more"] * (len(differing) > NAMED)
    what = (
        f": {', '.join(names[:-1])}{' and ' if names[1:] else ''}{names[-1]} {'differ' if names[1:] else 'differs'} from it"
        if names
        else ""
    )
    said = f"{event.id!r} has already been used for another occurrence{what}"
    return Issue(subject=f"[{at}].id", description=said)


def _differing(event: Event, first: UUID, body: bytes) -> Iterator[str]:
    before, now = json_text.members(body), json_text.members(event.body)
    for each in (before, now):
        # One that is not named is this one (CloudEvents JSON format 1.0.2, 3.1).
        each.setdefault("datacontenttype", b'"application/json"')
    if event.default_time and _defaulted(before.get("time", b"null"), first):
        # Neither was told: each has that of its acceptance.
        before["time"] = now["time"]
    for name in _other(before, now):
        if name in event.added:
            continue
        one, other = before.get(name, b""), now.get(name, b"")
        if name not in DATA and one and other and _attribute(name, one) == _attribute(name, other):
            continue
        if one[:1] == other[:1] == b"{":
            yield from (f"{name}.{inner}" for inner in _other(json_text.members(one), json_text.members(other)))
        else:
            yield name


def _other(before: Mapping[str, bytes], now: Mapping[str, bytes]) -> Iterator[str]:
    """The members that are not the same, in the order of the first."""
    return (name for name in {**before, **now} if not _same(before.get(name), now.get(name)))


def _same(one: bytes | None, other: bytes | None) -> bool:
    if one is None or other is None or one == other:
        return one == other
    if one[:1] == other[:1] == b'"':
        # A string in other escapes is the same one.
        return bool(json_text.load(one) == json_text.load(other))
    return _canonical(one) == _canonical(other)


def _attribute(name: str, text: bytes) -> object:
    """What an attribute comes to: an Integer, a Boolean and a string of the same letters are one in binary mode."""
    value = json_text.load(text)
    if not isinstance(value, str | int):
        return text
    return (attributes.instant(str(value)) if name in MOMENTS else None) or attributes.canonical(value)


def _canonical(text: bytes) -> bytes:
    """Compact JSON with the members of all objects in order of name, literals to the letter."""
    try:
        ordered = _encoder.encode(_decoder.decode(text))
    except (msgspec.MsgspecError, RecursionError):
        return text
    # Nothing but the order may change: a `-0` would lose its sign.
    return ordered if len(ordered) == len(text) else text


def _defaulted(time: bytes, key: UUID) -> bool:
    return time == json_text.quote(attributes.timestamp(event_keys.time_of(key)))

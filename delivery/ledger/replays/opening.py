"""What waits in a replay is opened: the next round of what has ended, the first of what was never owed (protocol.md 11.4).

It runs in the transaction that holds the replay's row. How much may be opened in a turn is `turns.py`'s to say.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

import msgspec

from delivery import lifecycle
from delivery.ledger.owing import deliveries
from delivery.ledger.owing.batches import BATCH
from delivery.ledger.owing.deliveries import Times
from delivery.ledger.predicates import PREDICATES
from delivery.ledger.records import batch_members
from delivery.ledger.records.replays import ROUNDS
from delivery.ledger.replays import item_rows
from delivery.ledger.replays.finding import states
from delivery.ledger.replays.item_rows import ReplayItem, WaitingWebhook
from delivery.ledger.replays.replay_rows import Replay, SkipReason
from delivery.lifecycle import State
from delivery.tickets import Job, JobKind
from subscriptions.ground.database import Raw
from subscriptions.ground.statements import Row, statement

# As retries by hand take turns (`ledger/records/replays.py`), but that nobody is waited for: what somebody else has waits on.
TRY_TURNS = """
SELECT event, webhook FROM unnest($1::uuid[], $2::uuid[]) AS t (event, webhook)
WHERE pg_try_advisory_xact_lock(hashtextextended(event::text || webhook::text, 0))
"""


class StandingOf(msgspec.Struct, frozen=True, kw_only=True):
    """What `standing.sql` is given."""

    events: list[UUID]
    webhooks: list[UUID]
    now: datetime


STANDING = statement(__package__, "standing", StandingOf, {"batch": BATCH})


class NewRounds(msgspec.Struct, frozen=True, kw_only=True):
    """What `round.sql` is given."""

    events: list[UUID]
    webhooks: list[UUID]
    rounds: list[int]
    states: list[State]
    dues: list[datetime | None]


class Hastened(msgspec.Struct, frozen=True, kw_only=True):
    """What `hasten.sql` is given."""

    events: list[UUID]
    webhooks: list[UUID]
    rounds: list[int]
    due_times: list[datetime]
    now: datetime


ROUND = statement(__package__, "round", NewRounds)
HASTEN = statement(__package__, "hasten", Hastened, PREDICATES)

Opening = tuple[ReplayItem, int, datetime]  # (item, round, when it is due)


@dataclass(kw_only=True)
class OpenedTurn:
    """What a turn came to."""

    opened: int = 0
    skipped: Counter[SkipReason] = field(default_factory=Counter)
    #: Of batches that may be full.
    nudges: list[Job] = field(default_factory=list)
    #: Webhooks that are to be looked at again after the commit (`owing/parking.py`).
    parked: set[UUID] = field(default_factory=set)


@dataclass(kw_only=True)
class _Turn:
    """What is to be written of a turn."""

    rounds: list[Opening] = field(default_factory=list)
    hastened: list[Opening] = field(default_factory=list)
    batches: list[tuple[UUID, int]] = field(default_factory=list)
    skipped: list[tuple[ReplayItem, SkipReason]] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True)
class ChosenItems:
    """What a turn is to open."""

    items: Sequence[ReplayItem]
    #: When the first is due, the second, ...: as many as there are items.
    due_times: Sequence[datetime]
    hooks: Mapping[UUID, WaitingWebhook]
    times: Times


async def open_items(connection: Raw, replay: Replay, chosen: ChosenItems) -> OpenedTurn:
    """Opens them, each due at its time; what somebody else has in hands waits for the next turn."""
    events, webhooks = [item.event for item in chosen.items], [item.webhook for item in chosen.items]
    mine = {ReplayItem(*row.values()) for row in await connection.fetch(TRY_TURNS, events, webhooks)}
    asked = [item for item in chosen.items if item in mine]
    now = chosen.times.now
    given = StandingOf(events=[item.event for item in asked], webhooks=[item.webhook for item in asked], now=now)
    # A statement of its own: who had the turn before has committed, and is seen.
    stand = {ReplayItem(row["event"], row["webhook"]): row for row in await STANDING.fetch(connection, given)}
    turn, due_times = _Turn(), iter(chosen.due_times)
    for item in asked:
        _sort(replay, turn, (item, stand[item]), due_times)
    result = OpenedTurn(skipped=Counter(skip for _, skip in turn.skipped))
    await _write_rounds(connection, turn, chosen, result)
    await _hasten(connection, turn, now)
    for event, number in turn.batches:
        await batch_members.replay(connection, event, number)
    opened = [*turn.rounds, *turn.hastened]
    await item_rows.opened(connection, replay.id, opened)
    await item_rows.take(connection, replay.id, [item for item, _ in turn.skipped])
    result.opened = len(opened)
    return result


def _sort(replay: Replay, turn: _Turn, found: tuple[ReplayItem, Row], due_times: Iterator[datetime]) -> None:
    item, row = found
    if row["newest"] is not None and not row["locked"]:
        return  # it is being recorded: the next turn sees what it came to
    state = None if row["state"] is None else State(row["state"])
    skip = _skip(replay, row, state)
    if skip is not None:
        turn.skipped.append((item, skip))
    elif state is State.OWED:
        turn.hastened.append((item, row["newest"], next(due_times)))
    else:
        number = 0 if row["newest"] is None else row["newest"] + 1
        turn.rounds.append((item, number, next(due_times)))
        if row["batch"]:
            turn.batches.append((item.event, number))


def _skip(replay: Replay, row: Row, state: State | None) -> SkipReason | None:
    """Why it is not to be sent again; None where it is."""
    if state in (State.PARKED, State.COLLECTING, State.BUNDLED):
        return SkipReason.WAITING
    if state is State.OWED:
        again = State.OWED in states(replay.wanted) and row["attempts"] > 0 and not row["leased"]
        return None if again else SkipReason.UNDERWAY
    if state is State.DELIVERED and (replay.missing or state not in states(replay.wanted)):
        return SkipReason.DELIVERED
    if not row["there"] or (state is None) is not replay.missing:
        return SkipReason.GONE if not replay.missing or not row["there"] else SkipReason.UNDERWAY
    if not row["payload"]:
        return SkipReason.ERASED
    if state is not None and row["newest"] >= ROUNDS:
        return SkipReason.TOO_OFTEN
    assert state is None or lifecycle.final(state)
    return None


async def _write_rounds(connection: Raw, turn: _Turn, chosen: ChosenItems, result: OpenedTurn) -> None:
    """Begins them as a publication's would; a retry of a batch's event goes alone, as one of a batch is a batch."""
    ways = [_way(chosen.hooks[item.webhook], number) for item, number, _ in turn.rounds]
    states = [deliveries.STATES[way] for way in ways]
    dues = [
        chosen.times.due(way) if way in (deliveries.Way.PARK, deliveries.Way.COLLECT) else due_at
        for way, (_, _, due_at) in zip(ways, turn.rounds, strict=True)
    ]
    events, webhooks = [item.event for item, _, _ in turn.rounds], [item.webhook for item, _, _ in turn.rounds]
    numbers = [number for _, number, _ in turn.rounds]
    given = NewRounds(events=events, webhooks=webhooks, rounds=numbers, states=states, dues=dues)
    written = {ReplayItem(*row.values()) for row in await ROUND.fetch(connection, given)}
    # Owed meanwhile: a spread, or a publication that was slow to commit, came first.
    late = [each for each in turn.rounds if each[0] not in written]
    turn.rounds = [each for each in turn.rounds if each[0] in written]
    turn.skipped += [(item, SkipReason.UNDERWAY) for item, _, _ in late]
    result.skipped[SkipReason.UNDERWAY] += len(late)
    pairs = list(zip(webhooks, ways, strict=True))
    result.parked = {webhook for webhook, way in pairs if way is deliveries.Way.PARK}
    collecting = {webhook for webhook, way in pairs if way is deliveries.Way.COLLECT}
    result.nudges = [Job(kind=JobKind.BATCH, key=webhook, fence=0) for webhook in sorted(collecting)]


def _way(hook: WaitingWebhook, number: int) -> deliveries.Way:
    if hook.batching and number == 0:
        return deliveries.Way.COLLECT
    return deliveries.Way.SEND if hook.status in ("ACTIVE", "WARNING") else deliveries.Way.PARK


async def _hasten(connection: Raw, turn: _Turn, now: datetime) -> None:
    if not turn.hastened:
        return
    given = Hastened(
        events=[item.event for item, _, _ in turn.hastened],
        webhooks=[item.webhook for item, _, _ in turn.hastened],
        rounds=[number for _, number, _ in turn.hastened],
        due_times=[due_at for _, _, due_at in turn.hastened],
        now=now,
    )
    await HASTEN.execute(connection, given)

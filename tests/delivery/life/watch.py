"""What has to hold whatever happens: each step's rows are compared with those before it, each request with what was promised.

The rules are those of deploy/spec/protocol.md. What has to hold in the end is asked in `ending.py`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec

from delivery.attempts.claims import GLANCE
from delivery.ledger.owing.batches import BATCH
from delivery.lifecycle import FINAL, MOVES, State
from subscriptions.ground import partitions
from tests.delivery.life.marks import Mark
from tests.delivery.life.replaying import ReplayWatch
from tests.delivery.life.world import Exchange, Key, Try, World

SENDABLE = ("ACTIVE", "WARNING")
#: After the answer to a delete or pause no attempt begins, except those claimed before it, at most so many seconds later: so long
#: is the margin of a lease, so far ahead is a send time, and so near to it nobody looks again.
GRACE = timedelta(seconds=5 + GLANCE)

# One way there and back: it is asked after every step.
PICTURE = """
SELECT (SELECT array_agg(c) FROM challenges c) AS challenges, (SELECT array_agg(p) FROM parcels p) AS parcels,
    (SELECT array_agg(w) FROM webhooks w) AS webhooks, (SELECT array_agg(r) FROM replays r) AS replays,
    (SELECT array_agg(i) FROM replay_items i) AS items,
    (SELECT array_agg(d ORDER BY event, webhook, round) FROM {day} d) AS deliveries
"""


@dataclass(frozen=True, kw_only=True)
class Picture:
    """The rows at the end of a step."""

    deliveries: Mapping[Key, Any] = field(default_factory=dict)
    webhooks: Mapping[UUID, Any] = field(default_factory=dict)
    challenges: Mapping[UUID, Any] = field(default_factory=dict)
    parcels: Mapping[UUID, Any] = field(default_factory=dict)
    replays: Mapping[UUID, Any] = field(default_factory=dict)
    items: Sequence[Any] = ()


class Watch:
    """Looks at the rows after each step, and at what was sent in it; raises AssertionError."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.picture = Picture()
        self.replays = ReplayWatch()
        #: Since when a webhook may not be sent to: (step, time).
        self.halted: dict[UUID, tuple[int, datetime]] = {}
        self._first = world.clock().date()
        self._claims = self._sent = 0
        self._bodies: dict[UUID, bytes] = {}
        self.erasures: dict[UUID, tuple[int, datetime]] = {}
        #: The step in which a batch lost an event.
        self._cut: dict[UUID, int] = {}
        self._send_times: dict[UUID, list[tuple[datetime, int]]] = {}

    async def again(self) -> Picture:
        """The rows as they are now, within a step."""
        return await self._picture()

    async def look(self) -> None:
        """Once after each step."""
        before, self.picture = self.picture, await self._picture()
        for claimed in self.world.claims[self._claims :]:
            self._claim(claimed, before)
        for exchange in self.world.sent[self._sent :]:
            self._send(exchange)
        for exchange in self.world.exchanges:
            if exchange.of is None:
                epoch = self.picture.webhooks[exchange.destination.webhook]["epoch"]
                self.world.epochs.setdefault(exchange.actor, epoch)
        self._claims, self._sent = len(self.world.claims), len(self.world.sent)
        self._rows(before)
        self._parcels()
        self._closed(before)
        self._halts()
        self.replays.look(self.picture.replays, self.picture.items, self.world.marks)

    def erased(self, event: UUID) -> None:
        """Batches go on without it; and what was claimed before may still begin for a while."""
        self.erasures.setdefault(event, (self.world.step, self.world.clock()))
        for key, parcel in self.picture.parcels.items():
            if event in parcel["members"]:
                self._bodies.pop(key, None)
                self._cut[key] = self.world.step

    async def _picture(self) -> Picture:
        days = [self._first + timedelta(days=n) for n in range((self.world.clock().date() - self._first).days + 1)]
        rows: list[Any] = []
        async with self.world.database.raw() as connection:
            for day in days:
                name = partitions.name_of("deliveries", day)
                [found] = await connection.fetch(PICTURE.format(day=f'"{name}"'))
                rows += found["deliveries"] or ()
        return Picture(
            deliveries={(row["event"], row["webhook"], row["round"]): row for row in rows},
            webhooks={row["id"]: row for row in found["webhooks"] or ()},
            challenges={row["webhook"]: row for row in found["challenges"] or ()},
            parcels={row["id"]: row for row in found["parcels"] or ()},
            replays={row["id"]: row for row in found["replays"] or ()},
            items=found["items"] or (),
        )

    def _rows(self, before: Picture) -> None:
        for key, row in self.picture.deliveries.items():
            old, state = before.deliveries.get(key), State(row["state"])
            if old is None:
                first = {State.OWED, State.PARKED, State.COLLECTING, State.BUNDLED if row["round"] else State.OWED}
                assert state in first | {State.BUNDLED, State.CANCELLED}, f"{key} came into being as {state}"
                sendable = self.picture.webhooks[key[1]]["status"] in SENDABLE
                self.world.marks[Mark.PARKED_LATE] += state is State.PARKED and sendable
            else:
                was = State(old["state"])
                assert state is was or state in _reach(was), f"{key} went from {was} to {state}"
                assert row["fence"] >= old["fence"], f"the fence of {key} fell"
                assert row["attempts"] >= old["attempts"] or was is State.BUNDLED, f"attempts of {key} fell"
                assert row["lost"] >= old["lost"], f"lost tries of {key} fell"
                self.world.marks[Mark.LOST_TRY] += row["lost"] > old["lost"]
            _shape(key, row)
        missing = before.deliveries.keys() - self.picture.deliveries.keys()
        assert not missing, f"rows are gone: {missing}"

    def _claim(self, claimed: Try, before: Picture) -> None:
        """A claim is of a row that nobody holds, of a webhook that may be sent to."""
        hook = before.webhooks[claimed.key[1]]
        allowed = ("ERROR",) if claimed.held.probe else SENDABLE
        assert hook["deleted_at"] is None, f"claimed for a deleted webhook: {claimed.key}"
        assert hook["status"] in allowed, f"claimed for a webhook in {hook['status']}: {claimed.key}"
        old = before.deliveries.get(claimed.key)
        if old is not None and claimed.told is not None:
            assert old["fence"] in claimed.told, f"{claimed.key} was claimed by an old ticket"
        elif old is not None and not claimed.held.probe:
            assert old["due_at"] is not None, f"{claimed.key} was claimed while {old['state']}"
            assert old["due_at"] <= claimed.claimed_at, f"{claimed.key} was claimed before it was due"
        for other in self.world.claims:
            if other is not claimed and other.key == claimed.key and not other.done and other.step <= claimed.step:
                assert other.lease_ends <= claimed.claimed_at, f"two hands hold {claimed.key}"
        if claimed.held.claimed.send_at is not None:
            self._paced(claimed, hook["endpoint_rate_limit"])

    def _paced(self, claimed: Try, rate: int) -> None:
        """Send times of a webhook lie a minute's share apart, those of a rate that was changed by the faster of both."""
        send_at, given = claimed.held.claimed.send_at, self._send_times.setdefault(claimed.key[1], [])
        assert send_at is not None
        for other, of_rate in given:
            apart = abs((send_at - other).total_seconds())
            assert apart >= 60 / max(rate, of_rate) - 0.001, f"send times of {claimed.key[1]} are {apart} s apart"
        given.append((send_at, rate))

    def _send(self, exchange: Exchange) -> None:
        trial = exchange.of
        assert trial is not None
        assert trial.sent_at is not None
        assert trial.sent_at < trial.lease_ends, f"{trial.key} was sent after its lease"
        send_at = trial.held.claimed.send_at
        assert send_at is None or trial.sent_at >= send_at, f"{trial.key} was sent before its send time"
        self.world.marks[Mark.RETRIED_BATCH] += trial.held.claimed.type == BATCH and trial.held.claimed.attempts > 0
        if trial.key[1] in self.halted and not trial.held.probe:
            self.world.marks[Mark.HALTED_TRY] += 1
            step, since = self.halted[trial.key[1]]
            assert trial.step <= step, f"{trial.key} was claimed after its webhook was halted"
            assert trial.sent_at - since <= GRACE, (
                f"{trial.key} was sent {trial.sent_at - since} after its webhook's halt"
            )
            waited = send_at is not None and (send_at - (trial.begun_at or send_at)).total_seconds() >= GLANCE
            assert not (waited and send_at is not None and since < send_at), (
                f"{trial.key} did not look again at its send time"
            )
        if trial.key[0] in self.erasures:
            self.world.marks[Mark.ERASED_TRY] += 1
            step, since = self.erasures[trial.key[0]]
            assert trial.step <= step, f"{trial.key} was claimed with a payload that was erased"
            # A look at a send time is for the webhook: what is erased is sent within the lease, which counts from the send time.
            late = trial.sent_at - max(since, send_at or since)
            assert late <= GRACE, f"{trial.key} was sent {late} after its erasure"
        if trial.step > self._cut.get(trial.key[0], 0):
            body = self._bodies.setdefault(trial.key[0], exchange.parcel.body)
            assert body == exchange.parcel.body, f"{trial.key} was sent with other bytes"
        self._one_probe(trial)

    def _one_probe(self, trial: Try) -> None:
        if not trial.held.probe:
            return
        others = [
            exchange.of
            for exchange in self.world.exchanges
            if exchange.of is not None and exchange.of.held.probe and exchange.of.key[1] == trial.key[1]
        ]
        live = [other for other in others if other is not trial and other.lease_ends > self.world.clock()]
        epochs = {other.held.claimed.epoch for other in live}
        assert trial.held.claimed.epoch not in epochs, f"two probes of {trial.key[1]} at once"

    def _parcels(self) -> None:
        """No event in two parcels; what is sent is what it carries; members that ended did as their parcel did."""
        carried: dict[tuple[UUID, UUID], UUID] = {}
        for key, parcel in self.picture.parcels.items():
            assert len(parcel["members"]) <= 10
            for member in parcel["members"]:
                assert carried.setdefault((parcel["webhook"], member), key) == key, f"{member} is in two parcels"
                self._member(parcel, member)
            if key in self._bodies:
                carries = len(msgspec.json.decode(self._bodies[key]))
                assert carries == len(parcel["members"]), f"parcel {key} carries {carries} events"

    def _closed(self, before: Picture) -> None:
        """Marks new batches beside which an earlier delivery to their webhook waits to be tried again."""
        for key in self.picture.parcels.keys() - before.parcels.keys():
            hook = self.picture.parcels[key]["webhook"]
            waiting = [
                row
                for (_, webhook, _), row in self.picture.deliveries.items()
                if webhook == hook and row["state"] == "owed" and row["attempts"] and row["leased_until"] is None
            ]
            self.world.marks[Mark.BATCH_BESIDE_RETRY] += bool(waiting)

    def _member(self, parcel: Any, member: UUID) -> None:
        for (event, webhook, number), row in self.picture.deliveries.items():
            if event == member and webhook == parcel["webhook"]:
                owner = self.picture.deliveries.get((parcel["id"], webhook, number))
                assert owner is not None, f"round {number} of member {member} has no parcel"
                if row["state"] != "bundled":
                    assert row["state"] == owner["state"], f"{member} is {row['state']}, its parcel {owner['state']}"

    def _halts(self) -> None:
        for key, hook in self.picture.webhooks.items():
            if hook["status"] in SENDABLE and hook["deleted_at"] is None:
                self.halted.pop(key, None)
            else:
                self.halted.setdefault(key, (self.world.step, self.world.clock()))


def _reach(state: State) -> set[State]:
    """One step may make a row owed and end it: a wake that finds its webhook deleted, a probe that takes a parked one."""
    return set(MOVES[state])


def _shape(key: Key, row: Any) -> None:
    """The columns that a state brings with it (protocol.md 1.2)."""
    state = State(row["state"])
    assert (row["ended_at"] is not None) == (state in FINAL), f"{key} is {state}, ended {row['ended_at']}"
    assert (row["due_at"] is not None) == (state in (State.OWED, State.COLLECTING)), (
        f"{key} is {state}, due {row['due_at']}"
    )
    assert row["leased_until"] is None or state is State.OWED, f"{key} is {state} and leased"

"""What was promised to whom: receipts to publishers, an end to every event, nothing to old epochs; checked as it is kept.

What rows may do between two steps is left to `watch.py`.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from delivery.delivery_filter import DeliveryId
from delivery.lifecycle import FINAL
from delivery.reports.recent_deliveries import Retried
from delivery.upkeep.by_hand import HandResult
from delivery.wire.parcels import Failure, Reply
from subscriptions.events.event import Event
from subscriptions.ground.errors import Absent, Conflicting, Refused
from tests.delivery.craft import WORKSPACE
from tests.delivery.life.marks import Mark
from tests.delivery.life.watch import Picture, Watch
from tests.delivery.life.world import Exchange, Key, Process, Try, World


@dataclass(frozen=True, kw_only=True)
class Accepted:
    """An event that a publisher holds a receipt of."""

    #: Those who had their 201 before its publication began.
    owed: frozenset[UUID]


@dataclass
class Promises:
    """Kept by the machine beside the product."""

    subscribed: dict[UUID, frozenset[str]] = field(default_factory=dict)
    accepted: dict[UUID, Accepted] = field(default_factory=dict)
    #: What an id stands for: the digest and key of its first event.
    given: dict[str, tuple[bytes, UUID]] = field(default_factory=dict)
    #: Rounds that retries by hand have begun, but for members of batches.
    by_hand: int = 0

    async def publish(self, process: Process, made: Sequence[Event]) -> None:
        """Accepted, in the order given."""
        owed = [frozenset(hook for hook, kinds in self.subscribed.items() if each.type in kinds) for each in made]
        receipts = await process.craft.intake.publish(made)
        assert [receipt.key for receipt in receipts] == [each.key for each in made]
        for each, to in zip(made, owed, strict=True):
            self.accepted[each.key] = Accepted(owed=to)

    async def publish_given(self, process: Process, made: Sequence[Event]) -> None:
        """The first of them has an id that may have been given before."""
        known = self.given.get(made[0].id)
        if known is None or known[0] == made[0].digest:
            owed = [frozenset(hook for hook, kinds in self.subscribed.items() if each.type in kinds) for each in made]
            receipts = await process.craft.intake.publish(made)
            assert receipts[0].duplicate is (known is not None)
            assert receipts[0].key == (made[0].key if known is None else known[1])
            self.given[made[0].id] = (made[0].digest, receipts[0].key)
            self.accepted.setdefault(receipts[0].key, Accepted(owed=owed[0]))
            self.accepted[made[1].key] = Accepted(owed=owed[1])
            return
        try:
            await process.craft.intake.publish(made)
        except Conflicting:
            return
        raise AssertionError(f"{made[0].id} was accepted twice")

    async def record(self, world: World, watch: Watch, process: Process, tries: Sequence[Try]) -> None:
        """A success is kept; a failure under another fence than its row's changes nothing."""
        before = watch.picture
        await world.record(process, tries)
        after = await watch.again()
        for each in tries:
            world.marks.update(_check_record(each, before, after))

    async def retry(self, watch: Watch, process: Process, trial: Try) -> None:
        """By hand, of what a destination was sent; what is under way stays as it is."""
        event, hook, _ = trial.key
        before = watch.picture.deliveries
        try:
            _, retried = await process.history.retry(WORKSPACE, hook, event)
        except (Absent, Refused):
            retried = None
        after = (await watch.again()).deliveries
        changed = {key for key in after if key not in before or dict(before[key]) != dict(after[key])}
        self.by_hand += (event, hook) in {key[:2] for key in after.keys() - before.keys()}
        assert (retried is Retried.SUBMITTED) <= bool(changed), f"{trial.key} was submitted, and nothing changed"
        for key in changed & before.keys():
            leased = before[key]["leased_until"]
            assert leased is None or leased <= process.craft.clock(), f"{key} was under way, and was changed by hand"

    async def moved(self, watch: Watch, process: Process, key: Key, what: str) -> None:
        """By hand, of any delivery: what is under way or delivered stays as it is (protocol.md 8.4, 8.5)."""
        before = watch.picture.deliveries
        try:
            moved = await getattr(process.by_hand, what)(WORKSPACE, DeliveryId(*key))
        except (Absent, Refused):
            moved = None
        after = (await watch.again()).deliveries
        changed = {each for each in before if dict(before[each]) != dict(after[each])}
        self.by_hand += key[:2] in {each[:2] for each in after.keys() - before.keys()}
        for each in changed:
            leased = before[each]["leased_until"]
            assert leased is None or leased <= process.craft.clock(), f"{each} was under way, and was changed by hand"
            assert before[each]["state"] not in FINAL, f"{each} had ended, and was changed by hand"
        if moved is not None and moved.result is HandResult.CANCELLED:
            assert (after[key]["state"], after[key]["fence"]) == ("cancelled", before[key]["fence"] + 1)
        elif moved is not None and before[key]["state"] in FINAL:
            assert moved.id == (*key[:2], key[2] + 1) in after, f"{key} was to be sent again, and is not"

    async def judged(self, world: World, watch: Watch, exchange: Exchange, answer: Reply | Failure | None) -> None:
        """A challenge is answered; of an epoch that is over it changes neither status nor the challenge that replaced it."""
        hook, before = exchange.destination.webhook, watch.picture
        epoch = world.epochs.get(exchange.actor)
        await world.let(exchange, answer)
        await world.stage.settled()
        after = await watch.again()
        if epoch is not None and before.webhooks[hook]["epoch"] != epoch:
            verified = exchange.actor in world.verifying
            world.marks[Mark.LATE_VERIFICATION if verified else Mark.LATE_CHALLENGE] += 1
            assert _standing(before, hook) == _standing(after, hook), f"an answer of epoch {epoch} moved {hook}"


def _check_record(trial: Try, before: Picture, after: Picture) -> Iterator[Mark]:
    """Raises AssertionError; answers what it was that was recorded."""
    assert trial.ended is not None
    old, row = before.deliveries[trial.key], after.deliveries[trial.key]
    late = old["fence"] != trial.held.claimed.fence
    if trial.ended.result.ok and trial.ended.record.state == "delivered":
        assert row["state"] in ("delivered", "cancelled", "expired"), f"{trial.key} succeeded and is {row['state']}"
        if late:
            yield Mark.LATE_SUCCESS
    elif late or old["state"] in FINAL or old["state"] != "owed":
        assert dict(old) == dict(row), f"a late failure changed {trial.key}"
        if late:
            yield Mark.LATE_FAILURE
    elif trial.ended.record.state == "owed":
        assert row["fence"] > old["fence"], f"{trial.key} was put off under the fence of its claim"
        assert row["attempts"] == old["attempts"] + trial.ended.record.counts


def _standing(picture: Picture, hook: UUID) -> tuple[Any, Any]:
    row = picture.webhooks[hook]
    challenge = picture.challenges.get(hook)
    # A challenge that was found old may be ended by whoever carries it: its own row, which nobody replaced.
    return (row["status"], row["epoch"], row["state_reason"], row["endpoint_rate_limit"]), _of_epoch(
        challenge, row["epoch"]
    )


def _of_epoch(challenge: Any, epoch: int) -> Any:
    return dict(challenge) if challenge is not None and challenge["epoch"] == epoch else None

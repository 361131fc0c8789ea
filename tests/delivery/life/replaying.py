"""Replays in a life: how they are asked for and ordered, and what has to hold of their rows after each step (protocol.md 11).

What becomes of the deliveries that they open is asked in `watch.py`, as of all others.
"""

import contextlib
from collections import Counter
from collections.abc import Mapping, Sequence
from random import Random
from typing import Any
from uuid import UUID

import msgspec

from delivery.delivery_filter import DeliveryFilter
from delivery.lifecycle import FINAL, State
from delivery.upkeep.replays import Replay, ReplayProgress, ReplayRequest, ReplayState
from subscriptions.ground.errors import Absent, Conflicting, LimitReached
from tests.delivery.craft import WORKSPACE
from tests.delivery.life.marks import Mark
from tests.delivery.life.world import Process

OPEN = ("running", "paused")
#: What is meant: mostly what was lost.
LOST_OR_TAKEN = (State.FAILED, State.DELIVERED)
MEANT: tuple[tuple[State, ...], ...] = ((), (), (State.EXPIRED,), LOST_OR_TAKEN, LOST_OR_TAKEN, (State.OWED,))


async def ask(process: Process, hooks: Sequence[UUID], draw: Random) -> None:
    """Of one webhook, or of all."""
    missing = draw.random() < 0.2
    wanted = DeliveryFilter(
        webhooks=(draw.choice(hooks),) if draw.random() < 0.3 else (),
        states=() if missing else draw.choice(MEANT),
    )
    asked = ReplayRequest(
        workspace_id=WORKSPACE, wanted=wanted, missing=missing, per_second=draw.choice([0.2, 2.0, 50.0])
    )
    with contextlib.suppress(Absent, LimitReached):
        await process.craft.assembly.replays.ask(asked, by="a test")


async def ask_slowly(process: Process) -> Replay | None:
    """Of all that was tried, whatever came of it; None where as many are open as may be."""
    asked = ReplayRequest(workspace_id=WORKSPACE, wanted=DeliveryFilter(states=LOST_OR_TAKEN), per_second=0.2)
    with contextlib.suppress(LimitReached):
        return await process.craft.assembly.replays.ask(asked, by="a test")
    return None


async def order(process: Process, replay: UUID, state: ReplayState) -> None:
    """It may be over by now."""
    with contextlib.suppress(Conflicting):
        await process.craft.assembly.replays.order(WORKSPACE, replay, state)


def progress(row: Any) -> ReplayProgress:
    """What it has counted."""
    return msgspec.json.decode(row["progress"], type=ReplayProgress)


class ReplayWatch:
    """Compares the rows of replays with those of the step before."""

    def __init__(self) -> None:
        self._before: Mapping[UUID, Any] = {}
        #: Since when, in steps, each has been paused.
        self._paused: dict[UUID, int] = {}

    def look(self, replays: Mapping[UUID, Any], items: Sequence[Any], marks: Counter[Mark]) -> None:
        """Counts agree with items; nothing falls, ends twice, or is opened after an order (protocol.md 11.5, 11.6)."""
        waiting = Counter(item["replay"] for item in items if item["stage"] == 0)
        underway = Counter(item["replay"] for item in items if item["stage"] > 0)
        for key, row in replays.items():
            counts, old = progress(row), self._before.get(key)
            if row["state"] != "cancelled":
                assert counts.waiting == waiting[key], f"replay {key} counts {counts.waiting} that wait"
            assert counts.underway == underway[key], f"replay {key} counts {counts.underway} under way"
            if old is not None:
                self._step(old, row, marks)
            if row["state"] == "finished":
                assert row["found_all"], f"replay {key} has finished and not searched all"
                assert not counts.waiting, f"replay {key} has finished, and left some"
                marks[Mark.REPLAYED] += counts.opened > 0
            assert not (row["missing"] and counts.found), f"replay {key} found what is owed to be missing"
        assert not self._before.keys() - replays.keys(), "a replay is gone"
        self._before = replays

    def _step(self, old: Any, row: Any, marks: Counter[Mark]) -> None:
        key, before, after = row["id"], progress(old), progress(row)
        assert row["fence"] >= old["fence"], f"the fence of replay {key} fell"
        for name in ("found", "opened", "delivered", "failed", "cancelled"):
            assert getattr(after, name) >= getattr(before, name), f"{name} of replay {key} fell"
        assert old["state"] in (*OPEN, row["state"]), f"replay {key} was {old['state']}, and is {row['state']}"
        if old["state"] != "running" and row["state"] == old["state"]:
            assert after.opened == before.opened, f"replay {key} opened some while it was {row['state']}"
        marks[Mark.REPLAY_PAUSED] += row["state"] == "paused" and after.waiting > 0
        lapsed = old["leased_until"] is not None and row["fence"] > old["fence"]
        marks[Mark.REPLAY_TAKEN_OVER] += lapsed

    def ended(self, picture: Any, rounds: int, by_hand: int) -> None:
        """After the calm: what has been opened is what was opened anew, once each; none that runs has anything to do but to
        wait for what is kept for a webhook that nobody may send to."""
        kept = {
            item["replay"]
            for item in picture.items
            if item["stage"] > 0
            and picture.deliveries[item["event"], item["webhook"], item["round"]]["state"] not in FINAL | {State.OWED}
        }
        # What waited to be tried again is made due, if it has not ended by then: that is no round.
        opened = hastened = 0
        for key, row in picture.replays.items():
            counts = progress(row)
            over = row["state"] != "running" or (key in kept and not counts.waiting)
            assert over, f"replay {key} runs on: {row['progress']}"
            if State.OWED in msgspec.json.decode(row["wanted"], type=DeliveryFilter).states:
                hastened += counts.opened
            else:
                opened += counts.opened
        told = f"{rounds} rounds, {opened} by replays and {by_hand} by hand, {hastened} made due"
        assert opened + by_hand <= rounds <= opened + hastened + by_hand, told

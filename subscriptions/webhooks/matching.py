"""Matching: which of those who subscribed to an event's type want this event.

Who subscribed is read by `delivery/ledger/owing/deliveries.py`, what a filter says is `webhooks/filters/event_filter.py`'s.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeVar

import msgspec

from subscriptions.ground.errors import Refused
from subscriptions.webhooks.filters import event_filter
from subscriptions.webhooks.filters.event_filter import Filter
from subscriptions.webhooks.filters.step_budget import Run, StepsExhausted

log = logging.getLogger("hooklake.subscriptions")

#: Steps after which others on the loop get their turn: a fifth of a millisecond.
TURN = 2000
#: How the filter of a subscription begins that understands one version: the `dataschema`s of its events (JSON) and a line
#: break come before what was asked for, as `candidates.sql` puts them together. No filter begins so.
PIN = "["
#: Bytes of an event that are read in a step, as a power of two.
_A_STEP = 5


class Candidate(Protocol):
    """Whoever subscribed to the type of an event."""

    @property
    def event_filter(self) -> str:
        """Empty: every event of the type."""


class _Said(msgspec.Struct, frozen=True):
    """What an event says of its schema."""

    dataschema: str | None = None


_said = msgspec.json.Decoder(_Said)
_accepted = msgspec.json.Decoder(list[str])

C = TypeVar("C", bound=Candidate)


@dataclass(slots=True)
class Steps:
    """What asking takes, over one event or many."""

    #: What one filter may take of one event.
    each: int
    #: By all so far.
    taken: int = 0
    #: When others on the loop get their turn.
    turn: int = TURN
    #: For one filter after another.
    run: Run = field(default_factory=Run)


class Matching(Generic[C]):
    """Which of the candidates want one event: asked in turns, so that others on the loop get theirs between two."""

    def __init__(self, body: bytes, candidates: Sequence[C], steps: Steps, *, room: float) -> None:
        """`body` is its structured JSON; nobody more is asked once `room` steps were taken."""
        #: Those who want it, in order.
        self.wanted: list[C] = []
        #: Those of them whose filter took all its steps and let the event pass undecided.
        self.exhausted: list[C] = []
        #: How many candidates were asked: in the end all, or as many as there was room for.
        self.asked = 0
        self._candidates = iter(candidates)
        self._many = len(candidates)
        self._steps = steps
        self._end = steps.taken + room
        # The event is decoded once, and only where somebody has a filter.
        self._data = None
        self._body = body
        self._dataschema: str | None = None
        if any(each.event_filter for each in candidates):
            steps.taken += len(body) >> _A_STEP
            self._data = event_filter.data_of(body)

    def more(self) -> bool:
        """Takes a turn: true where another one is needed, which others should have theirs before. Never raises."""
        steps = self._steps
        if steps.taken <= steps.turn:
            self._turn(min(self._end, steps.turn))
        if self.asked == self._many or steps.taken > self._end:
            return False
        steps.turn = steps.taken + TURN
        return True

    def _turn(self, until: float) -> None:
        compiled, steps, want = event_filter.compiled, self._steps, self.wanted.append
        taken, asked = steps.taken, 0
        of_late = compiled.young.get
        data, run = self._data, steps.run
        for asked, each in enumerate(self._candidates, 1):  # noqa: B007  how many there were
            text: str | None = each.event_filter
            if not text:
                want(each)
                continue
            kept = of_late(text)
            if kept is None:
                # What is pinned is never among those; of others nobody asks whether they are.
                if text[0] == PIN:
                    text = self._unpinned(text)
                    if not text:
                        if text is not None:
                            want(each)
                        continue
                try:
                    kept = compiled(text)
                except Refused as error:
                    # Kept by a release that took it. One event too many can be ignored by its subscriber, one too few can not
                    # be made up.
                    log.error("filter.unreadable %s text=%r", error, text)
                    want(each)
                    continue
            taken += kept.steps
            if kept.grows:
                taken += self._weigh(kept, each)
            elif kept.test(data, run):
                want(each)
            if taken > until:
                break
        steps.taken = taken
        self.asked += asked

    def _unpinned(self, text: str) -> str | None:
        """What a pinned subscription asks of the event beside its version; None where the event is of another one."""
        accepted, _, rest = text.partition("\n")
        if self._dataschema is None:
            self._dataschema = _said.decode(self._body).dataschema or ""
        return rest if self._dataschema in _accepted.decode(accepted) else None

    def _weigh(self, kept: Filter, candidate: C) -> int:
        """Asks a filter that takes more of larger data; answers what it took."""
        run, most = self._steps.run, self._steps.each
        run.begin(most)
        try:
            if kept.test(self._data, run):
                self.wanted.append(candidate)
        except StepsExhausted:
            self.wanted.append(candidate)
            self.exhausted.append(candidate)
            return most
        return most - int(run.left)

"""`make fuzz`: looks for inputs that break what must hold, and keeps those and all that lead somewhere new.

Replaying them is left to `test_corpus.py`.
"""

import argparse
import random
import sys
import time
from datetime import timedelta

from hypothesis import HealthCheck, given, seed, settings

from tests.fuzz import arcs, corpus
from tests.fuzz.arcs import Arc
from tests.fuzz.mutations import mutated
from tests.fuzz.targets import TARGETS, Target

#: Inputs between two looks at the clock; what they found is changed in the next round.
ROUND = 300
#: No input of these lengths may take longer.
PATIENCE = timedelta(seconds=2)
#: Characters of an error and bytes of an input that are printed.
SHOWN = 400


class Hunt:
    """The search for one target."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.tried = self.found = 0
        self.broken: str | None = None
        self._target: Target = TARGETS[name]
        self._inputs = corpus.inputs(name)
        self._seen: set[Arc | str] = set()
        for kept in self._inputs:
            self._look(kept)

    def round(self, number: int) -> None:
        """Attempts some; the smallest that breaks is kept, and ends the hunt."""
        smallest: list[bytes] = []

        @seed(number)
        @settings(max_examples=ROUND, deadline=PATIENCE, database=None, suppress_health_check=list(HealthCheck))
        @given(mutated(self._inputs, self._target.words))
        def holds(made: bytes) -> None:
            smallest[:] = [made]
            if self._look(made):
                self._inputs.append(made)
                corpus.keep(self.name, made)
                self.found += 1

        try:
            holds()
        except Exception as error:
            file = corpus.keep(self.name, smallest[0])
            said = f"{type(error).__name__}: {error}"
            self.broken = f"{self.name}: {said[:SHOWN]}\n  {smallest[0][:SHOWN]!r}\n  kept as {file}"

    def _look(self, made: bytes) -> bool:
        """Whether it takes a step that none before it took, or comes to another end."""
        ends: list[str] = []
        steps: set[Arc | str] = set()
        steps |= arcs.taken(self._target.watched, lambda: ends.append(self._target.check(made)))
        steps.update(ends)
        self.tried += 1
        new = steps - self._seen
        self._seen |= new
        return bool(new)


def main() -> int:
    """Hunts target by target for equal shares of the time; 1 where something broke."""
    parser = argparse.ArgumentParser(prog="make fuzz", description=__doc__)
    parser.add_argument("--seconds", type=float, default=120)
    parser.add_argument(
        "--seed", type=int, default=random.randrange(10**6), help="the same seed and corpus try the same"
    )
    parser.add_argument("--target", choices=TARGETS, action="append", help="may be given repeatedly; all without")
    asked = parser.parse_args()
    names = asked.target or list(TARGETS)
    broken = []
    for name in names:
        hunt, until, number = Hunt(name), time.monotonic() + asked.seconds / len(names), asked.seed
        while hunt.broken is None and time.monotonic() < until:
            hunt.round(number)
            number += 1
        print(f"{name}: tried={hunt.tried} kept={hunt.found} {'BROKEN' if hunt.broken else 'holds'}", flush=True)
        broken += [hunt.broken] if hunt.broken else []
    print(*broken, f"broken={len(broken)} seed={asked.seed}", sep="\n")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())

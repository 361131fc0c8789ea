"""The crash suite: `make crash`, or `python -m tests.crash --seconds 600 --seed 7`; its last line has the figures of all of it.

Its storm is left to `storm.py`; what that breaks, and when, to `faults.py`; what is away for minutes, to `outages.py`.
"""

import argparse
import asyncio
import random
import sys

from deploy.home import CannotStart
from deploy.local import say
from tests.crash import faults, outages, storm, tally
from tests.crash.storm import Wreck
from tests.crash.tally import Figures

#: Of the storm. With two outages, all beginnings and ends, `make crash` takes a good ten minutes.
SECONDS = 240.0
#: Of each outage at most, and as a share of a shorter storm.
OUTAGE, SHARE = 180.0, 3 / 4


def main() -> int:
    """The exit status: 0 where nothing was lost, stuck or repeated without need."""
    parser = argparse.ArgumentParser(prog="python -m tests.crash", description=__doc__)
    parser.add_argument(
        "--seconds",
        type=float,
        default=SECONDS,
        help="of the storm; what comes after it comes on top",
    )
    parser.add_argument("--seed", type=int, default=random.randrange(10_000), help="repeats the faults of another run")
    given = parser.parse_args()
    try:
        figures = asyncio.run(_run(given.seed, given.seconds))
    except (Wreck, CannotStart) as error:
        say(str(error))
        return 1
    say(str(figures))
    return 0


async def _run(seed: int, seconds: float) -> Figures:
    """The storm, and then both outages; raises Wreck."""
    return tally.total(
        [
            await storm.run(seed, seconds, faults.storm(seed, seconds), say=say),
            await outages.run(seed, min(OUTAGE, seconds * SHARE), say=say),
        ]
    )


if __name__ == "__main__":
    sys.exit(main())

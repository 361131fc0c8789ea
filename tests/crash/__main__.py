"""The crash suite: `make crash`, or `python -m tests.crash --seconds 600 --seed 7`; its last line has the figures.

One storm of it is left to `storm.py`; what it breaks, and when, to `faults.py`.
"""

import argparse
import asyncio
import random
import sys

from deploy.home import CannotStart
from deploy.local import say
from tests.crash import faults, storm
from tests.crash.storm import Wreck

#: What `make crash` takes, with its beginning and its end, is about ten minutes.
SECONDS = 540.0


def main() -> int:
    """The exit status: 0 where nothing was lost, stuck or repeated without need."""
    parser = argparse.ArgumentParser(prog="python -m tests.crash", description=__doc__)
    parser.add_argument("--seconds", type=float, default=SECONDS, help="of load; the wait for the rest comes on top")
    parser.add_argument("--seed", type=int, default=random.randrange(10_000), help="repeats the faults of another run")
    given = parser.parse_args()
    try:
        figures = asyncio.run(storm.run(given.seed, given.seconds, faults.storm(given.seed, given.seconds), say=say))
    except (Wreck, CannotStart) as error:
        say(str(error))
        return 1
    say(str(figures))
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""`make life`: the machine for as long as is asked, or `python -m tests.delivery.life --seconds 120 --seed 1`.

It ends in one line of figures, before it what never arose; a broken promise is told with the steps that lead there, and status 1.
"""

import argparse
import asyncio
import logging
import random
import shutil
import sys
import tempfile
from pathlib import Path

from deploy import stores
from tests.conftest import make_tables
from tests.delivery.life import exploring
from tests.delivery.life.exploring import Explored, Violation

#: Steps of one life, before its calm.
STEPS = 80


def main() -> int:
    """Explores on servers of its own; the exit status."""
    parser = argparse.ArgumentParser(prog="make life", description=__doc__)
    parser.add_argument("--seconds", type=float, default=120.0)
    parser.add_argument(
        "--seed", type=int, default=random.randrange(10**6), help="draws the lives of another run again"
    )
    asked = parser.parse_args()
    logging.disable()
    directory = Path(tempfile.mkdtemp(prefix="hl-"))
    try:
        with stores.running(directory, say=lambda _line: None) as servers:
            asyncio.run(make_tables(servers.database_url))
            found = asyncio.run(_explore(servers.database_url, asked.seconds, asked.seed))
    except Violation as error:
        print(f"{error}\nviolations=1 seed={asked.seed}")
        return 1
    finally:
        shutil.rmtree(directory)
    for name in found.unseen:
        print(f"never: {name}")
    speed = found.steps / found.seconds
    print(f"violations=0 lives={found.lives} steps={found.steps} per_second={speed:.0f} seed={asked.seed}")
    return 0


async def _explore(url: str, seconds: float, seed: int) -> Explored:
    async with exploring.door(url) as database:
        return await exploring.explore(database, seed=seed, steps=STEPS, seconds=seconds)


if __name__ == "__main__":
    sys.exit(main())

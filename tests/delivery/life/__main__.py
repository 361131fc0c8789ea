"""The machine for as long as is asked: `python -m tests.delivery.life --seconds 120 --seed 1`.

It ends in one line of figures; what it finds is raised with the steps that lead there.
"""

import argparse
import asyncio
import logging
import shutil
import tempfile
from pathlib import Path

from deploy import stores
from tests.conftest import make_tables
from tests.delivery.life import exploring
from tests.delivery.life.exploring import Explored

#: Steps of one life, before its calm.
STEPS = 80


def main() -> None:
    """Explores on servers of its own."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=120.0)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    logging.disable()
    directory = Path(tempfile.mkdtemp(prefix="hl-"))
    try:
        with stores.running(directory, say=lambda _line: None) as servers:
            asyncio.run(make_tables(servers.database_url))
            found = asyncio.run(_explore(servers.database_url, asked.seconds, asked.seed))
    finally:
        shutil.rmtree(directory)
    speed = found.steps / found.seconds
    print(f"violations=0 lives={found.lives} steps={found.steps} per_second={speed:.0f} seed={asked.seed}")


async def _explore(url: str, seconds: float, seed: int) -> Explored:
    async with exploring.door(url) as database:
        return await exploring.explore(database, seed=seed, steps=STEPS, seconds=seconds)


if __name__ == "__main__":
    main()

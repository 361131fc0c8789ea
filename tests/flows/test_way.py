"""The way of an occurrence is the one that README tells."""

import asyncio
import json
import os
import re
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
#: The stations that it names: a file, and the function to begin with.
STATION = re.compile(r"^\d+\. `([\w/]+\.py)`, `([\w.]+)`: ", re.MULTILINE)
COUNTS = re.compile(r"passes through some (\d+) files\. Whoever reads these (\d+) functions, in this order")


async def test_an_occurrence_goes_where_readme_says() -> None:
    """Each function that README names runs for an occurrence, for the first time after the one before it; both counts hold."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith("HOOKLAKE_")}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.flows.way"), cwd=ROOT, env=environ, stdout=-1, stderr=-1
    )
    async with asyncio.timeout(120):
        printed, errors = await process.communicate()
    assert process.returncode == 0, errors.decode()
    way = list(dict.fromkeys(tuple(json.loads(line)) for line in printed.splitlines() if line.startswith(b'["')))
    stations = STATION.findall(README)

    assert [station for station in stations if station not in way] == []
    assert sorted(stations, key=way.index) == stations
    counts = COUNTS.search(README)
    assert counts is not None
    assert int(counts[2]) == len(stations)
    assert abs(int(counts[1]) - len({file for file, _ in way})) <= 10

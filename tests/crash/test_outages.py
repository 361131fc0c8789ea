"""The database and the broker are gone for a while, or take connections and say nothing; `make crash` has the long form."""

from collections.abc import Mapping
from dataclasses import dataclass

import pytest
import pytest_asyncio

from tests.crash import outages, storm
from tests.crash.faults import Blow, Fault
from tests.crash.outages import Aftermath
from tests.crash.tally import Figures

pytestmark = pytest.mark.asyncio(loop_scope="module")

#: One after another on one ground; what stands still does so for longer than anybody waits for it.
OUTAGES = {
    "database gone": Fault(blow=Blow.AWAY, target="postgres", seconds=15.0),
    "broker gone": Fault(blow=Blow.AWAY, target="redis", seconds=15.0),
    "database silent": Fault(blow=Blow.STOP, target="postgres", seconds=6.0),
    "broker silent": Fault(blow=Blow.STOP, target="redis", seconds=4.0),
}


@dataclass(frozen=True, kw_only=True)
class Endured:
    """What became of all of them."""

    aftermaths: Mapping[str, Aftermath]
    figures: Figures


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def endured() -> Endured:
    async with outages.raised(print) as ground:
        aftermaths = {name: await outages.suffered(ground, fault) for name, fault in OUTAGES.items()}
        figures = await storm.counted(ground, await storm.settled(ground), seed=0)
    return Endured(aftermaths=aftermaths, figures=figures)


async def test_broker_down(endured: Endured) -> None:
    """Broker down, publish: 202, and delivered once it is back.

    Never 202 and lost.
    """
    gone = endured.aftermaths["broker gone"]

    assert gone.refused == {}
    assert gone.accepted > gone.fault.seconds * outages.RATE / 2
    assert (endured.figures.lost, endured.figures.stuck, endured.figures.complaints) == (0, 0, [])


async def test_database_down(endured: Endured) -> None:
    """Database down: 503 within the time-out, and recovery without a restart."""
    gone = endured.aftermaths["database gone"]

    # What is not answered within the tenant's patience would stand there by another name.
    assert set(gone.refused) == {"503"}
    assert (gone.restarted, gone.ready) == ([], 200)
    assert (endured.figures.lost, endured.figures.stuck, endured.figures.complaints) == (0, 0, [])


@pytest.mark.parametrize("name", ["database gone", "broker gone"])
async def test_what_is_gone_comes_back_by_itself(endured: Endured, name: str) -> None:
    """Broker or database gone for three minutes (15 s in `make test`, the whole in `make crash`): everything resumes by itself.

    Each part tells of it when it begins and when it is over, and hardly more.
    """
    gone = endured.aftermaths[name]

    assert gone.complaints() == [], _printed(gone)
    assert (endured.figures.lost, endured.figures.stuck, endured.figures.complaints) == (0, 0, [])


@pytest.mark.parametrize("name", ["database silent", "broker silent"])
async def test_what_is_silent_counts_as_away(endured: Endured, name: str) -> None:
    """What takes connections and says nothing is away as well, and nobody waits for it for longer than is promised."""
    silent = endured.aftermaths[name]

    assert silent.complaints() == [], _printed(silent)


def _printed(aftermath: Aftermath) -> str:
    return "\n".join(f"{part}: {line}" for part, lines in aftermath.troubles.items() for line in lines[:40])

"""The crash suite in its short form; `make crash` is the long one, and this says nothing that it does not say better."""

import random

import pytest

from tests.crash import faults, storm

#: Seconds of load.
SECONDS = 12.0


async def test_nothing_is_lost_in_a_shower_of_faults(capsys: pytest.CaptureFixture[str]) -> None:
    """Under load, with every kind of fault in an order of chance's: nothing is lost, stuck, or repeated without need."""
    seed = random.randrange(10_000)

    figures = await storm.run(seed, SECONDS, faults.shower(seed, SECONDS))

    assert (figures.lost, figures.stuck, figures.complaints) == (0, 0, []), capsys.readouterr().out
    assert figures.accepted > 50
    assert figures.duplicates <= figures.bound


@pytest.mark.parametrize("seconds", [20.0, 60.0, 600.0])
def test_schedules_are_repeated(seconds: float) -> None:
    """The same seed and time give the same faults, another seed others; none lies outside the load, none hits a stopped part."""
    dealt = faults.storm(7, seconds)
    apart = [
        (earlier, later)
        for index, earlier in enumerate(dealt)
        for later in dealt[index + 1 :]
        if earlier.target == later.target
    ]

    assert dealt == faults.storm(7, seconds) != faults.storm(8, seconds)
    assert all(fault.at >= faults.LEAD and fault.at + fault.seconds <= seconds for fault in dealt)
    assert all(later.at >= earlier.at + earlier.seconds + faults.REST for earlier, later in apart)
    assert {(fault.blow, fault.target) for fault in faults.storm(7, 600.0)} == {
        (card.blow, card.target) for card in faults.DECK
    }

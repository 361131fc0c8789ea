"""The kept inputs, and a few new ones for each target. `make fuzz` looks for more, as long as it is told to."""

import pytest
from hypothesis import given, settings

from tests.fuzz import corpus
from tests.fuzz.mutations import mutated
from tests.fuzz.targets import TARGETS

#: New inputs for each target; the same in each run.
NEW = 60


@pytest.mark.parametrize("name", TARGETS)
def test_kept_inputs(name: str) -> None:
    """Whatever was once worth keeping still holds."""
    broken = [f"{file}: {error!r}" for file in corpus.files(name) if (error := _raised(name, file.read_bytes()))]

    assert corpus.files(name)
    assert broken == []


@pytest.mark.parametrize("name", TARGETS)
def test_new_inputs(name: str) -> None:
    """Changes to them hold as well."""

    @settings(max_examples=NEW, deadline=None, derandomize=True, database=None)
    @given(mutated(corpus.inputs(name), TARGETS[name].words))
    def holds(made: bytes) -> None:
        TARGETS[name].check(made)

    holds()


def _raised(name: str, made: bytes) -> Exception | None:
    try:
        TARGETS[name].check(made)
    except Exception as error:
        return error
    return None

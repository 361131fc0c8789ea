"""The table of a delivery's states holds together; that the rows follow it is shown where they are written."""

import pytest

from delivery import lifecycle
from delivery.lifecycle import FINAL, MOVES, State


def reachable(state: State) -> set[State]:
    """Every state that moves lead to from `state`."""
    seen: set[State] = set()
    ahead = set(MOVES[state])
    while ahead:
        step = ahead.pop()
        seen.add(step)
        ahead |= MOVES[step] - seen
    return seen


def test_every_state_has_its_moves() -> None:
    """The table speaks of each state, and of no others."""
    assert set(State) == set(MOVES)


@pytest.mark.parametrize("state", [state for state in State if not lifecycle.final(state)])
def test_every_row_can_end(state: State) -> None:
    """From each unfinished state a row can be delivered, cancelled with its webhook, and expire."""
    assert {State.DELIVERED, State.CANCELLED, State.EXPIRED} <= reachable(state)


@pytest.mark.parametrize("state", sorted(FINAL))
def test_final_is_final_but_for_a_success(state: State) -> None:
    """Nothing follows a final state, except that a late success is kept over failed."""
    assert MOVES[state] == ({State.DELIVERED} if state is State.FAILED else set())


@pytest.mark.parametrize("state", State)
def test_no_state_leads_back_into_a_batch(state: State) -> None:
    """What is collecting began so, and what is bundled was collecting."""
    assert State.COLLECTING not in MOVES[state]
    assert (State.BUNDLED in MOVES[state]) == (state is State.COLLECTING)


def test_the_words_are_the_stored_ones() -> None:
    """The states are kept under these words."""
    words = "owed parked collecting bundled delivered failed cancelled expired"

    assert words.split() == list(State)

"""What asking filters costs is bounded, whatever they ask of whatever data (deploy/decisions/0009-filters.md)."""

import json
from dataclasses import dataclass

import pytest

from subscriptions.webhooks import matching
from subscriptions.webhooks.filters.event_filter import compile, data_of
from subscriptions.webhooks.matching import Matching, Steps
from tests.work import work

#: What one filter may take, as a deployment has it that sets nothing.
EACH = 20_000


@dataclass(frozen=True)
class Candidate:
    name: str
    event_filter: str


def body(data: object) -> bytes:
    return json.dumps({"specversion": "1.0", "data": data}).encode()


def asked(data: object, *texts: str, room: float = 10**9) -> tuple[Matching[Candidate], Steps]:
    """Filters asked of an event with the data, each named by its text."""
    steps = Steps(EACH)
    asking = Matching(body(data), [Candidate(text, text) for text in texts], steps, room=room)
    while asking.more():
        pass
    return asking, steps


def test_conditions_on_one_array_share_a_walk() -> None:
    """Thirty-two conditions on an array cost about what one does: it is walked through once."""
    data = {"a": list(range(100, 2100))}
    one = compile("0.5 in a")
    many = compile(" or ".join(f"{number}.5 in a" for number in range(32)))

    assert work(lambda: many.passes(data)) < 3 * work(lambda: one.passes(data))


def test_a_shared_walk_answers_each_condition() -> None:
    """Of conditions that share a walk each is answered for itself, by type and by value, timestamps as text and as moments."""
    data = {"a": ["x", 1, True, None, 2.50, "2021-05-12T07:20:00Z", {"b": 1}, [3]]}
    held = ("'x'", "1", "1.0", "true", "null", "2.5", "'2021-05-12T07:20:00Z'", "2021-05-12T09:20:00+02:00")
    absent = ("'y'", "0", "false", "3", "'2021-05-12T09:20:00+02:00'", "2021-05-12T07:20:01Z")
    decoded = data_of(body(data))

    for literal, expected in (*((each, True) for each in held), *((each, False) for each in absent)):
        others = " or ".join(f"'z{number}' in a" for number in range(3))
        shared = f"{literal} in a or {others}"
        assert compile(shared).passes(decoded) is expected, literal


@pytest.mark.parametrize(
    ("text", "data"),
    [
        ("'x' in a", {"a": [0] * (EACH + 1)}),
        ("not ('x' in a or 'y' in a)", {"a": [0] * (EACH + 1)}),
        ("2021-05-12T07:20:00Z in a", {"a": ["2021-05-12"] * 2100}),
        ("contains(a,'x')", {"a": "y" * 17 * EACH}),
        ("a gt 2021-05-12T07:20:00Z", {"a": "2" * 17 * EACH}),
    ],
)
def test_beyond_its_steps(text: str, data: object) -> None:
    """A filter that would take more steps than it may lets the event pass, and is named; its neighbours are asked."""
    found, steps = asked(data, text, "a eq 1", "b eq null")

    assert [each.name for each in found.wanted] == [text, "b eq null"]
    assert [each.name for each in found.exhausted] == [text]
    assert steps.taken <= EACH + 100 + (len(body(data)) >> 5)


def test_within_its_steps() -> None:
    """Ordinary filters of the largest ordinary data are decided."""
    data = {"tags": [f"tag-{number}" for number in range(5000)], "text": "word " * 10_000, "at": "2021-05-12T07:20:00Z"}
    texts = ["'none' in tags", "contains(text,'none')", "at lt 2021-05-12T07:20:00Z", "startswith(text,'none')"]

    found, _ = asked(data, *texts)

    assert (found.wanted, found.exhausted, found.asked) == ([], [], 4)


def test_no_more_than_there_is_room_for() -> None:
    """Once there is no room for more steps nobody more is asked, and the answer says how many were."""
    found, _ = asked({"a": [0] * 1000}, *["'x' in a"] * 10, room=2500)

    assert found.asked == 3


def test_others_get_their_turn() -> None:
    """Between filters that take many steps, of one event or of several, others get their turn; of few steps nobody is held up."""
    steps = Steps(EACH)
    turns = []

    for _ in range(3):
        asking = Matching(body({"a": [0] * 1000}), [Candidate("", "'x' in a")] * 100, steps, room=10**9)
        turns.append(0)
        while asking.more():
            turns[-1] += 1
    light = Matching(body({"a": 1}), [Candidate("", "a eq 1")] * 100, Steps(EACH), room=10**9)

    assert all(count >= 100 * 1000 // (matching.TURN + 1000 + 3) for count in turns)
    assert not light.more()


def test_a_long_text_is_sought() -> None:
    """A text of a hundred characters and more is found, and not found, wherever it stands."""
    text = "ab" * 60 + "c"
    contains = compile(f"contains(a,'{text}')")

    assert [contains.passes({"a": data}) for data in (text, f"ab{text}", f"{text}ab", f"{'ab' * 200}{text}", text[1:])] == [
        True, True, True, True, False,
    ]  # fmt: skip
    assert not contains.passes({"a": "ab" * 1000})

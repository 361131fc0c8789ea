"""Why a filter says no: the conditions that made it so, and what the data have there."""

import pytest

from subscriptions.webhooks.filters import event_filter, explaining

DATA = (
    b'{"data":{"n":10000000000000000000001,"f":1.50,"name":"O\'Brien","tags":["a","b"],'
    b'"at":"2021-05-12T07:20:00Z","box":{"x":null}}}'
)


@pytest.mark.parametrize(
    ("text", "failed"),
    [
        ("", []),
        ("n gt 5", []),
        ("n lt 5", [("n lt 5", "10000000000000000000001")]),
        ("f gt 1.50 or n lt 5", [("f gt 1.50", "1.50"), ("n lt 5", "10000000000000000000001")]),
        (
            "f eq 1.5 and n lt 5 and gone eq true",
            [("n lt 5", "10000000000000000000001"), ("gone eq true", "not there")],
        ),
        ("not (n gt 5)", [("not n gt 5", "10000000000000000000001")]),
        ("not (n gt 5 and f gt 9)", []),
        ("not (n gt 5 or f gt 9)", [("not n gt 5", "10000000000000000000001")]),
        ("not (not (n lt 5))", [("n lt 5", "10000000000000000000001")]),
        ("name in ('a','O''Neil')", [("name in ('a', 'O''Neil')", '"O\'Brien"')]),
        ("startswith(name,'o''')", [("startswith(name,'o''')", '"O\'Brien"')]),
        ("'c' in tags", [("'c' in tags", '["a","b"]')]),
        ("at gt 2021-05-12T07:20:00.5Z", [("at gt 2021-05-12T07:20:00.5Z", '"2021-05-12T07:20:00Z"')]),
        ("box/x ne null and box/y/z eq 1", [("box/x ne null", "null"), ("box/y/z eq 1", "not there")]),
    ],
)
def test_the_failing_part_is_named(text: str, failed: list[tuple[str, str]]) -> None:
    """As it reads in the filter, with the value to the letter; it passes exactly where matching lets it pass."""
    data = event_filter.data_of(DATA)

    verdict = explaining.explain(text, data, steps=1000)

    assert [(part.condition, part.found) for part in verdict.failed] == failed
    assert verdict.passes is not bool(failed)
    assert not text or verdict.passes is event_filter.compile(text).passes(data)


def test_what_cannot_be_decided_passes_as_in_matching() -> None:
    """Too many steps, or a filter that an earlier release took."""
    data = {"tags": ["x"] * 1000}

    assert explaining.explain("'a' in tags", data, steps=10) == (True, (), True)
    assert explaining.explain("no filter at all", data, steps=10) == (True, (), True)


def test_long_values_are_cut() -> None:
    """Of what is shown."""
    verdict = explaining.explain("a eq 1", {"a": "x" * 1000}, steps=10)

    assert len(verdict.failed[0].found) == explaining.SHOWN + 1

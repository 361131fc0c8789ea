"""Matching: of those who subscribed to the type, the ones who want this event."""

import logging
from dataclasses import dataclass

import pytest

from subscriptions.webhooks.matching import Matching, Steps


@dataclass(frozen=True)
class Candidate:
    name: str
    event_filter: str = ""


BODY = b'{"specversion":"1.0","cpu":9,"data":{"cpu":4}}'


def matched(body: bytes, candidates: list[Candidate]) -> list[Candidate]:
    asking = Matching(body, candidates, Steps(1000), room=1000)
    assert not asking.more()
    return asking.wanted


def test_only_those_who_want_it() -> None:
    """Without a filter, or with one that is true of `data`: matched, in the order given."""
    candidates = [Candidate("all"), Candidate("more", "cpu gt 4"), Candidate("four", "cpu eq 4"), Candidate("every")]

    found = matched(BODY, candidates)

    assert [each.name for each in found] == ["all", "four", "every"]


def test_nobody_filters() -> None:
    """Where nobody has a filter the event is not even read."""
    candidates = [Candidate("one"), Candidate("other")]

    assert matched(b"not JSON", candidates) == candidates


def test_a_filter_that_cannot_be_read(caplog: pytest.LogCaptureFixture) -> None:
    """A kept filter that no longer parses lets events through, and the log names it: it must stop no publication."""
    candidates = [Candidate("kept", "cpu has 4"), Candidate("other", "cpu eq 5")]

    with caplog.at_level(logging.ERROR):
        found = matched(BODY, candidates)

    assert [each.name for each in found] == ["kept"]
    assert "filter.unreadable" in caplog.text


@pytest.mark.parametrize(
    ("dataschema", "names"),
    [
        ('"urn:one"', ["all", "one", "four of one"]),
        ('"urn:two"', ["all", "two"]),
        ('"urn:other"', ["all"]),
        ("null", ["all", "two"]),
    ],
)
def test_a_version_is_understood(dataschema: str, names: list[str]) -> None:
    """Whoever understands one version gets its events, of those what the filter asks for; without `dataschema`, the current's."""
    candidates = [
        Candidate("all"),
        Candidate("one", '["urn:one"]\n'),
        Candidate("four of one", '["urn:one"]\ncpu eq 4'),
        Candidate("five of one", '["urn:one"]\ncpu eq 5'),
        Candidate("two", '["","urn:two"]\n'),
        Candidate("none", "[]\n"),
    ]
    body = b'{"specversion":"1.0","dataschema":%b,"data":{"cpu":4}}' % dataschema.encode()

    assert [each.name for each in matched(body, candidates)] == names

"""Charsets that text is written in: known ones alone, and in time that is linear in the text."""

import encodings

import pytest

from subscriptions.events import charsets
from tests.work import work


@pytest.mark.parametrize("codec", charsets.KNOWN)
def test_cost_per_byte(codec: str) -> None:
    """None is written by a loop of Python, as `punycode` and `idna` are: however long the text, as few lines are run."""
    charsets.written("loads it", codec)
    costs = [work(lambda count=count: charsets.written("word " * count, codec)) for count in (10, 1000)]  # type: ignore[misc]

    assert costs[0] == costs[1] < 50


@pytest.mark.parametrize(
    ("charset", "written"),
    [
        ("UTF-8", b"\xc3\xa9"),
        ("latin1", b"\xe9"),
        ("ISO_8859-1", b"\xe9"),
        ("Windows-1252", b"\xe9"),
        ("cp850", b"\x82"),
    ],
)
def test_a_charset_is_known_by_any_name(charset: str, written: bytes) -> None:
    """A charset is known by any of its names."""
    assert charsets.written("é", charset) == written


@pytest.mark.parametrize(
    "charset", ["punycode", "idna", "rot13", "unicode_escape", "klingon", "", "utf-8-sig", "x" * 1000]
)
def test_what_is_not_known(charset: str) -> None:
    """Others are refused in a sentence, and their names are kept nowhere: Python keeps each that it is asked for."""
    before = len(encodings._cache)

    with pytest.raises(ValueError, match="cannot be written in the charset"):
        charsets.written("é", charset)

    assert len(encodings._cache) == before


def test_what_a_charset_lacks() -> None:
    """Text with a character that it does not have is refused, naming it."""
    with pytest.raises(ValueError, match=r"charset us-ascii .*: it has no '\\xe9'"):
        charsets.written("aé", "us-ascii")

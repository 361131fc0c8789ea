"""Texts of a request that go to the database, or name something there: what PostgreSQL keeps in none is refused here."""

import re
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from subscriptions.ground import texts
from subscriptions.ground.errors import Absent, Issue, Refused

Input = Mapping[str, Any]

#: Characters of a line, and of prose.
LINE, PROSE = 200, 2000
_LINE, _PROSE = re.compile(texts.LINE), re.compile(texts.PROSE)


def identifier(text: str, kind: str) -> UUID:
    """An id; raises Absent for what is none."""
    try:
        return UUID(text)
    except ValueError:
        raise Absent(kind, text[:100]) from None


def line(given: Input, name: str) -> str | None:
    """A text of one line."""
    return _text(given, name, LINE, _LINE)


def prose(given: Input, name: str) -> str | None:
    """A text of several lines."""
    return _text(given, name, PROSE, _PROSE)


def _text(given: Input, name: str, most: int, pattern: re.Pattern[str]) -> str | None:
    text: str | None = given.get(name)
    if text is not None and (len(text) > most or not pattern.fullmatch(text)):
        raise Refused(
            Issue(subject=name, description=f"must have at most {most} characters, and no control characters")
        )
    return text

"""What is wrong with a document, for people: which line, where in it, the sentence, and the lines around it.

What is wrong is found by `subscriptions/catalogue/`.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from subscriptions.ground.errors import Issue

#: Lines around the one that is meant, and characters of a line.
AROUND, LONGEST = 2, 160
_LINE = re.compile(r"\(line ([0-9]+)")
_WHOLE = re.compile(r" \(line [0-9]+\)")


@dataclass(frozen=True, kw_only=True)
class ExcerptLine:
    """A line of a document."""

    number: int
    text: str
    #: Whether it is the one that is meant.
    meant: bool


@dataclass(frozen=True, kw_only=True)
class DocumentFault:
    """One thing that is wrong with a document."""

    #: A JSON pointer; `/` for all of it.
    pointer: str
    sentence: str
    #: None: it is not known, or not of one line.
    line: int | None
    excerpt: Sequence[ExcerptLine]


def faults(text: str, issues: Iterable[Issue]) -> list[DocumentFault]:
    """Those of the issues that lead into the document, in the order of its lines."""
    # Quicker than an expression where there are thousands.
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    found = [_fault(lines, each) for each in issues if each.subject.startswith("/")]
    return sorted(found, key=lambda each: each.line or 0)


def _fault(lines: Sequence[str], issue: Issue) -> DocumentFault:
    named = _LINE.search(issue.description)
    line = int(named[1]) if named else None
    # The line stands in front of it.
    sentence = _WHOLE.sub("", issue.description)
    return DocumentFault(pointer=issue.subject, sentence=sentence, line=line, excerpt=list(_excerpt(lines, line)))


def _excerpt(lines: Sequence[str], line: int | None) -> Iterator[ExcerptLine]:
    if line is None or line > len(lines):
        return
    for number in range(max(1, line - AROUND), min(len(lines), line + AROUND) + 1):
        text = lines[number - 1]
        cut = text[:LONGEST] + ("…" if len(text) > LONGEST else "")
        yield ExcerptLine(number=number, text=cut, meant=number == line)

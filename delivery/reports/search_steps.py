"""Searching newest first without an end in sight: so many rows and so long a time per page, and where to go on from.

What is read, and what is looked for, is left to `delivery_search.py` and `event_search.py`.
"""

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

import msgspec

from delivery.read_budget import ReadBudget
from subscriptions.ground.database import still_asked

P = TypeVar("P")
T = TypeVar("T")

#: Rows that a page reads at most, and seconds after which it reads no further.
ROWS, PATIENCE = 10_000, 0.08
#: Rows of the first step and of the largest one; of a step that looks into payloads.
FIRST, LARGEST, OPENED = 200, 4000, 200
#: Where an event's `data` begins in its structured JSON: attributes are no objects, so that no key of theirs looks like it.
DATA = b'"data":'


@dataclass(frozen=True, kw_only=True)
class Step(Generic[P, T]):
    """What one statement came to."""

    #: Those that were found, newest first.
    items: list[T]
    #: Rows that were read.
    read: int
    #: The place of the last row that was read; None where there was none.
    last: P | None
    #: There may be more found in what was read than was taken.
    cut: bool


@dataclass(kw_only=True)
class SearchPage(Generic[P, T]):
    """A page of what was found."""

    items: list[T] = field(default_factory=list)
    #: Where to go on from; None where everything has been read.
    next: P | None = None
    #: The page is full: what is not on it was not looked at. Otherwise `next` says how far was read.
    full: bool = False
    #: Rows that were read.
    read: int = 0
    #: None of them were of others than the workspace that was asked for.
    own: bool = False


@dataclass(frozen=True, kw_only=True)
class Reach(Generic[P]):
    """How far a search goes."""

    #: From where, None: from the newest on.
    after: P | None
    #: What a page holds.
    limit: int
    #: It looks into payloads, which may be large.
    opens: bool = False
    rows: int = ROWS
    patience: float = PATIENCE
    clock: Callable[[], float] = time.monotonic


async def walk(
    step: Callable[[P | None, int, int], Awaitable[Step[P, T]]], place: Callable[[T], P], reach: Reach[P]
) -> SearchPage[P, T]:
    """Calls `step` with (from where, rows to read, how many to find) until the page is full, all is read, or the reach."""
    page: SearchPage[P, T] = SearchPage(next=reach.after)
    steps = (OPENED, OPENED) if reach.opens else (FIRST, LARGEST)
    budget = ReadBudget(reach.rows, reach.patience, steps=steps, clock=reach.clock)
    while rows := budget.step():
        still_asked()
        made = await step(page.next, rows, reach.limit - len(page.items))
        page.items += made.items
        budget.took(made.read)
        page.read = budget.read
        page.next = place(made.items[-1]) if made.cut and made.items else made.last
        page.full = len(page.items) >= reach.limit
        if made.read < rows and not made.cut:
            page.next = None
        if page.full or page.next is None:
            break
    return page


def spelled(text: str) -> list[bytes]:
    """The ways in which a text stands in a payload: as it is, and as it is escaped within a JSON string."""
    return list(dict.fromkeys([text.encode(), msgspec.json.encode(text)[1:-1]]))


def tagged(tags: tuple[tuple[str, str], ...]) -> tuple[list[bytes], list[bytes]]:
    """Of each tag the two ways in which its attribute stands in the envelope: as text, and as a number or truth value."""
    texts = [msgspec.json.encode(name) + b":" + msgspec.json.encode(value) for name, value in tags]
    bare = [msgspec.json.encode(name) + b":" + value.encode() + b"," for name, value in tags]
    return texts, bare

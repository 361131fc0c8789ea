"""Pages of the schema: what `first` and `after` may be, and how a page is answered."""

import base64
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from typing import Any

from service.graphql.bounds import MOST
from subscriptions.ground.errors import Issue, Refused

Shape = dict[str, Any]
Turn = Callable[[], Awaitable[None]]

#: Items that are answered in one turn, some milliseconds at most; what they ask for is looked up together.
PIECE = 50

_BEFORE = b"from "


def asked(given: Mapping[str, Any]) -> tuple[int, int]:
    """How many there may be, and how many are left out before them; raises Refused."""
    first, after = given.get("first"), given.get("after")
    if not isinstance(first, int) or not 1 <= first <= MOST:
        raise Refused(Issue(subject="first", description=f"must be from 1 to {MOST}", source="query.parameter"))
    return first, _offset(after) if after else 0


class Items:
    """The items of a page, as often as they are asked for; others get their turns between some and the next."""

    def __init__(self, items: Sequence[Shape], turn: Turn) -> None:
        self._items = items
        self._turn = turn

    async def __aiter__(self) -> AsyncIterator[Shape]:
        for at, item in enumerate(self._items):
            if at and at % PIECE == 0:
                await self._turn()
            yield item


def page(items: Sequence[Shape], turn: Turn, *, offset: int, total: int) -> Shape:
    """The page as an object of the schema that implements Pageable."""
    end = offset + len(items)
    more = bool(items) and end < total
    return {
        "data": Items(items, turn),
        "pageInfo": {
            "startCursor": _cursor(offset) if items else "",
            "endCursor": _cursor(end) if more else "",
            "hasNextPage": more,
        },
        "totalCount": total,
    }


def _cursor(offset: int) -> str:
    return base64.urlsafe_b64encode(_BEFORE + str(offset).encode()).decode().rstrip("=")


def _offset(cursor: str) -> int:
    try:
        text = base64.urlsafe_b64decode(cursor.encode("ascii") + b"=" * (-len(cursor) % 4))
        digits = text.removeprefix(_BEFORE)
        if text == digits or not digits.isdigit() or len(digits) > 9:
            raise ValueError(cursor)
        return int(digits)
    except ValueError:
        said = "is none that `pageInfo` of a page has told"
        raise Refused(Issue(subject="after", description=said, source="query.parameter")) from None

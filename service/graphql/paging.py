"""Pages of the schema: what `first` and `after` may be, and how a page is answered."""

import base64
from collections.abc import Mapping, Sequence
from typing import Any

from service.graphql.bounds import MOST
from subscriptions.ground.errors import Issue, Refused

Shape = dict[str, Any]

_BEFORE = b"from "


def asked(given: Mapping[str, Any]) -> tuple[int, int]:
    """How many there may be, and how many are left out before them; raises Refused."""
    first, after = given.get("first"), given.get("after")
    if not isinstance(first, int) or not 1 <= first <= MOST:
        raise Refused(Issue(subject="first", description=f"must be from 1 to {MOST}", source="query.parameter"))
    return first, _offset(after) if after else 0


def page(items: Sequence[Shape], *, offset: int, total: int) -> Shape:
    """The page as an object of the schema that implements Pageable."""
    end = offset + len(items)
    more = bool(items) and end < total
    return {
        "data": items,
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

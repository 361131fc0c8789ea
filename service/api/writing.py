"""What goes out: JSON bodies, the list envelope and timestamps, in GreenLake's forms (greenlake.md 1.7).

Which fields a resource shows is left to the routes' own modules.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime

import msgspec
from starlette.responses import Response

from service.answers import Answer
from subscriptions import attributes

_encode = msgspec.json.Encoder().encode


def json(value: object, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """An answer with a JSON body."""
    return Answer(_encode(value), status, headers)


def page(items: Sequence[object], *, offset: int, total: int) -> Response:
    """The list envelope: items, count, offset, total."""
    return json({"items": items, "count": len(items), "offset": offset, "total": total})


def moment(when: datetime) -> str:
    """RFC 3339 with milliseconds and `Z`, as in `2024-04-29T15:25:06.194Z`."""
    # A fifth of what strftime costs, and every receipt has one.
    return attributes.timestamp(when)

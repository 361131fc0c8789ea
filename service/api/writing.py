"""What goes out: JSON bodies, the list envelope and timestamps, in GreenLake's forms (greenlake.md 1.7).

Which fields a resource shows is left to the routes' own modules.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from service.answers import AUDIENCE, JsonResponse
from service.api import long_work
from subscriptions.events import attributes
from subscriptions.ground.audience import STAYS

#: Bytes of a list that are encoded before others get a turn, and what one item counts for beside its own.
TURN, ITEM = 64 * 1024, 4096

_encode = msgspec.json.Encoder().encode


def json(value: object, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """An answer with a JSON body."""
    return JsonResponse(_encode(value), status, headers)


async def page(request: Request, items: Iterable[object], *, offset: int, total: int) -> Response:
    """The list envelope: items, count, offset, total. Items are taken one by one, and others get their turns between them."""
    request.scope.get(AUDIENCE, STAYS).check()
    pieces: list[bytes] = []
    size = 0
    for item in items:
        pieces.append(_encode(item))
        size += len(pieces[-1]) + ITEM
        if size > TURN:
            size = 0
            await long_work.turn(request)
    text = b'{"items":[%s],"count":%d,"offset":%d,"total":%d}'
    return JsonResponse(text % (b",".join(pieces), len(pieces), offset, total))


def moment(when: datetime) -> str:
    """RFC 3339 with milliseconds and `Z`, as in `2024-04-29T15:25:06.194Z`."""
    return attributes.timestamp(when)

"""Where the next page of a list begins: behind a row that is named by its moment and its id.

Which rows there are is left to the stores; pages of the dashboard have the same cursors.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID

from starlette.requests import Request

from subscriptions.ground.errors import Issue, Refused

#: The query's parameter.
NAME = "after"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def written(at: datetime, row: UUID) -> str:
    """The row as a cursor."""
    return f"{(at - _EPOCH) // timedelta(microseconds=1)}-{row.hex}"


def read(request: Request) -> tuple[datetime, UUID] | None:
    """The row that the page follows; None: it is the first. Raises Refused for what is no cursor."""
    text = request.query_params.get(NAME, "")
    if not text:
        return None
    micros, _, row = text.partition("-")
    try:
        if not micros.isascii() or not micros.isdigit() or len(micros) > 17 or len(row) != 32:
            raise ValueError(text)
        return _EPOCH + timedelta(microseconds=int(micros)), UUID(row)
    except (ValueError, OverflowError):
        said = "is none that a page of this list has linked to"
        raise Refused(Issue(subject=NAME, description=said, source="query.parameter")) from None


def key(request: Request, name: str) -> UUID | None:
    """An id in the query; None where there is none. Raises Refused for what is none."""
    text = request.query_params.get(name, "")
    try:
        return UUID(text) if text else None
    except ValueError:
        raise Refused(Issue(subject=name, description="must be a UUID", source="query.parameter")) from None


def page(items: Sequence[object], rows: Sequence[tuple[datetime, UUID]], limit: int) -> dict[str, object]:
    """The body of a page of which one more than `limit` was read: `items`, `count`, and `next` where there are more."""
    body: dict[str, object] = {"items": items[:limit], "count": min(len(items), limit)}
    return body if len(items) <= limit else {**body, "next": written(*rows[limit - 1])}

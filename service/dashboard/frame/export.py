"""Lists as CSV: the same rows as the page shows, all of them up to a bound, sent while they are read.

Which rows there are is left to the pages.
"""

import csv
import io
import re
from collections.abc import AsyncIterator, Iterable, Sequence
from datetime import UTC, datetime

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from service.dashboard.frame import visitors
from service.dashboard.frame.rendering import HEADERS
from subscriptions.ground.database import asked_by

#: Rows of one file at most; the last one says so where there were more.
MOST = 100_000
#: Where a spreadsheet would take a formula to begin, or a tab or an end of line would begin a cell: behind an apostrophe it is a
#: text. Where the list separator is another than the comma, it parts what stands in one cell; a full-width sign is one, too.
FORMULA = re.compile(r"(\A|[;|\t\r\n])(?=[ \u00a0\u3000]*[=+\-@\uff1d\uff0b\uff0d\uff20\u2212])|\A(?=[\t\r\n])")

Rows = Iterable[Sequence[object]]


def wanted(request: Request) -> bool:
    """Whether the list is asked for as CSV: `?format=csv`."""
    return request.query_params.get("format") == "csv"


def answer(request: Request, name: str, columns: Sequence[str], pages: AsyncIterator[Rows]) -> Response:
    """A file `<name>.csv` of all pages, which are read one by one while the file is sent.

    Moments are in UTC. Of what is a reader's own time the connections are taken by turns, as a page's are.
    """
    headers = {**HEADERS, "Content-Disposition": f'attachment; filename="{name}.csv"'}
    return StreamingResponse(_lines(request, columns, pages), headers=headers, media_type="text/csv; charset=utf-8")


async def _lines(request: Request, columns: Sequence[str], pages: AsyncIterator[Rows]) -> AsyncIterator[bytes]:
    known, left = visitors.visitor(request).caller, MOST
    yield _written([columns])
    while True:
        # Not around the loop: what is set there would still be set while the reader reads.
        with asked_by((known.issuer, known.client_id)):
            page = await anext(pages, None)
        if page is None:
            return
        rows = [[cell(value) for value in row] for row in page]
        yield _written(rows[:left])
        if len(rows) > left:
            yield _written([[f"There are more than {MOST:,} rows: narrow the list by its filters"]])
            return
        left -= len(rows)


def _written(rows: Rows) -> bytes:
    text = io.StringIO()
    csv.writer(text, quoting=csv.QUOTE_ALL).writerows(rows)
    return text.getvalue().encode()


def cell(value: object) -> str:
    """As it stands in a file: moments in UTC, and of texts nothing that a spreadsheet runs."""
    if value is None:
        return ""
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    said = str(value)
    return FORMULA.sub(r"\g<0>'", said) if isinstance(value, str) else said

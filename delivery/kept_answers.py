"""What is kept of answers: all that was read, as a rule; less of long ones, where a delivery or a workspace has many.

How much is read of an answer is left to `wire/answers.py`, what the kept is shown as to `reports/recent_deliveries.py`.
"""

from datetime import datetime
from itertools import accumulate

import msgspec

from delivery.wire.parcels import Reply

Pairs = tuple[tuple[str, str], ...]

#: Bytes of headers and body from which on an answer is a long one: hardly any receiver says so much.
LONG = 2048
#: What is kept of a long answer beyond the budget: bytes of its headers, a value of which is told by its length where it is
#: longer than so many, and of the body.
BRIEF_HEADERS, BRIEF_VALUE, BRIEF_BODY = 512, 64, 512
#: Stands behind the headers of an answer of which less is kept than came: no header in HTTP has an empty name.
CUT = ("", "cut")
#: Workspaces whose budgets are known; who came last stays.
KNOWN = 10_000
HOUR = 3600.0

_json = msgspec.json.Encoder().encode


class KeptAnswers:
    """What one process keeps. Long answers of a workspace have `per_hour` bytes (0: any number), which come back evenly; those of
    attempts between a delivery's first and last have `between` bytes of headers and as many of the body."""

    def __init__(self, *, per_hour: int, between: int) -> None:
        self._second = per_hour / HOUR
        self._between = between
        #: When each workspace has its whole budget again, in seconds since 1970.
        self._whole_at: dict[str, float] = {}

    def keep(self, workspace: str, reply: Reply, now: datetime, *, between: bool = False) -> tuple[bytes, bytes]:
        """The headers, a JSON array of [name, value], and the body, as stored; `CUT` is behind them where anything is missing."""
        pairs, body, cut = reply.headers, reply.body, reply.truncated
        headers = _json(pairs)
        if between and max(len(headers), len(body)) > self._between:
            pairs, body, cut = _fitting(pairs, self._between), body[: self._between], True
            headers = _json(pairs)
        size = len(headers) + len(body)
        if size > LONG and not self._afford(workspace, size, now.timestamp()):
            pairs, body, cut = _brief(pairs), body[:BRIEF_BODY], True
        return _json((*pairs, CUT)) if cut else headers, body

    def _afford(self, workspace: str, size: int, now: float) -> bool:
        if not self._second:
            return True
        whole_at = max(self._whole_at.get(workspace, now), now) + size / self._second
        if whole_at > now + HOUR:
            return False
        self._whole_at.pop(workspace, None)
        self._whole_at[workspace] = whole_at
        if len(self._whole_at) > KNOWN:
            del self._whole_at[next(iter(self._whole_at))]
        return True


def uncut(headers: Pairs) -> tuple[Pairs, bool]:
    """Stored headers without the mark, and whether it was there."""
    return (headers[:-1], True) if headers[-1:] == (CUT,) else (headers, False)


def _brief(pairs: Pairs) -> Pairs:
    sizes = ((name, value, len(value.encode())) for name, value in pairs)
    brief = tuple((name, value if size <= BRIEF_VALUE else f"({size} bytes)") for name, value, size in sizes)
    return _fitting(brief, BRIEF_HEADERS)


def _fitting(pairs: Pairs, most: int) -> Pairs:
    """The first of them that take no more than so many bytes."""
    sizes = accumulate(len(name.encode()) + len(value.encode()) for name, value in pairs)
    return tuple(pair for pair, size in zip(pairs, sizes, strict=True) if size <= most)

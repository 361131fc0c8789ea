"""What a process did since it last spoke, as one short text: how many attempts came to what, by webhook, and the last of them.

Who is told, and when, is left to `live_publisher.py`; the reader is `service/live.py`.
"""

from collections import deque
from collections.abc import Sequence
from typing import Any
from uuid import UUID

import msgspec

from delivery.attempts.endings import EndedAttempt
from delivery.lifecycle import State

#: Webhooks that one text names; of more of them so many workspaces; and single attempts, the last ones. With all of them a text
#: is shorter than PostgreSQL's NOTIFY takes.
NAMED, WORKSPACES, LAST = 32, 16, 20

#: Which of the three counts an attempt's state raises: delivered, given up, to be tried again.
_PLACES = {State.DELIVERED: 0, State.FAILED: 1}


class LiveSummary:
    """Counts attempts that ended; `text` empties it."""

    def __init__(self) -> None:
        self._counts: dict[tuple[str, UUID | None], list[int]] = {}
        self._last: deque[EndedAttempt] = deque(maxlen=LAST)

    def __bool__(self) -> bool:
        return bool(self._counts)

    def note(self, ended: EndedAttempt) -> None:
        """Counts one attempt that is written down."""
        workspace, record = ended.workspace, ended.record
        key: tuple[str, UUID | None] = (workspace, record.webhook)
        counts = self._counts.get(key)
        if counts is None:
            if len(self._counts) >= NAMED:
                key = (workspace, None)
            if key not in self._counts and len(self._counts) >= NAMED + WORKSPACES:
                key = ("", None)
            counts = self._counts.setdefault(key, [0, 0, 0])
        counts[_PLACES.get(record.state, 2)] += 1
        self._last.append(ended)

    def text(self) -> str:
        """All of it: `n` [workspace or "", webhook or "", delivered, failed, retried] and `d` [workspace, webhook, event, round,
        state, status or null, milliseconds]."""
        said: dict[str, Sequence[Any]] = {
            "n": [
                [workspace, webhook.hex if webhook else "", *counts]
                for (workspace, webhook), counts in self._counts.items()
            ],
            "d": [_attempt(each) for each in self._last],
        }
        self._counts.clear()
        self._last.clear()
        return msgspec.json.encode(said).decode()


def _attempt(ended: EndedAttempt) -> list[object]:
    record = ended.record
    return [
        *(ended.workspace, record.webhook.hex, record.event.hex, record.round),
        *(str(record.state), record.status, record.milliseconds),
    ]

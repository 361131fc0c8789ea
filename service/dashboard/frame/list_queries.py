"""The query of a list's page: filters as the API spells them, a preset of time, and the paths of other views of the list.

What the filters mean is left to `service/api/searches.py`.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from urllib.parse import urlencode

from starlette.datastructures import QueryParams

#: Presets of `since`, by the value of `last`, and as they are called.
PRESETS: Mapping[str, tuple[timedelta, str]] = {
    "5m": (timedelta(minutes=5), "Last 5 minutes"),
    "1h": (timedelta(hours=1), "Last hour"),
    "24h": (timedelta(hours=24), "Last 24 hours"),
    "7d": (timedelta(days=7), "Last 7 days"),
}
#: What a search that looks into payloads is narrowed to, where nothing else is asked for.
FORCED = "1h"
#: What belongs to a page and not to what is looked for.
OF_PAGES = frozenset({"after", "format", "workspace"})


class ListQuery:
    """What is not empty of a query."""

    def __init__(self, params: QueryParams, known: Sequence[str]) -> None:
        """`known` are the names of the list's filters; others are left out."""
        names = {*known, "last", "since", "until", *OF_PAGES}
        self._pairs = [(name, value) for name, value in params.multi_items() if value.strip() and name in names]

    @property
    def asked(self) -> bool:
        """Whether anything narrows it."""
        return any(name not in OF_PAGES for name, _ in self._pairs)

    def text(self, name: str) -> str:
        """The first value of a parameter; empty: none."""
        return next((value for each, value in self._pairs if each == name), "")

    def every(self, name: str) -> list[str]:
        """All its values."""
        return [value for each, value in self._pairs if each == name]

    @property
    def forced(self) -> bool:
        """It looks into payloads, and no time was asked for."""
        return bool(self.text("text") or self.text("tag")) and not (self.text("last") or self.text("since"))

    @property
    def last(self) -> str:
        """The preset that holds; empty: none."""
        given = self.text("last")
        return FORCED if self.forced else given if given in PRESETS and not self.text("since") else ""

    def searched(self, now: datetime) -> QueryParams:
        """As the API takes it."""
        pairs = [(name, value) for name, value in self._pairs if name not in ("last", "workspace", "format")]
        if self.last:
            pairs.append(("since", (now - PRESETS[self.last][0]).isoformat()))
        return QueryParams(pairs)

    def path(self, base: str, **changes: str | Sequence[str]) -> str:
        """The path of another view: with these values in the place of those of the same name; pages begin anew."""
        kept = [(name, value) for name, value in self._pairs if name not in changes and name not in ("after", "format")]
        for name, value in changes.items():
            kept += [(name, each) for each in ([value] if isinstance(value, str) else value) if each]
        return f"{base}?{urlencode(kept)}" if kept else base

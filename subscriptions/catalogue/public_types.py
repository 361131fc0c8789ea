"""The catalogue as strangers may read it where a deployment shows it: what is kept of it for some seconds, so that no number of
readers asks the database more often.

Whether it is shown is a setting of the entrance; who has subscribed to a type is no part of it.
"""

import time
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from uuid import UUID

from subscriptions.catalogue.described_types import DescribedTypes, DescribedVersion
from subscriptions.events.directory import type_id
from subscriptions.events.event_type_rows import (
    REGISTERED,
    CatalogueEntry,
)
from subscriptions.events.event_types import EventTypeStore

#: Seconds that what was read serves all who ask.
FRESH = 5.0
#: Types of one catalogue that are shown, and whose versions are kept.
TYPES, VERSIONS, PAGE = 10_000, 256, 200


class PublicTypes:
    """Event types and their versions, at most FRESH seconds old."""

    def __init__(
        self, types: EventTypeStore, described: DescribedTypes, *, steady: Callable[[], float] = time.monotonic
    ) -> None:
        self._types = types
        self._described = described
        self._steady = steady
        self._every: Mapping[UUID, CatalogueEntry] = {}
        self._read_at = -FRESH
        #: By type and offset: when it was read, and what was there.
        self._versions: OrderedDict[tuple[str, int], tuple[float, Sequence[DescribedVersion]]] = OrderedDict()

    async def every(self) -> Mapping[UUID, CatalogueEntry]:
        """All types that somebody registered, in alphabetical order, by their ids."""
        if self._steady() >= self._read_at + FRESH:
            found: dict[UUID, CatalogueEntry] = {}
            total = 1
            while len(found) < min(total, TYPES):
                page, total = await self._types.page(limit=PAGE, offset=len(found))
                if not page:
                    break
                found.update((type_id(each.type), each) for each in page)
            # What its first event called a type nobody meant for strangers.
            self._every = {id: each for id, each in found.items() if each.origin == REGISTERED}
            self._read_at = self._steady()
        return self._every

    async def versions(self, event_type: str, most: int, offset: int = 0) -> Sequence[DescribedVersion]:
        """What is known of a type that is one of `every`: at most so many versions, the newest first; always ask for as many."""
        key = event_type, offset
        kept = self._versions.get(key)
        if kept is not None and self._steady() < kept[0] + FRESH:
            return kept[1]
        found = await self._described.newest(event_type, most, offset)
        self._versions[key] = self._steady(), found
        self._versions.move_to_end(key)
        while len(self._versions) > VERSIONS:
            self._versions.popitem(last=False)
        return found

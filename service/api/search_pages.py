"""What a page of a search tells of how far it was read: to operators all, to others nothing of what is not theirs.

A search reads rows of all workspaces and answers those of one. Where it left off may be another's event and webhook, and how
far back so many rows reach, as how many they were, is how much others do: so the place is sealed, and neither is told. Where
all rows that were read are the workspace's own, the moment is.
"""

import base64
import binascii
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar
from uuid import UUID

from starlette.datastructures import QueryParams

from delivery.delivery_filter import DeliveryId
from delivery.reports.search_steps import SearchPage
from service.services import Services
from subscriptions.ground import event_keys
from subscriptions.ground.errors import Issue, Refused, Sealed

T = TypeVar("T")
#: The query's parameter, and what a sealed place begins with: no UUID does.
AFTER, MARK = "after", "s."


@dataclass(frozen=True, kw_only=True)
class Extent:
    """Of one page."""

    #: What `after` takes; None: everything has been read.
    next: str | None
    #: Rows that were looked at; None where that is not the reader's to know.
    read: int | None
    #: There is more to read, and the page is not full.
    more: bool = False
    #: Then: what was accepted from then on was read; None where that is not the reader's to know.
    back: datetime | None = None

    def looked(self, kind: str) -> str:
        """As a sentence of a page begins; `kind` is what they are, in the plural."""
        what = f"The newest {kind}" if self.read is None else f"{self.read:,} {kind}"
        return f"{what} were looked through"


def extent_of(services: Services, scope: str | None, page: SearchPage[DeliveryId, T] | SearchPage[UUID, T]) -> Extent:
    """`scope` is the reader's own, None for operators."""
    if page.next is None:
        return Extent(next=None, read=page.read if scope is None else None)
    back = event_keys.time_of(page.next.event if isinstance(page.next, DeliveryId) else page.next)
    if scope is None:
        return Extent(next=str(page.next), read=page.read, more=not page.full, back=None if page.full else back)
    if page.full:
        # The last item of the page.
        return Extent(next=str(page.next), read=None)
    following = sealed(services, scope, str(page.next))
    return Extent(next=following, read=None, more=True, back=back if page.own else None)


def opened(services: Services, scope: str | None, query: QueryParams) -> QueryParams:
    """The query with the place that a page named; raises Refused for one that was sealed for nobody, or for others."""
    given = query.get(AFTER, "")
    if scope is None or not given.startswith(MARK):
        return query
    place = unsealed(services, scope, given, source="query.parameter")
    return QueryParams([*((name, value) for name, value in query.multi_items() if name != AFTER), (AFTER, place)])


def sealed(services: Services, scope: str | None, place: str) -> str:
    """A place as the reader is told it: operators as it is."""
    if scope is None:
        return place
    return MARK + base64.urlsafe_b64encode(services.assembly.base.vault.seal(place, context=_context(scope))).decode()


def unsealed(services: Services, scope: str | None, given: str, *, source: str) -> str:
    """The place that is meant; raises Refused, which calls it `after`, for what was sealed for nobody, or for others."""
    if scope is None or not given.startswith(MARK):
        return given
    try:
        found = base64.b64decode(given.removeprefix(MARK), altchars=b"-_", validate=True)
        return services.assembly.base.vault.unseal(found, context=_context(scope))
    except (binascii.Error, ValueError, Sealed):
        said = "is none that a page of this list has named"
        raise Refused(Issue(subject=AFTER, description=said, source=source)) from None


def _context(scope: str) -> bytes:
    return f"search:{scope}".encode()

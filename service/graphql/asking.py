"""Who asks, and what fields of a request share: look-ups that are made together, and the bytes of documents.

What fields do is left to the modules of the schema's parts.
"""

import asyncio
from collections.abc import Coroutine, Mapping, Sequence
from typing import Any, TypeVar
from uuid import UUID

from service import auth
from service.graphql.loading import Loader
from service.graphql.paging import Turn
from service.services import Services
from subscriptions.access.access_tokens import Caller
from subscriptions.catalogue.application_apis import ApiPage, ApiPageKey
from subscriptions.ground.database import repeating
from subscriptions.ground.errors import Issue, Refused, TooLarge

T = TypeVar("T")

#: Bytes of documents that one request is answered.
DOCUMENT_BYTES = 5 * 1024 * 1024
#: Event APIs that one request may register: each takes its time.
REGISTRATIONS = 10


class Asking:
    """One request: who asks, and what it has looked up."""

    def __init__(self, services: Services, known: Caller, turn: Turn) -> None:
        """`turn` waits for the caller's turn among those whose work takes the interpreter long."""
        self.services = services
        self.known = known
        self.turn = turn
        #: The workspace whose things are seen; None: all.
        self.by = auth.scope(known)
        self._under_way: set[asyncio.Task[Any]] = set()
        self._bytes = self._answered = self._registered = 0
        self.changed()

    def changed(self) -> None:
        """What was looked up is looked up again by whatever follows: mutations of one request see what those before them did."""
        self.api_pages: Loader[ApiPageKey, ApiPage] = Loader(repeating(self._api_pages), self._begin)
        #: Their texts; None: there is no such event API any more.
        self.documents: Loader[UUID, str | None] = Loader(repeating(self._documents), self._begin)

    async def whole(self, work: Coroutine[Any, Any, T]) -> T:
        """What the work comes to. It goes on where nobody wants it any more, for a field beside it has failed.

        Given up in the middle of a transaction it would cost its connection.
        """
        return await asyncio.shield(self._begin(work))

    async def settled(self) -> None:
        """Waits for all that was begun, wanted or not."""
        while self._under_way:
            await asyncio.wait(self._under_way)

    def _begin(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        task = asyncio.get_running_loop().create_task(work)
        self._under_way.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._under_way.discard(task)
        # Heard, whoever waits for it.
        _ = task.cancelled() or task.exception()

    def register(self, number: int) -> None:
        """Counts event APIs that are to be registered; raises Refused for more than one request may, before the first is."""
        self._registered += number
        if self._registered > REGISTRATIONS:
            said = f"a request registers at most {REGISTRATIONS} event APIs: send several"
            raise Refused(Issue(subject="in", description=said))

    def answered(self, text: str) -> str:
        """The text, counted as often as it is answered; raises TooLarge."""
        self._answered += len(text.encode())
        if self._answered > DOCUMENT_BYTES:
            raise _too_much()
        return text

    async def _api_pages(self, keys: Sequence[ApiPageKey]) -> Mapping[ApiPageKey, ApiPage]:
        return await self.services.application_apis.pages(keys)

    async def _documents(self, keys: Sequence[UUID]) -> Mapping[UUID, str | None]:
        store = self.services.application_apis
        size = await store.document_bytes(keys)
        if self._bytes + size > DOCUMENT_BYTES:
            raise _too_much()
        found = await store.documents(keys)
        self._bytes += size
        # One may have been removed since it was listed.
        return {key: found[key].decode() if key in found else None for key in keys}


def _too_much() -> TooLarge:
    said = f"the documents asked for have more than {DOCUMENT_BYTES:,} bytes: ask for fewer of them at once"
    return TooLarge(Issue(subject="data", description=said))

"""What many fields of one request ask for, asked for once: keys that come together are looked up together.

How they are looked up is left to whoever makes a loader.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Hashable, Mapping, Sequence
from typing import Any, Generic, TypeVar

Begin = Callable[[Coroutine[Any, Any, Any]], object]
K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Loader(Generic[K, V]):
    """The look-ups of one kind that one request makes; what was looked up is kept until it has ended."""

    def __init__(self, look_up: Callable[[Sequence[K]], Awaitable[Mapping[K, V]]], begin: Begin) -> None:
        """`look_up` answers for each key; `begin` lets it run beside whoever asks."""
        self._look_up = look_up
        self._begin_beside = begin
        self._found: dict[K, asyncio.Future[V]] = {}
        self._next: list[K] = []

    async def __call__(self, key: K) -> V:
        """The key's value; raises what the look-up raises."""
        if key not in self._found:
            loop = asyncio.get_running_loop()
            self._found[key] = loop.create_future()
            self._next.append(key)
            if len(self._next) == 1:
                # After the fields beside this one have asked as well.
                loop.call_soon(loop.call_soon, self._begin)
        return await asyncio.shield(self._found[key])

    def _begin(self) -> None:
        keys, self._next = self._next, []
        self._begin_beside(self._run(keys))

    async def _run(self, keys: Sequence[K]) -> None:
        try:
            found = await self._look_up(keys)
        except Exception as error:
            for key in keys:
                self._found[key].set_exception(error)
                # Who asked may have gone.
                self._found[key].exception()
            return
        for key in keys:
            self._found[key].set_result(found[key])

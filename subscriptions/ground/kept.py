"""What is made once and kept, bounded by the bytes that it takes: strangers choose what a process keeps, and how large it is.

The least recently used goes first, roughly: two generations take the place of an order, so that to find something costs one look.
"""

from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class BoundedCache(Generic[K, V]):
    """What `make` makes of a key, kept within `most` bytes; `size` says what a key and its value take."""

    def __init__(self, make: Callable[[K], V], *, size: Callable[[K, V], int], most: int) -> None:
        self._make = make
        self._size = size
        self._half = most // 2
        #: Those that were asked for of late: to be looked into by who cannot wait for a call.
        self.young: dict[K, V] = {}
        self._old: dict[K, V] = {}
        self._bytes = 0

    def __call__(self, key: K) -> V:
        """The value, made where it is not kept; what would take more than half of all room is made and not kept."""
        found = self.young.get(key)
        if found is not None:
            return found
        found = self._old.get(key)
        if found is None:
            found = self._make(key)
        size = self._size(key, found)
        if size <= self._half:
            if self._bytes + size > self._half:
                self.young, self._old, self._bytes = {}, self.young, 0
            self.young[key] = found
            self._bytes += size
        return found

    def __len__(self) -> int:
        return len(self.young.keys() | self._old.keys())

    def clear(self) -> None:
        """Keeps nothing."""
        self.young, self._old, self._bytes = {}, {}, 0

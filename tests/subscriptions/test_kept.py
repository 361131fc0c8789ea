"""Caches that strangers fill are bounded by the bytes that they take."""

import tracemalloc
from collections.abc import Callable, Iterable
from typing import Any

import pytest

from delivery.wire import masking
from subscriptions.ground.kept import BoundedCache
from subscriptions.webhooks.filters import event_filter

MB = 1 << 20


def test_what_is_kept_is_found() -> None:
    """What was asked for of late is made once; what was not goes, and never more is kept than there is room for."""
    made: list[int] = []

    def make(key: int) -> str:
        made.append(key)
        return str(key)

    kept = BoundedCache(make, size=lambda key, value: 10, most=100)
    for key in range(50):
        assert (kept(0), kept(key)) == ("0", str(key))
        assert len(kept) <= 10

    assert made == list(range(50))
    kept(1)
    assert made[50:] == [1]


def test_what_is_too_large_is_not_kept() -> None:
    """It is made each time, and drives nothing out."""
    kept = BoundedCache(str, size=lambda key, value: key, most=100)
    kept(10)
    kept(60)

    assert len(kept) == 1


#: Of what strangers fill caches with, the most that 1 MB may hold of it.
FILTERS: dict[str, Callable[[int], Any]] = {
    "lists": lambda n: f"a in ({','.join(str(n * 1000 + k) for k in range(500))})",
    "conditions": lambda n: " or ".join(f"p{n}_{k}/q eq 'x'" for k in range(200)),
    "arrays": lambda n: " or ".join(f"'{n}{k}' in a" for k in range(200)),
    "small": lambda n: f"a{n} eq 1",
}
SECRETS: dict[str, Callable[[int], Any]] = {
    "tokens": lambda n: ((), f"Bearer {n}" + '"/+%\\' * 800),
    "secrets": lambda n: ((f"a secret {n}", f"{n}" + "é" * 50), None),
}


def taken_by(kept: BoundedCache[Any, Any], keys: Iterable[Any]) -> int:
    """Bytes that it takes after all of them."""
    tracemalloc.start()
    try:
        for key in keys:
            kept(key)
        return tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("what", FILTERS)
def test_filters_are_bounded_in_bytes(what: str) -> None:
    """However many come, and however they are written, they take no more than they may."""
    kept = BoundedCache(event_filter.compiled._make, size=event_filter.size, most=MB)

    assert taken_by(kept, (FILTERS[what](number) for number in range(30 if what != "small" else 1500))) <= MB


@pytest.mark.parametrize("what", SECRETS)
def test_spellings_of_secrets_are_bounded_in_bytes(what: str) -> None:
    """So do what secrets and tokens are spelled as."""
    kept = BoundedCache(masking.kept._make, size=masking.size, most=MB)

    assert taken_by(kept, (SECRETS[what](number) for number in range(60 if what == "tokens" else 1000))) <= MB

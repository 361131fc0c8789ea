"""The receiver that most tests of the wire deliver to, and the loops that they run on."""

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest
import uvloop

from tests.receiver import Receiver


def pytest_asyncio_loop_factories(item: pytest.Function) -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Workers and the API run on uvloop, tests on asyncio's; modules that say `ON_BOTH_LOOPS` run on either."""
    both = {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}
    return both if getattr(item.module, "ON_BOTH_LOOPS", False) else {"asyncio": asyncio.new_event_loop}


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with Receiver({"*": ("first", "second")}) as running:
        yield running

"""The receiver that most tests of the wire deliver to."""

from collections.abc import AsyncIterator

import pytest

from tests.receiver import Receiver


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with Receiver({"*": ("first", "second")}) as running:
        yield running

"""Long work in the loop, by turns: whoever waits comes between its pieces.

What the work is, is left to its caller.
"""

import asyncio
from collections.abc import Iterable
from typing import TypeVar

T = TypeVar("T")

#: Bytes that are worked through before others get a turn.
TURN = 32 * 1024


async def taken(pieces: Iterable[tuple[int, T]]) -> list[T]:
    """What an iterator makes of pieces of so many bytes; up to a turn of them are taken without letting go of the loop."""
    made = []
    size = 0
    for bytes_, one in pieces:
        made.append(one)
        size += bytes_
        if size > TURN:
            size = 0
            await asyncio.sleep(0)
    return made

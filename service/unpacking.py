"""Bodies that came packed with gzip (RFC 1952): unpacked within a limit, by turns.

Which bodies are packed is left to `api/reading.py`.
"""

import asyncio
import zlib
from collections.abc import Callable

#: Bytes that are unpacked before others get a turn.
TURN = 64 * 1024
#: zlib's word for a gzip header and the largest window.
GZIP = 31


async def gunzip(packed: bytes, limit: int, room: Callable[[int], None]) -> bytes:
    """What was packed, of one member or of several.

    `room` is asked for the bytes there are so far, and may raise. Raises ValueError for what is no gzip or breaks off, and
    OverflowError beyond the limit, at which nothing more of it has been unpacked.
    """
    pieces: list[bytes] = []
    size, left = 0, packed
    while left or not pieces:
        member = zlib.decompressobj(GZIP)
        while not member.eof:
            try:
                piece = member.decompress(left, min(TURN, limit - size + 1))
            except zlib.error:
                raise ValueError("it is no gzip") from None
            left = member.unconsumed_tail
            if not piece and not left and not member.eof:
                raise ValueError("it breaks off")
            size += len(piece)
            if size > limit:
                raise OverflowError
            pieces.append(piece)
            room(size)
            await asyncio.sleep(0)
        left = member.unused_data
    return b"".join(pieces)

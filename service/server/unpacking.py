"""Bodies that came packed with gzip (RFC 1952): unpacked within a limit, by turns.

Which bodies are packed is left to `api/reading.py`.
"""

import zlib
from collections.abc import Awaitable, Callable

#: Bytes that are unpacked before others get a turn.
TURN = 64 * 1024
#: Members of one body. Packing programs make one, log collectors one for each piece that they append.
MAX_MEMBERS = 1000
#: zlib's word for a gzip header and the largest window.
GZIP = 31


async def gunzip(packed: bytes, limit: int, room: Callable[[int], None], turn: Callable[[], Awaitable[None]]) -> bytes:
    """What was packed, of one member or of several.

    `room` is asked for the bytes there are so far, and may raise; `turn` is waited for between two pieces. Raises
    ValueError for what is no gzip, breaks off or has more than MAX_MEMBERS, and OverflowError beyond the limit, at which nothing
    more of it has been unpacked.
    """
    pieces: list[bytes] = []
    size = at = members = 0
    while at < len(packed) or not pieces:
        members += 1
        if members > MAX_MEMBERS:
            raise ValueError(f"it has more than {MAX_MEMBERS:,} members")
        member = zlib.decompressobj(GZIP)
        while not member.eof:
            # zlib copies what it leaves, so that it is given no more than a turn's worth.
            given = packed[at : at + TURN]
            try:
                piece = member.decompress(given, min(TURN, limit - size + 1))
            except zlib.error:
                raise ValueError("it is no gzip") from None
            at += len(given) - len(member.unused_data if member.eof else member.unconsumed_tail)
            if not piece and at == len(packed) and not member.eof:
                raise ValueError("it breaks off")
            size += len(piece)
            if size > limit:
                raise OverflowError
            pieces.append(piece)
            room(size)
            if at < len(packed) or not member.eof:
                await turn()
    return b"".join(pieces)

"""Forms with files as browsers send them (multipart/form-data, RFC 7578).

What the fields mean is left to the pages.
"""

import re
from dataclasses import dataclass

MEDIA_TYPE = "multipart/form-data"
#: RFC 2046 5.1.1.
_BOUNDARY = re.compile(r';\s*boundary=(?:"([^"\r\n]{1,70})"|([^\s;"]{1,70}))', re.IGNORECASE)
_NAME = re.compile(rb';\s*name="([^"]*)"', re.IGNORECASE)
_FILE = re.compile(rb';\s*filename="([^"]*)"', re.IGNORECASE)
_DISPOSITION = b"content-disposition:"


@dataclass(frozen=True, kw_only=True, slots=True)
class FormPart:
    """One field."""

    name: str
    #: What a file is called, empty where none was chosen; None: it is no file.
    file: str | None
    content: bytes


def parts(content_type: str, body: bytes, *, most: int) -> list[FormPart]:
    """The fields in their order, at most so many; raises ValueError for what is no such form."""
    found = _BOUNDARY.search(content_type)
    if found is None:
        raise ValueError("there is no boundary")
    delimiter = b"\r\n--" + (found[1] or found[2]).encode("latin-1")
    first, *pieces = (b"\r\n" + body).split(delimiter, most + 1)
    if first or not pieces or not pieces[-1].startswith(b"--"):
        raise ValueError("its boundaries are not in order")
    return [_part(piece) for piece in pieces[:-1]]


def _part(piece: bytes) -> FormPart:
    head, found, content = piece.partition(b"\r\n\r\n")
    lines = (line for line in head.split(b"\r\n") if line[: len(_DISPOSITION)].lower() == _DISPOSITION)
    disposition = next(lines, b"")
    name, file = _NAME.search(disposition), _FILE.search(disposition)
    if not found or name is None:
        raise ValueError("a field of it has no name")
    return FormPart(name=name[1].decode(), file=None if file is None else file[1].decode(), content=content)

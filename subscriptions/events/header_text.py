"""Attribute values in HTTP headers: the two directions (cloudevents.md H5, H6).

Which headers are attributes is left to `http_binding.py`.
"""

import re
from urllib.parse import quote, unquote_to_bytes

#: U+0021 to U+007E without the quotation mark and the percent sign; everything else is percent-encoded.
_SAFE = "".join(chr(code) for code in range(0x21, 0x7F) if chr(code) not in '"%')
_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"\Z')
_ESCAPED = re.compile(r"\\(.)")
_BARE_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})")


def encode(value: str) -> str:
    """A string as a header value."""
    return quote(value, safe=_SAFE)


def decode(header: str) -> str:
    """The string of a header value: unquoted, then percent-decoded once.

    Raises ValueError, its text a sentence, for a bare percent sign and for what is not UTF-8 (`%C0%A0`). Bytes over
    127, which HTTP servers hand over as ISO 8859-1, are read as the UTF-8 that a careless sender meant.
    """
    quoted = _QUOTED.match(header)
    text = _ESCAPED.sub(r"\1", quoted[1]) if quoted else header
    if _BARE_PERCENT.search(text):
        raise ValueError("holds a percent sign that is not followed by two hexadecimal digits")
    try:
        # unquote_to_bytes on bytes: on a string it would encode the ISO 8859-1 characters as UTF-8 once more.
        return unquote_to_bytes(text.encode("latin-1")).decode()
    except UnicodeError:
        raise ValueError("is not UTF-8 after percent-decoding") from None

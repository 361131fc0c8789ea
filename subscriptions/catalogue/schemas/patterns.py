"""Regular expressions of schemas: how they are compiled, and how large each becomes.

What a whole schema may have of them is `bounds.py`'s matter.
"""

from collections.abc import Iterable
from contextlib import suppress
from functools import lru_cache

import jsonschema_rs

#: Characters of one.
LONGEST = 2_000
#: Bytes of the table that matching makes as it goes; what needs more is matched state by state.
_TABLE = 128 * 1024
_SIZES = (1, 4, 16, 64, 256)


def options(kilobytes: int = _SIZES[-1]) -> jsonschema_rs.RegexOptions:
    """Linear in the text that is matched, and so without look-around and back-references."""
    return jsonschema_rs.RegexOptions(size_limit=kilobytes * 1024, dfa_size_limit=_TABLE)


@lru_cache(1_000)
def kilobytes(pattern: str) -> int:
    """What it takes compiled: 1, 4, 16, 64 or 256. Each byte that is matched may cost as many steps.

    What cannot be compiled at all counts as the largest.
    """
    for size in _SIZES:
        with suppress(jsonschema_rs.ValidationError):
            jsonschema_rs.validator_for({"pattern": pattern}, pattern_options=options(size), offline=True)
            return size
    return _SIZES[-1]


def first_match(pattern: str, texts: Iterable[str]) -> str | None:
    """The first of the texts that it matches; None where none does, and for what cannot be compiled."""
    with suppress(jsonschema_rs.ValidationError):
        takes = jsonschema_rs.validator_for({"pattern": pattern}, pattern_options=options(), offline=True).is_valid
        return next((each for each in texts if takes(each)), None)
    return None

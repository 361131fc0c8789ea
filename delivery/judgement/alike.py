"""Which failures are alike: those whose sentence is the same but for what varies from attempt to attempt.

What follows from many of them is left to `ledger/issues`.
"""

import re
from functools import lru_cache

#: Stands for what varies.
VARIES = "…"
#: Characters of a cause.
LONGEST = 200

#: What is never the same twice: UUIDs, moments, addresses with their ports, numbers with their fractions. A status is what tells
#: failures apart, so that those at the beginning and behind `answered` stay, and so does what is part of a word or a host's name.
_VARIES = re.compile(
    r"""
      (?P<stays> ^\d{3}\b | \banswered\ \d{3}\b )
    | \b[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\b
    | \b\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:?\d\d)?)?
    | \b\d\d:\d\d:\d\d(?:\.\d+)?
    | \[[0-9a-fA-F:.]{2,}\](?::\d{1,5}\b)?
    | \b(?:\d{1,3}\.){3}\d{1,3}(?::\d{1,5})?\b
    | (?<![\w.:-])0x[0-9a-fA-F]+\b
    | (?<![\w.-])\d[\d,]*(?:\.\d+)?(?![\w-])(?!\.\w)
    """,
    re.VERBOSE,
)


@lru_cache(4096)
def cause_of(sentence: str) -> str:
    """The sentence without what varies: `no answer within 15 s (connected after 0.3 s)` is `no answer within … s (connected
    after … s)`."""
    shorter = _VARIES.sub(lambda found: found[0] if found["stays"] else VARIES, sentence)
    return shorter[:LONGEST].strip() or "no reason was told"

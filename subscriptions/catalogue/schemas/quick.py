"""What is done with a schema in a process that takes events: of plain ones alone, and of those what takes a millisecond or two.

What else there is to do with schemas is done in processes that can be ended (`ground/beside.py`, `ground/apart.py`).
"""

from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

import msgspec

from subscriptions.catalogue.schemas import compiling, plain
from subscriptions.catalogue.schemas.dialects import Dialect
from subscriptions.catalogue.schemas.document import SchemaDocument
from subscriptions.catalogue.schemas.plain import NotPlainError, StepCount
from subscriptions.events import json_text
from subscriptions.ground.errors import Refused

#: Bytes of a schema of which it is seen here whether it is plain, and schemas that such a one comes to.
SURELY, MAX_SCHEMAS = 4096, 500
#: Steps that all examples that come with a schema may take where it is vetted beside publications.
EXAMPLES = 500
#: Schemas that the parts of a schema may come to where it is told what does not fit.
TELLING = 200


class Quick(NamedTuple):
    """A plain schema that judges."""

    accepts: Callable[[object], bool]
    steps: StepCount
    #: As `Facts` has it.
    telling: bool


class Facts(NamedTuple):
    """What is known of a schema without compiling it."""

    #: None: it is not plain.
    steps: StepCount | None
    #: Microseconds that compiling it takes, as far as one knows, and bytes of memory that it takes then.
    took: int
    memory: int
    #: Whether telling what does not fit it takes little: each of its schemas is compiled for that, with all that it leads to.
    telling: bool = False


def surely(text: bytes, dialect: Dialect) -> Mapping[str, StepCount] | None:
    """What a schema (JSON that was read) takes, by the pointers of its parts, where that is seen at once; None: it is not.

    Nothing is compiled for it, and so it has no regular expressions.
    """
    if len(text) > SURELY or b'"pattern":' in text:
        return None
    value = json_text.load(text)
    if not isinstance(value, dict):
        return None
    try:
        document = SchemaDocument(value, dialect)
        found = plain.steps(document, text)
    except Refused:
        return None
    # What nothing leads to is compiled all the same where somebody asks why.
    return None if found is None or len(found) < len(document.nodes) or found[""].schemas > MAX_SCHEMAS else found


def parts(found: Mapping[str, StepCount]) -> int:
    """The schemas that are compiled where each part is compiled by itself, with all that it leads to."""
    return sum(each.schemas for each in found.values())


def vetted_soon(text: bytes, dialect: Dialect, examples: Iterable[bytes]) -> bool:
    """Whether to vet a schema with the examples that came with it takes little for sure."""
    found = None if b'"examples":' in text else surely(text, dialect)
    if found is None:
        return False
    left = EXAMPLES if parts(found) <= TELLING else 0
    for each in examples:
        left -= found[""].most(len(each), plain.values(each))
        try:
            plain.value(each)
        except (NotPlainError, msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            return False
    return left >= 0


def facts(text: bytes, dialect: Dialect) -> Facts:
    """What is seen at once of a schema."""
    found = surely(text, dialect)
    if found is None:
        return Facts(None, 0, 0)
    schemas = found[""].schemas
    return Facts(found[""], len(text) // 2, compiling.memory(text, schemas), telling=parts(found) <= TELLING)


def made(text: bytes, dialect: Dialect, steps: StepCount, *, telling: bool) -> Quick:
    """What judges by a schema that was vetted, and is plain."""
    return Quick(compiling.validator(compiling.named(text, dialect)), steps, telling)

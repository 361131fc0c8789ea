"""What judging a value takes, before it is judged: values times schemas, and bytes times the regular expressions that see them.

jsonschema-rs keeps the interpreter to itself meanwhile, so what takes too long is not begun.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

from subscriptions.catalogue.schemas import bounds
from subscriptions.catalogue.schemas.bounds import Weight
from subscriptions.catalogue.schemas.dialects import Where
from subscriptions.catalogue.schemas.document import Edge, SchemaDocument

#: Values of a payload times the schemas that may judge each: a tenth of a second's work.
MAX_WORK = 500_000
#: Bytes of strings and names times the kilobytes of regular expressions that match them: as long at the worst.
MAX_MATCHED = 500_000
#: Steps that are gone to find which strings meet which expressions; beyond, all are taken to meet.
_STEPS = 20_000


class Measured(NamedTuple):
    """How large a value is."""

    values: int
    #: Of strings and names, in UTF-8 at most.
    text: int


def measured(value: object) -> Measured:
    """Counts what is in a value."""
    waiting, values, text = [value], 0, 0
    while waiting:
        each = waiting.pop()
        values += 1
        if isinstance(each, str):
            text += _bytes(each)
        elif isinstance(each, dict):
            text += sum(map(_bytes, each))
            waiting.extend(each.values())
        elif isinstance(each, list):
            waiting.extend(each)
    return Measured(values, text)


def work(size: Measured, weight: Weight, *, met: int | None = None) -> int:
    """What judging takes at the most, as MAX_WORK and MAX_MATCHED count; `met` is what `matched` said, where it is known."""
    expressions = size.text * weight.patterns
    return size.values * weight.schemas + MAX_WORK // MAX_MATCHED * min(
        expressions, expressions if met is None else met
    )


def matched(document: SchemaDocument, value: object, *, start: str = "") -> int:
    """Bytes times kilobytes of the expressions that may be matched when the schema at a pointer judges a value.

    More than MAX_MATCHED where that is so, or where it takes too long to tell.
    """
    waiting: list[tuple[str, Any]] = [(start, value)]
    found = steps = 0
    while waiting:
        pointer, each = waiting.pop()
        node = document.nodes.get(pointer)
        if node is None:
            continue
        members = node.members(document.dialect)
        if isinstance(each, str):
            found += _bytes(each) * bounds.matched_by({"pattern": members.get("pattern")})
        elif isinstance(each, dict) and "patternProperties" in members:
            named = bounds.matched_by({"patternProperties": members["patternProperties"]})
            found += sum(map(_bytes, each)) * named
        for edge in node.edges:
            if _nothing(document, edge.to):
                continue
            for below in _met(edge, each):
                steps += 1
                waiting.append((edge.to, below))
                if found > MAX_MATCHED or steps > _STEPS:
                    return MAX_MATCHED + 1
    return found


def _nothing(document: SchemaDocument, pointer: str) -> bool:
    """Whether a schema matches nothing, and leads nowhere."""
    node = document.nodes.get(pointer)
    if node is None:
        return True
    return not node.edges and "pattern" not in node.members(document.dialect)


def _met(edge: Edge, value: Any) -> Iterator[Any]:
    """The values that what an edge leads to may judge."""
    if edge.where is Where.HERE:
        yield value
    elif edge.where is Where.ONE:
        yield from _named(edge.place, value)
    elif edge.where is Where.EACH and isinstance(value, dict):
        if edge.place == "names":
            yield from value
        elif edge.place == "members":
            yield from value.values()
    elif edge.where is Where.EACH and isinstance(value, list) and edge.place == "items":
        yield from value


def _named(place: str, value: Any) -> Iterator[Any]:
    step = place.rpartition("/")[2].replace("~1", "/").replace("~0", "~")
    if isinstance(value, dict) and place.startswith("/"):
        if step in value:
            yield value[step]
    elif isinstance(value, list) and place.startswith("items/") and step.isdecimal() and int(step) < len(value):
        yield value[int(step)]


def _bytes(text: str) -> int:
    return len(text) if text.isascii() else 4 * len(text)

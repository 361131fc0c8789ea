"""What must hold of any text that is given as a filter, as JSON, or as the value of a header.

Each check answers in a word or two what became of the input; the words tell inputs apart.
"""

import json
import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from subscriptions.events import header_text, json_bounds, json_text
from subscriptions.events.attributes import Instant
from subscriptions.ground.errors import Malformed, Refused
from subscriptions.webhooks.filters import event_filter, grammar, lexer
from subscriptions.webhooks.filters.grammar import Both, Call, Comparison, Either, Holds, Not, OneOf, Tree

#: Asked of every filter, beside the data that stand below it in the input.
DATA: tuple[Any, ...] = (
    None,
    {},
    {"a": 1},
    {"a": None, "b": ["x", 1, None, "2021-05-12T07:20:00Z"]},
    {"a": {"b": "x"}},
    [1],
    "text",
    True,
)
_FIRST, _LAST = datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)
_DETAIL = re.compile(r"`.*`|'.*'|\d+", re.DOTALL)


def sentence(error: Refused) -> str:
    """How the refusal ends, without what it quotes; each of its sentences must be fit to be shown."""
    for issue in error.issues:
        shown = issue.description
        assert shown, error.issues
        assert len(shown) < 2000, shown
        assert shown.encode()
        assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f]", shown), shown
    said = _DETAIL.sub("_", error.issues[0].description).split()
    return " ".join([type(error).__name__, *said[-3:]])


def any_filter(raw: bytes) -> str:
    """Refused in a sentence on `eventFilter`, or a tree that its own text spells again, and that answers any data.

    What is below an empty line is data in JSON.
    """
    written, _, below = raw.partition(b"\n\n")
    text = written.decode(errors="replace")
    tree = _parsed(text)
    if isinstance(tree, Refused):
        assert {issue.subject for issue in tree.issues} == {"eventFilter"}
        return sentence(tree)
    assert _parsed(spelled(tree)) == tree
    _answers(text, [*DATA, _data(below)])
    return type(tree).__name__


def _answers(text: str, asked: list[Any]) -> None:
    compiled = event_filter.compile(text)
    answers = [compiled.passes(data) for data in asked]
    assert {type(answer) for answer in answers} == {bool}
    opposite = f"not ({text})"
    tree = _parsed(opposite)
    if isinstance(tree, Refused):
        assert re.search("levels deep|at most", str(tree))
        return
    assert [event_filter.compile(opposite).passes(data) for data in asked] == [not answer for answer in answers]


def _parsed(text: str) -> Tree | Refused:
    try:
        return grammar.parse(text)
    except Refused as error:
        return error


def _data(below: bytes) -> Any:
    try:
        return event_filter.data_of(b'{"data":%b}' % json_text.compact(below))
    except Malformed:
        return None


def spelled(tree: Tree) -> str:
    """A filter of this tree, parenthesised throughout."""
    match tree:
        case Comparison(path=path, operator=operator, literal=literal):
            return f"{'/'.join(path)} {operator} {_literal(literal)}"
        case OneOf(path=path, literals=literals):
            return f"{'/'.join(path)} in ({','.join(map(_literal, literals))})"
        case Holds(path=path, literal=literal):
            return f"{_literal(literal)} in {'/'.join(path)}"
        case Call(function=function, path=path, text=text):
            return f"{function}({'/'.join(path)},{_literal(text)})"
        case Not(operand=operand):
            return f"not {_within(operand)}"
        case Both(operands=operands):
            return " and ".join(map(_within, operands))
        case Either(operands=operands):
            return " or ".join(map(_within, operands))


def _within(tree: Tree) -> str:
    return f"({spelled(tree)})" if isinstance(tree, Both | Either) else spelled(tree)


def _literal(value: lexer.Literal) -> str:
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, str):
        return "'{}'".format(value.replace("'", "''"))
    if isinstance(value, Instant):
        return _moment(value)
    if isinstance(value, Decimal) and not value.is_finite():
        return f"{'-' if value < 0 else ''}1e{10**19}"
    return str(value)


def _moment(moment: Instant) -> str:
    # Before the first year and after the last one there are moments with an offset only.
    day = 23 * 3600 + 59 * 60
    local, offset = moment.seconds - 86400, "Z"
    if local < 0:
        local, offset = local + day, "+23:59"
    elif local > (_LAST - _FIRST).total_seconds():
        local, offset = local - day, "-23:59"
    stamp = f"{_FIRST + timedelta(seconds=local):%Y-%m-%dT%H:%M:%S}".zfill(19)
    return stamp + (f".{moment.fraction}" if moment.fraction else "") + offset


def any_json(raw: bytes) -> str:
    """Taken exactly where Python's reader takes it under our stricter rules; then compact, stable, and of the same value."""
    strict = _strictly(raw)
    try:
        text = json_text.compact(raw)
    except Malformed as error:
        assert strict is _REFUSED, strict
        return sentence(error)
    assert strict is not _REFUSED
    assert _strictly(text) == strict
    assert json_text.compact(text) == text
    json_text.load(text)
    if text.startswith(b"["):
        assert b"[" + b",".join(item.text for _, item in json_text.items(raw, limit=10_000)) + b"]" == text
    if text.startswith(b"{"):
        members = json_text.members(text)
        assert b"{" + b",".join(json_text.quote(name) + b":" + value for name, value in members.items()) + b"}" == text
    return "taken"


_REFUSED = object()


def _strictly(raw: bytes) -> object:
    """The value, numbers as they are spelled; _REFUSED for a key that stands twice, surrogates, NaN, and great depth."""
    try:
        value = json.loads(
            raw.decode(), parse_int=_integer, parse_float=_spelling, parse_constant=_raise, object_pairs_hook=_object
        )
        # Half of a surrogate pair has no bytes.
        repr(value).encode()
        json.dumps(value, ensure_ascii=False, default=str).encode()
    except (ValueError, RecursionError):
        return _REFUSED
    return value if _depth(value) <= json_bounds.MAX_DEPTH else _REFUSED


def _spelling(digits: str) -> tuple[str, str]:
    return "number", digits


def _integer(digits: str) -> tuple[str, str]:
    if len(digits.lstrip("-")) > json_bounds.MAX_DIGITS:
        raise ValueError(digits)
    return _spelling(digits)


def _raise(name: str) -> object:
    raise ValueError(name)


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a key stands twice")
    return found


def _depth(value: object) -> int:
    if isinstance(value, dict | list):
        return 1 + max(map(_depth, value.values() if isinstance(value, dict) else value), default=0)
    return 0


def any_header_value(raw: bytes) -> str:
    """What was encoded is decoded again; what came over the wire is text or a ValueError with a sentence."""
    text = raw.decode(errors="replace")
    encoded = header_text.encode(text)
    assert re.fullmatch(r"[!-~]*", encoded), encoded
    assert header_text.decode(encoded) == text
    try:
        return "text" if header_text.decode(raw.decode("latin-1")).encode() else "empty"
    except ValueError as error:
        return str(error)

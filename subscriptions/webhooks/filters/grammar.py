"""The grammar of event filters (greenlake.md 6): what may follow what, as a tree; a refusal says what should be there.

The pieces are `lexer.py`'s, what a tree says of an event's data is left to `event_filter.py`.

    filter     = both *( "or" both )
    both       = one *( "and" one )
    one        = "not" one / "(" filter ")" / condition
    condition  = property ( "eq" / "ne" / "gt" / "ge" / "lt" / "le" ) literal
               / property "in" "(" literal *( "," literal ) ")"
               / literal "in" property
               / ( "startswith" / "endswith" / "contains" ) "(" property "," string ")"
    property   = name *( "/" name )
    literal    = number / timestamp / string / "true" / "false" / "null"
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NoReturn

from subscriptions.webhooks.filters import lexer
from subscriptions.webhooks.filters.lexer import COMPARISONS, CONSTANTS, FUNCTIONS, RESERVED, Literal, Token

#: Parentheses and `not` within one another.
MAX_DEPTH = 32

Path = tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Comparison:
    """`property eq literal`, and its kin."""

    path: Path
    #: One of COMPARISONS.
    operator: str
    literal: Literal


@dataclass(frozen=True, kw_only=True, slots=True)
class OneOf:
    """`property in (literal, ...)`."""

    path: Path
    #: At least one.
    literals: tuple[Literal, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Holds:
    """`literal in property`: the property is an array."""

    path: Path
    literal: Literal


@dataclass(frozen=True, kw_only=True, slots=True)
class Call:
    """`startswith(property,'text')`, and its kin."""

    #: One of FUNCTIONS.
    function: str
    path: Path
    text: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Not:
    """`not ...`"""

    operand: "Tree"


@dataclass(frozen=True, kw_only=True, slots=True)
class Both:
    """`... and ...`, of two or more."""

    operands: "tuple[Tree, ...]"


@dataclass(frozen=True, kw_only=True, slots=True)
class Either:
    """`... or ...`, of two or more."""

    operands: "tuple[Tree, ...]"


Condition = Comparison | OneOf | Holds | Call
Tree = Condition | Not | Both | Either


def parse(text: str, *, conditions: float = math.inf) -> Tree:
    """The tree of a filter; raises Refused (subject `eventFilter`) naming the token, its column and what would be right.

    One with more than so many `conditions` is refused at the first beyond.
    """
    return _Parser(lexer.read(text), conditions).tree()


def conditions(tree: Tree) -> Iterator[Condition]:
    """All conditions of a tree, from left to right."""
    match tree:
        case Not(operand=operand):
            yield from conditions(operand)
        case Both(operands=operands) | Either(operands=operands):
            for each in operands:
                yield from conditions(each)
        case _:
            yield tree


class _Parser:
    """Recursive descent; `_depth` bounds the recursion."""

    def __init__(self, found: list[Token], conditions: float) -> None:
        self._tokens = found
        self._most = self._left = conditions
        self._at = 0
        self._depth = 0

    def tree(self) -> Tree:
        tree = self._either()
        if self._next.kind != "end":
            self._expected("`and`, `or` or the end")
        return tree

    @property
    def _next(self) -> Token:
        return self._tokens[self._at]

    def _take(self) -> Token:
        token = self._next
        self._at += 1
        return token

    def _is(self, text: str) -> bool:
        return self._next.text == text

    def _either(self) -> Tree:
        operands = self._joined("or", self._both)
        return operands[0] if len(operands) == 1 else Either(operands=operands)

    def _both(self) -> Tree:
        operands = self._joined("and", self._one)
        return operands[0] if len(operands) == 1 else Both(operands=operands)

    def _joined(self, word: str, operand: Callable[[], Tree]) -> tuple[Tree, ...]:
        operands = [operand()]
        while self._is(word):
            self._take()
            operands.append(operand())
        return tuple(operands)

    def _one(self) -> Tree:
        if not (self._is("not") or self._is("(")):
            return self._condition()
        opening = self._take()
        self._depth += 1
        if self._depth > MAX_DEPTH:
            lexer.refuse(f"{opening} is more than {MAX_DEPTH} levels deep")
        if opening.text == "not":
            inner: Tree = Not(operand=self._one())
        else:
            inner = self._either()
            if not self._is(")"):
                self._expected(f"`and`, `or` or the `)` of the `(` in column {opening.column}")
            self._take()
        self._depth -= 1
        return inner

    def _condition(self) -> Tree:
        token = self._next
        self._left -= 1
        if self._left < 0:
            lexer.refuse(
                f"{token} begins one condition more than the {self._most} that a filter may have; "
                "`property in (...)` is one, however many values it lists"
            )
        if token.kind == "literal":
            return self._holds()
        if token.text in FUNCTIONS and self._tokens[self._at + 1].text == "(":
            return self._call()
        path = self._path("a condition")
        operator = self._next
        if operator.text in COMPARISONS:
            self._take()
            return Comparison(path=path, operator=operator.text, literal=self._literal())
        if operator.text == "in":
            self._take()
            return OneOf(path=path, literals=self._listed())
        return self._no_operator(token, operator)

    def _holds(self) -> Tree:
        literal = self._take()
        if not self._is("in"):
            self._expected("`in`", "; of other operators the property is on the left")
        self._take()
        return Holds(literal=literal.value, path=self._path("the property that holds it"))

    def _call(self) -> Tree:
        function = self._take().text
        self._mark("(")
        path = self._path("a property")
        self._mark(",")
        text = self._next
        if not isinstance(text.value, str):
            self._expected("text in single quotes")
        self._take()
        self._mark(")")
        return Call(function=function, path=path, text=text.value)

    def _path(self, what: str) -> Path:
        token = self._next
        if token.kind != "word" or token.text in RESERVED:
            self._expected(what)
        names = [self._take().text]
        while self._is("/"):
            slash = self._take()
            # Within a path nothing is reserved (`true` comes as a literal), so an operator has to be told by its space.
            named = self._next.kind == "word" or self._next.text in CONSTANTS
            if not named or self._next.column > slash.column + 1:
                self._expected("the name of a property")
            names.append(self._take().text)
        return tuple(names)

    def _literal(self) -> Literal:
        if self._next.kind != "literal":
            quoted = f" ('{self._next.shown}')" if self._next.kind == "word" else ""
            self._expected(f"a number, a timestamp, text in single quotes{quoted}, `true`, `false` or `null`")
        return self._take().value

    def _listed(self) -> tuple[Literal, ...]:
        self._mark("(")
        literals = [self._literal()]
        while self._is(","):
            self._take()
            literals.append(self._literal())
        if not self._is(")"):
            self._expected("`,` or `)`")
        self._take()
        return tuple(literals)

    def _mark(self, mark: str) -> None:
        if not self._is(mark):
            self._expected(f"`{mark}`")
        self._take()

    def _no_operator(self, operand: Token, operator: Token) -> NoReturn:
        if operator.text == "(" and not lexer.meant(operand.text):
            lexer.refuse(f"{operand} is not a function of a filter; {', '.join(FUNCTIONS)} are")
        if operator.text == "(":
            lexer.unknown(operand)
        alone = f"; `{operand.shown}` alone is no condition, `{operand.shown} eq true` is one"
        self._expected(f"an operator ({', '.join(COMPARISONS)} or in)", alone)

    def _expected(self, what: str, why: str = "") -> NoReturn:
        lexer.unknown(self._next)
        lexer.refuse(f"{self._next} stands where {what} should be{why}")

"""The pieces of event filters: words, marks and literals, each with its column, so that a refusal can name it.

What may follow what is left to `grammar.py`.
"""

import re
from dataclasses import dataclass
from decimal import MAX_EMAX, MAX_PREC, MIN_EMIN, Context, Decimal
from typing import NoReturn

from subscriptions.events import attributes
from subscriptions.events.attributes import Instant
from subscriptions.ground.errors import Issue, Refused

#: Characters of a filter (greenlake.md 6.2).
MAX_LENGTH = 4096

COMPARISONS = ("eq", "ne", "gt", "ge", "lt", "le")
FUNCTIONS = ("startswith", "endswith", "contains")
CONSTANTS: dict[str, bool | None] = {"true": True, "false": False, "null": None}
#: What cannot be the first name of a property.
RESERVED = frozenset((*COMPARISONS, *CONSTANTS, "and", "or", "not", "in"))
#: What people write who know it from elsewhere.
_MEANT = {
    "gte": "ge",
    "lte": "le",
    "neq": "ne",
    "equals": "eq",
    "=": "eq",
    "==": "eq",
    "!=": "ne",
    "<>": "ne",
    ">": "gt",
    ">=": "ge",
    "<": "lt",
    "<=": "le",
    "&&": "and",
    "&": "and",
    "||": "or",
    "|": "or",
    "!": "not",
}

_TOKEN = re.compile(
    r"(?P<space>[ \t\r\n]+)"
    r"|(?P<string>'(?:[^']|'')*')"
    # One run of characters, so that what is neither number nor timestamp is named whole.
    r"|(?P<number>[+-]?[0-9][\w.:+-]*)"
    r"|(?P<word>[^\W\d]\w*)"
    r"|(?P<mark>[(),/])"
    r"|(?P<strange>[=!<>&|]+|.)",
    re.DOTALL,
)
_NUMBER = re.compile(r"[+-]?[0-9]+(?P<rest>(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?)\Z")
#: Rounds nothing and raises nothing: exponents beyond its bounds, of eighteen digits, become infinite or zero.
_context = Context(prec=MAX_PREC, Emax=MAX_EMAX, Emin=MIN_EMIN, traps=[])

Literal = int | Decimal | str | bool | Instant | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Token:
    """A piece of a filter."""

    #: `word`, `mark`, `literal`, or `end` after the last.
    kind: str
    #: As it stands in the filter.
    text: str
    #: Of its first character, from 1.
    column: int
    #: Of a literal.
    value: Literal = None

    def __str__(self) -> str:
        if self.kind == "end":
            return f"the end (column {self.column})"
        return f"`{self.shown}` (column {self.column})"

    @property
    def shown(self) -> str:
        """The text as a sentence quotes it: not at any length, and without control characters, which would be no help."""
        shown = self.text if len(self.text) <= 40 else f"{self.text[:37]}..."
        return shown if shown.isprintable() else ascii(shown)[1:-1]


def read(text: str) -> list[Token]:
    """The pieces of a filter without white space, `end` after the last; raises Refused as `refuse` does."""
    if len(text) > MAX_LENGTH:
        refuse(f"has {len(text)} characters; at most {MAX_LENGTH} are taken")
    found = []
    for match in _TOKEN.finditer(text):
        kind, spelled, column = match.lastgroup or "", match[0], match.start() + 1
        token = Token(kind=kind, text=spelled, column=column)
        if "\0" in spelled:
            refuse(f"{token} holds a NUL character, which cannot be kept")
        if kind == "strange":
            _strange(token)
        if kind in ("string", "number") or spelled in CONSTANTS:
            found.append(Token(kind="literal", text=spelled, column=column, value=_value(token)))
        elif kind != "space":
            found.append(token)
    return [*found, Token(kind="end", text="", column=len(text) + 1)]


def decimal(digits: str) -> Decimal:
    """The exact value of a number as JSON writes it; never raises for one."""
    return _context.create_decimal(digits)


def refuse(what: str) -> NoReturn:
    """Raises Refused (subject `eventFilter`): one sentence on the token, its column, and what would be right."""
    raise Refused(Issue(subject="eventFilter", description=what))


def meant(text: str) -> str | None:
    """The word that was meant by one that no filter knows; None for others, and for words that filters know."""
    lower = text.lower()
    return _MEANT.get(lower) or (lower if lower != text and (lower in RESERVED or lower in FUNCTIONS) else None)


def unknown(token: Token) -> None:
    """Refuses a token that stands for one that filters know."""
    if right := meant(token.text):
        refuse(f"{token} is not a word of a filter; `{right}` is")


def _value(token: Token) -> Literal:
    if token.kind == "string":
        return token.text[1:-1].replace("''", "'")
    if token.kind == "word":
        return CONSTANTS[token.text]
    if number := _NUMBER.match(token.text):
        return decimal(token.text) if number["rest"] else int(token.text)
    moment = attributes.instant(token.text)
    if moment is None:
        refuse(
            f"{token} is neither a number nor an RFC 3339 timestamp such as 2021-05-12T07:20:00Z; "
            "text stands in single quotes"
        )
    return moment


def _strange(token: Token) -> NoReturn:
    if token.text == "'":
        refuse(f"the text that begins with {token} is not closed; a single quote within text is written twice")
    if token.text == '"':
        refuse(f"{token} is not a character of a filter; text stands in single quotes")
    if token.text == ".":
        said = "a path begins within the data and is written with `/`, such as user/name"
        refuse(f"{token} is not a character of a filter; {said}")
    unknown(token)
    refuse(f"{token} is not a character of a filter")

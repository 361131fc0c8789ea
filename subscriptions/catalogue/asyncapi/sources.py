"""The text of a document: YAML or JSON, its value, and on which line of it a pointer leads."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from subscriptions.catalogue.asyncapi import bounds
from subscriptions.catalogue.asyncapi.yaml_text import Lines, YamlReader
from subscriptions.events import json_bounds, json_text
from subscriptions.events.json_scan import JsonScan
from subscriptions.ground.errors import HooklakeError, Issue, Malformed, Refused, TooLarge

#: An escape of half a character, which YAML knows none of.
_HALF = re.compile(rb"\\u[dD][89a-fA-F][0-9a-fA-F]{2}")

#: Braces alone are YAML as well.
_LIKE_JSON = re.compile(rb'\s*\{\s*["}]')


@dataclass(kw_only=True)
class Source:
    """A document that could be read."""

    text: bytes
    #: `JSON` or `YAML`.
    format: str
    value: Any
    _lines: tuple[Any, Lines] | None = field(default=None)

    def issue(self, steps: Sequence[str | int], what: str) -> Issue:
        """What is wrong at a place: its JSON pointer (RFC 6901) as the subject, and its line in the description."""
        line = self._line(steps)
        return Issue(subject=pointer(steps) or "/", description=what if line is None else f"{what} (line {line})")

    def refuse(self, steps: Sequence[str | int], what: str) -> Refused:
        """The refusal of what stands at a place."""
        return Refused(self.issue(steps, what))

    def _line(self, steps: Sequence[str | int]) -> int | None:
        """The line of a place or, where there is none, of the nearest above it; None where lines cannot be told."""
        if self._lines is None:
            self._lines = _lines(self.text)
        value, lines = self._lines
        if id(value) not in lines:
            return None
        line: int | None = lines[id(value)][0]
        for step in steps:
            members: Any = lines[id(value)][1] if isinstance(value, dict | list) else None
            try:
                # Both fail where the place does not exist.
                line, value = members[step], value[step]
            except (KeyError, IndexError, TypeError):
                break
        return line


def pointer(steps: Sequence[str | int]) -> str:
    """A JSON pointer (RFC 6901)."""
    return "".join("/" + str(step).replace("~", "~0").replace("/", "~1") for step in steps)


def steps(text: str) -> list[str | int]:
    """The keys that a JSON pointer names; indexes are told as texts, where no line depends on them."""
    named = [step.replace("~1", "/").replace("~0", "~") for step in text.split("/")[1:]]
    return [int(step) if step.isascii() and step.isdecimal() else step for step in named]


def read(text: bytes, *, media_type: str | None = None) -> Source:
    """The document of a text: JSON where the media type says so or the text begins like JSON, else YAML.

    Raises Malformed, TooLarge: what the pointer leads to, and on which line.
    """
    if len(text) > bounds.MAX_BYTES:
        raise TooLarge(
            Issue(subject="/", description=f"a document has at most {bounds.MAX_BYTES:,} bytes, this {len(text):,}")
        )
    said = media_type or ""
    if "json" in said or ("yaml" not in said and _LIKE_JSON.match(text)):
        return _bounded(_json(text))
    try:
        text.decode()
    except UnicodeDecodeError as error:
        line = text.count(b"\n", 0, error.start) + 1
        raise Malformed(Issue(subject="/", description=f"not UTF-8 (line {line}, byte {error.start:,})")) from None
    return _bounded(Source(text=text, format="YAML", value=YamlReader(text).value()))


def _bounded(source: Source) -> Source:
    beyond = [
        source.issue(each, json_bounds.BEYOND) for each in islice(json_bounds.beyond(source.value), bounds.MAX_ISSUES)
    ]
    if beyond:
        raise Refused(*beyond)
    return source


def _json(text: bytes) -> Source:
    try:
        value = json_text.load(json_text.compact(text, root="document"))
    except Malformed as error:
        raise _placed(text, error) from None
    waiting, count = [value], 0
    while waiting:
        count += 1
        each = waiting.pop()
        if isinstance(each, dict):
            waiting += each.values()
        elif isinstance(each, list):
            waiting += each
        if count + len(waiting) > bounds.MAX_NODES:
            raise bounds.refuse("", "values", bounds.MAX_NODES)
    return Source(text=text, format="JSON", value=value)


def _placed(text: bytes, error: Malformed) -> Malformed:
    """What is wrong with JSON, with a pointer to it."""
    scan = JsonScan(text, "document")
    try:
        scan.text()
    except Malformed as explained:
        description = explained.issues[0].description.removesuffix(" of document)") + ")"
        return Malformed(Issue(subject=pointer(scan.steps())[:200] or "/", description=description))
    return error


def _lines(text: bytes) -> tuple[Any, Lines]:
    """The document read once more, with its lines: only a document that something is wrong with costs that."""
    # JSON is YAML, but for escapes that are half of a character.
    reader = YamlReader(_HALF.sub(rb"\\u003f", text), lines=True)
    try:
        return reader.value(), reader.lines or {}
    except HooklakeError:
        return None, {}

"""YAML 1.2 as values of JSON: the core schema's scalars, string keys, aliases within bounds, merge keys.

The one module that knows the YAML library. It takes the parser's events rather than its objects, so that depth, aliases and
values are counted before they are made, and scalars are read by YAML 1.2 (`on` and `2020-01-01` are strings), which
AsyncAPI asks for.
"""

import math
import re
from dataclasses import dataclass, field
from typing import Any

import yaml

from subscriptions.catalogue.asyncapi import bounds
from subscriptions.events.json_bounds import MAX_DIGITS
from subscriptions.ground.errors import Issue, Malformed

_INTEGER = re.compile(r"[-+]?[0-9]+\Z")
_BASED = re.compile(r"0o[0-7]+\Z|0x[0-9a-fA-F]+\Z")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?\Z")
_UNFINITE = re.compile(r"[-+]?\.(?:inf|Inf|INF)\Z|\.(?:nan|NaN|NAN)\Z")
_WORDS = {"": None, "~": None, "null": None, "Null": None, "NULL": None}
_WORDS_OF_TRUTH = {**dict.fromkeys(("true", "True", "TRUE"), True), **dict.fromkeys(("false", "False", "FALSE"), False)}
_TAG = "tag:yaml.org,2002:"
_TEXT, _PLAIN = _TAG + "str", {_TAG + name for name in ("int", "float", "bool", "null")}
_MERGE = "<<"

#: Per container, by its identity: the line that it begins on, and the lines of its members.
Lines = dict[int, tuple[int, Any]]


@dataclass(slots=True)
class _Node:
    """A value that was read, and what it comes to with all aliases followed."""

    value: Any
    line: int
    nodes: int = 1
    aliases: int = 0
    height: int = 0


@dataclass(slots=True)
class _Frame:
    """An open container."""

    node: _Node
    anchor: str | None
    lines: Any
    #: The key whose value comes next; None: a key does.
    key: str | None = None
    merged: list[_Node] = field(default_factory=list)


class YamlReader:
    """One reading of a text; `lines` is filled where they are asked for."""

    def __init__(self, text: bytes, *, lines: bool = False) -> None:
        self._text = text
        self.lines: Lines | None = {} if lines else None
        self._stack: list[_Frame] = []
        self._anchors: dict[str, _Node | None] = {}
        self._root: _Node | None = None
        self._nodes = 0
        #: Of them those that are written out.
        self._read = 0
        self._aliases = 0

    def value(self) -> Any:
        """The document; raises Malformed, TooLarge, with the pointer that was reached and the line."""
        parser = yaml.CSafeLoader(self._text)
        try:
            while (event := parser.get_event()) is not None:
                self._take(event)
        except yaml.MarkedYAMLError as error:
            said = " ".join(filter(None, (error.problem, error.context))) or "no YAML"
            mark = error.problem_mark or error.context_mark
            raise self._fail(said, mark.line + 1 if mark else None) from None
        except (yaml.YAMLError, UnicodeDecodeError) as error:
            # A reader's error names the place itself.
            raise self._fail(" ".join(str(error).split())[:200], None) from None
        finally:
            parser.dispose()
        if self._root is None:
            raise self._fail("there is no document in it", None)
        return self._root.value

    def _take(self, event: yaml.Event) -> None:
        line = event.start_mark.line + 1
        match event:
            case yaml.ScalarEvent():
                self._scalar(event, line)
            case yaml.MappingStartEvent():
                self._open(event, {}, line)
            case yaml.SequenceStartEvent():
                self._open(event, [], line)
            case yaml.MappingEndEvent() | yaml.SequenceEndEvent():
                self._close()
            case yaml.AliasEvent():
                self._alias(event.anchor, line)
            case yaml.DocumentStartEvent() if self._root is not None:
                raise self._fail("a second document begins; one is read", line)

    def _scalar(self, event: yaml.ScalarEvent, line: int) -> None:
        frame = self._stack[-1] if self._stack else None
        if frame is not None and frame.key is None and isinstance(frame.node.value, dict):
            self._key(frame, event, line)
            return
        node = _Node(self._resolved(event, line), line)
        self._count(1, 0, line)
        if event.anchor:
            self._anchors[event.anchor] = node
        self._put(node)

    def _key(self, frame: _Frame, event: yaml.ScalarEvent, line: int) -> None:
        if event.value in frame.node.value or (frame.key is None and event.value == _MERGE and frame.merged):
            raise self._fail(f"the key {event.value[:60]!r} stands twice in its object", line)
        if event.anchor:
            self._anchors[event.anchor] = _Node(event.value, line)
        frame.key = event.value
        if event.value != _MERGE or not event.implicit[0]:
            # Holds the place: members keep the order in which their keys stand.
            frame.node.value[event.value] = None
            frame.lines[event.value] = line

    def _open(self, event: yaml.CollectionStartEvent, value: Any, line: int) -> None:
        if self._stack and self._stack[-1].key is None and isinstance(self._stack[-1].node.value, dict):
            raise self._fail("a key is no string", line)
        if len(self._stack) == bounds.MAX_DEPTH:
            raise bounds.refuse(self._pointer(), "levels", bounds.MAX_DEPTH)
        if event.tag not in (None, "!", _TAG + "map", _TAG + "seq"):
            raise self._fail(f"the tag {event.tag[:60]!r}: values of JSON are read alone", line)
        self._count(1, 0, line)
        if event.anchor:
            # Open: an alias to it within itself has no end.
            self._anchors[event.anchor] = None
        lines: Any = {} if isinstance(value, dict) else []
        self._stack.append(_Frame(_Node(value, line), event.anchor, lines))

    def _close(self) -> None:
        frame = self._stack.pop()
        node = frame.node
        for merged in frame.merged:
            for name, value in merged.value.items():
                node.value.setdefault(name, value)
                frame.lines.setdefault(name, merged.line)
        if frame.anchor:
            self._anchors[frame.anchor] = node
        if self.lines is not None:
            self.lines[id(node.value)] = (node.line, frame.lines)
        self._put(node)

    def _alias(self, anchor: str, line: int) -> None:
        if anchor not in self._anchors:
            raise self._fail(f"the alias *{anchor[:60]} stands for nothing before it", line)
        node = self._anchors[anchor]
        if node is None:
            raise self._fail(f"the alias *{anchor[:60]} stands within what it stands for, and has no end", line)
        if self._stack and self._stack[-1].key is None and isinstance(self._stack[-1].node.value, dict):
            raise self._fail("a key is an alias; write it out", line)
        self._count(node.nodes, node.aliases + 1, line)
        if len(self._stack) + node.height > bounds.MAX_DEPTH:
            raise bounds.refuse(self._pointer(), "levels", bounds.MAX_DEPTH)
        self._put(_Node(node.value, line, node.nodes, node.aliases + 1, node.height))

    def _put(self, node: _Node) -> None:
        """A value, complete, into the container that it stands in."""
        if not self._stack:
            self._root = node
            return
        frame = self._stack[-1]
        parent = frame.node
        parent.nodes += node.nodes
        parent.aliases += node.aliases
        height = node.height + 1 if isinstance(node.value, dict | list) else 0
        parent.height = max(parent.height, height)
        if isinstance(parent.value, list):
            parent.value.append(node.value)
            frame.lines.append(node.line)
        elif frame.key == _MERGE and _MERGE not in parent.value:
            self._merge(frame, node)
        else:
            parent.value[frame.key] = node.value
        frame.key = None

    def _merge(self, frame: _Frame, node: _Node) -> None:
        found = node.value if isinstance(node.value, list) else [node.value]
        if not all(isinstance(each, dict) for each in found):
            raise self._fail("<< merges an object, or a list of them", node.line)
        frame.merged += [_Node(each, node.line) for each in found]

    def _count(self, nodes: int, aliases: int, line: int) -> None:
        self._nodes += nodes
        self._aliases += aliases
        if self._aliases > bounds.MAX_ALIASES:
            raise bounds.refuse(self._pointer(), f"aliases to follow (line {line})", bounds.MAX_ALIASES)
        self._read += not aliases
        if self._nodes > bounds.MAX_NODES:
            raise bounds.refuse(self._pointer(), f"values (line {line})", bounds.MAX_NODES)
        if self._read > bounds.MAX_YAML_NODES and self.lines is None:
            raise bounds.refuse(self._pointer(), f"values in YAML (line {line})", bounds.MAX_YAML_NODES)

    def _resolved(self, event: yaml.ScalarEvent, line: int) -> Any:
        text = event.value
        if event.tag in (None, "!") and not event.implicit[0]:
            return text
        if event.tag == _TEXT:
            return text
        if event.tag not in (None, "!") and event.tag not in _PLAIN:
            raise self._fail(f"the tag {event.tag[:60]!r}: values of JSON are read alone", line)
        return self._plain(text, line)

    def _plain(self, text: str, line: int) -> Any:
        if text in _WORDS:
            return None
        if text in _WORDS_OF_TRUTH:
            return _WORDS_OF_TRUTH[text]
        if text[0] not in "+-.0123456789":
            return text
        if _INTEGER.match(text):
            if len(text) > MAX_DIGITS:
                raise self._fail(f"an integer of more than {MAX_DIGITS:,} digits; write it as a string", line)
            return int(text)
        if _BASED.match(text):
            return int(text[2:], 8 if text[1] == "o" else 16)
        if _UNFINITE.match(text):
            raise self._fail(f"{text} is no number of JSON", line)
        if _FLOAT.match(text):
            number = float(text)
            if not math.isfinite(number):
                raise self._fail(f"{text[:60]} is too large a number", line)
            return number
        return text

    def _pointer(self) -> str:
        steps = [frame.key if isinstance(frame.node.value, dict) else len(frame.node.value) for frame in self._stack]
        named = [str(step).replace("~", "~0").replace("/", "~1") for step in steps if step is not None]
        return "".join("/" + step for step in named)[:200]

    def _fail(self, what: str, line: int | None) -> Malformed:
        said = what if line is None else f"{what} (line {line})"
        return Malformed(Issue(subject=self._pointer() or "/", description=said))

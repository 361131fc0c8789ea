"""Reads the body of a publication: one occurrence, or an array of them, with every field vetted by itself.

What the fields come to together, under the rules of a category, is left to `event.py`.
"""

import difflib
import re
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from itertools import islice
from typing import Any

import msgspec

from subscriptions.events import attributes, catalogue, event, json_text, sizes
from subscriptions.events.attributes import Value
from subscriptions.events.event import Occurrence
from subscriptions.events.json_text import CompactJson
from subscriptions.ground.errors import Issue, Refused, Unprocessable

MAX_ITEMS = 1000

_REGION = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*\Z")
_WORKSPACE = re.compile(r"[0-9a-f]{32}\Z")
#: W3C Trace Context 3.2: later versions may be longer, version ff and all-zero ids do not exist.
_TRACE = "(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}"
_TRACEPARENT = re.compile(rf"00-{_TRACE}\Z|(?!00|ff)[0-9a-f]{{2}}-{_TRACE}(?:-[\x21-\x7e]*)?\Z")
_EXTENSION = re.compile(r"[a-z0-9]{1,20}\Z")


def read(body: bytes, *, limit: int = MAX_ITEMS, longest: int | None = None) -> list[Occurrence]:
    """The occurrences of a request body, all at once; raises as `each` does."""
    return [occurrence for _, occurrence in each(body, limit=limit, longest=longest)]


def each(body: bytes, *, limit: int = MAX_ITEMS, longest: int | None = None) -> Iterator[tuple[int, Occurrence]]:
    """The occurrences of a request body: one object, or an array of 1 to `limit`, each of at most `longest` bytes as sent.

    Each comes with the bytes that it was sent as, and is read when it is asked for: to read many takes long.

    Raises Malformed where the body is not JSON, TooLarge over a limit, Unprocessable for a missing, mistyped or
    unknown field and Refused for a wrong value; both name the first faulty item with all that is wrong in it, such as
    `[3].event`.
    """
    if not several(body):
        yield len(body), one(body, longest=longest)
        return
    index = -1
    for index, (size, item) in enumerate(json_text.items(body, limit=limit, longest=longest)):
        yield size, _occurrence(item, at=f"[{index}].")
    if index < 0:
        raise Refused(Issue(subject="body", description="must hold at least one occurrence"))


def several(body: bytes) -> bool:
    """Whether a request body is an array, if it is JSON."""
    return body.lstrip(b" \t\r\n")[:1] == b"["


def one(body: bytes, *, longest: int | None = None) -> Occurrence:
    """The occurrence of a request body that is no array; raises as `each` does."""
    sizes.bounded(len(body), longest)
    return _occurrence(json_text.read(body), at="")


class _Kept(msgspec.Struct):
    """What is sent on as it was spelt."""

    data: msgspec.Raw


def _occurrence(read: CompactJson, *, at: str) -> Occurrence:
    """One occurrence; `at` comes before the field in what is said about it."""
    members = read.value
    if not isinstance(members, dict):
        raise Unprocessable(Issue(subject=at.rstrip(".") or "body", description="an occurrence is an object"))
    given: dict[str, Any] = {}
    extensions: dict[str, Value] = {}
    shape: list[Issue] = []
    values: list[Issue] = []
    if wrong := attributes.number_fault(members, _FIELDS):
        raise Refused(Issue(subject=at.rstrip(".") or "body", description=wrong))
    for name, value in members.items():
        if value is None and name != "data":
            continue  # null is absent (cloudevents.md J3)
        wrong_shape, wrong_value = _vet(name, value, given, extensions)
        if wrong_shape or wrong_value:
            issue = Issue(subject=at + name[:100], description=wrong_shape or wrong_value)
            (shape if wrong_shape else values).append(issue)
            if len(shape) + len(values) >= attributes.MOST_FAULTS:
                break
    if shape or values or extensions or not given.keys() >= _NEEDED:
        _complete(at, given, extensions, shape, values)
    given["data"] = bytes(_kept.decode(read.text).data)
    return Occurrence(**given, extensions=extensions, digest=event.digest(read.text))


def _complete(
    at: str, given: Mapping[str, Any], extensions: Mapping[str, Value], shape: list[Issue], values: list[Issue]
) -> None:
    """Raises what is wrong with the members, and what lacks or is there twice."""
    mistaken = {issue.subject for issue in shape + values}
    absent = [name for name in _REQUIRED if _FIELDS[name] not in given and at + name not in mistaken]
    shape += [Issue(subject=at + name, description="is required") for name in absent]
    if absent:
        shape += _misspelt(extensions, absent, mistaken, at)
    values += [
        Issue(subject=at + name, description=f"is given twice: as `{name}` and as `{field}`")
        for name, field in (("correlationid", "correlationId"), ("partitionkey", "partitionKey"))
        if name in extensions and _FIELDS[field] in given
    ]
    if shape:
        raise Unprocessable(*shape, *values)
    if values:
        raise Refused(*values)


def _misspelt(extensions: Mapping[str, Value], absent: list[str], reported: set[str], at: str) -> list[Issue]:
    """What is an extension attribute by its name, and was probably to be one of the fields that lack."""
    lower = {field.lower(): field for field in absent}
    near = {name: difflib.get_close_matches(name, lower, n=1) for name in islice(extensions, attributes.MOST_FAULTS)}
    return [
        Issue(subject=at + name, description=f"is taken as an extension attribute; did you mean {lower[found[0]]}?")
        for name, found in near.items()
        if found and at + name not in reported
    ]


def _vet(name: str, value: object, given: dict[str, Any], extensions: dict[str, Value]) -> tuple[str, str]:
    """Puts one member where it belongs; answers what is wrong with its shape, or else with its value."""
    field = _FIELDS.get(name)
    if field is None:
        return _extend(name, value, extensions)
    if name == "data":
        # As it was spelt it is put there once all is well.
        given[field] = b""
        return "" if isinstance(value, dict | list) else "must be an object or an array", ""
    if not isinstance(value, str):
        return "must be a string", ""
    given[field] = value
    return "", _RULES[name](value) or ""


def _extend(name: str, value: object, extensions: dict[str, Value]) -> tuple[str, str]:
    if name in attributes.CORE or not _EXTENSION.match(name):
        return _unknown(name), ""
    wrong = attributes.value_fault(name, value)
    if wrong and isinstance(value, dict | list):
        wrong = f"is taken as an extension attribute, which {wrong}; an object or an array goes into data"
    if not isinstance(value, Value):
        return wrong or "", ""
    extensions[name] = value
    return "", wrong or ""


def _unknown(name: str) -> str:
    if name in attributes.CORE:
        return "is not a field of an occurrence: it follows from the others"
    return "is neither a field of an occurrence nor an extension attribute (1 to 20 lower-case letters and digits)"


def _filled(name: str) -> Callable[[str], str | None]:
    return lambda text: attributes.value_fault(name, text) if text else "must not be empty"


def _like(pattern: re.Pattern[str], words: str) -> Callable[[str], str | None]:
    return lambda text: None if pattern.match(text) and len(text) <= 512 else f"must be {words}"


_REQUIRED = ("apiGroup", "apiVersion", "event", "data")
_FIELDS: Mapping[str, str] = {
    "apiGroup": "api_group",
    "apiVersion": "api_version",
    "resourceCollection": "resource_collection",
    "event": "event",
    "data": "data",
    "id": "id",
    "time": "time",
    "region": "region",
    "workspaceId": "workspace_id",
    "correlationId": "correlation_id",
    "partitionKey": "partition_key",
    "dataschema": "dataschema",
    "traceparent": "traceparent",
}
_kept = msgspec.json.Decoder(_Kept)
_NEEDED = {_FIELDS[name] for name in _REQUIRED}
_RULES: Mapping[str, Callable[[str], str | None]] = {
    **{part: partial(catalogue.fault, part) for part in catalogue.PARTS},
    **{name: partial(attributes.value_fault, name) for name in ("id", "time", "dataschema")},
    "region": _like(_REGION, "a region such as us-west: lower-case letters, digits and single hyphens"),
    "workspaceId": _like(_WORKSPACE, "32 lower-case hexadecimal digits"),
    "correlationId": _filled("correlationid"),
    "partitionKey": _filled("partitionkey"),
    "traceparent": _like(_TRACEPARENT, "a W3C traceparent: 00-<32 hex>-<16 hex>-<2 hex>, lower case, no zero ids"),
}

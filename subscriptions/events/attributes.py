"""What a CloudEvents attribute may be called and may hold (cloudevents.md 1), and timestamps as text.

Every check answers a sentence or None; who is refused, and how the place is named, is left to the caller.
"""

import re
from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import NamedTuple

import msgspec

#: A string also carries Binary (base64), URI, URI-reference and Timestamp (cloudevents.md C3).
Value = str | int | bool

#: The order in which envelopes are written (greenlake.md D.5); extensions follow, then the data.
CORE = ("specversion", "id", "source", "type", "subject", "datacontenttype", "dataschema", "time")
REQUIRED = CORE[:4]

#: Ceilings that CloudEvents does not set (cloudevents.md C20); ids and types are shown in lists and looked up by index.
MAX_ID = 256
MAX_TYPE = 256
MAX_TEXT = 1024
#: Faults of one event that are named: an answer is no longer than what it is about.
MOST_FAULTS = 20
#: Extension attributes of one event: to vet one takes a microsecond.
MAX_EXTENSIONS = 64
_CEILINGS = {"id": MAX_ID, "type": MAX_TYPE}

_encode = msgspec.json.Encoder().encode

_NAME = re.compile(r"[a-z0-9]+\Z")
# cloudevents.md C5: control characters, noncharacters, surrogates.
_UNWANTED = re.compile(
    "[\x00-\x1f\x7f-\x9f\ud800-\udfff\ufdd0-\ufdef"
    + "".join(f"{chr((plane << 16) + 0xFFFE)}{chr((plane << 16) + 0xFFFF)}" for plane in range(17))
    + "]"
)
_TIMESTAMP = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(?:\.(\d+))?(?:[Zz]|([+-])(\d\d):(\d\d))\Z", re.ASCII)
_PERCENT = "%[0-9A-Fa-f]{2}"
_UNRESERVED = r"A-Za-z0-9\-._~!$&'()*+,;="
_URI_REFERENCE = re.compile(
    r"(?:(?P<scheme>[A-Za-z][A-Za-z0-9+.\-]*):|(?![^/?#]*:))"
    rf"(?P<rest>(?://(?:(?:[{_UNRESERVED}:]|{_PERCENT})*@)?"
    rf"(?:\[[0-9A-Fa-fvV:.]+\]|(?:[{_UNRESERVED}]|{_PERCENT})*)(?::\d*)?(?=[/?#]|\Z)|(?!//))"
    rf"(?:[{_UNRESERVED}:@/]|{_PERCENT})*(?:\?(?:[{_UNRESERVED}:@/?]|{_PERCENT})*)?)"
    rf"(?:#(?:[{_UNRESERVED}:@/?]|{_PERCENT})*)?\Z",
    re.ASCII,
)
_TOKEN = r"[A-Za-z0-9!#$&^_.+\-'*%`|~]+"
_PARAMETER = re.compile(rf';[ \t]*({_TOKEN})=({_TOKEN}|"(?:[^"\\]|\\.)*")[ \t]*')
_MEDIA_TYPE = re.compile(rf"({_TOKEN}/{_TOKEN})[ \t]*((?:{_PARAMETER.pattern})*)\Z", re.ASCII)


class Instant(NamedTuple):
    """A moment with any number of decimals, comparable whatever its spelling was."""

    #: Seconds since the first day of year 1, UTC.
    seconds: int
    #: The decimals without trailing zeros; they sort as text.
    fraction: str


def instant(text: str) -> Instant | None:
    """The moment of an RFC 3339 timestamp, or None where the text is not one."""
    match = _TIMESTAMP.match(text)
    if match is None:
        return None
    fraction, sign, offset_hours, offset_minutes = match.groups()
    # RFC 3339 5.6: the sixtieth second is a leap second; whatever the offset, it ends an hour or a half or quarter of one.
    leap = 1 if text[17:19] == "60" and text[14:16] in ("59", "29", "44", "14") else 0
    try:
        local = datetime.fromisoformat(text[:17] + "59" if leap else text[:19])
    except ValueError:
        return None
    seconds = ((local.toordinal() * 24 + local.hour) * 60 + local.minute) * 60 + local.second + leap
    if sign:
        if offset_hours > "23" or offset_minutes > "59":
            return None
        offset = (int(offset_hours) * 60 + int(offset_minutes)) * 60
        seconds += offset if sign == "-" else -offset
    return Instant(seconds, fraction.rstrip("0") if fraction else "")


def timestamp(when: datetime) -> str:
    """A moment as RFC 3339 in UTC with milliseconds, as GreenLake writes it."""
    # With microseconds, or without any decimals; at a quarter of what `isoformat` costs.
    written = _encode(when if when.tzinfo is UTC else when.astimezone(UTC)).decode()
    return f"{written[1:24]}Z" if when.microsecond else f"{written[1:20]}.000Z"


def name_fault(name: str) -> str | None:
    """Why this cannot be the name of an attribute (cloudevents.md C2), or None."""
    if name == "data" or not _NAME.match(name):
        return "attribute names consist of lower-case ASCII letters and digits, and `data` is not one"
    return None


def number_fault(members: Collection[str], own: Collection[str]) -> str | None:
    """Why an event cannot have so many members beside its `own`, or None; told before any of them is vetted."""
    if len(members) <= MAX_EXTENSIONS:
        return None
    number = sum(name not in own for name in members)
    return (
        f"has {number:,} extension attributes; at most {MAX_EXTENSIONS} are taken" if number > MAX_EXTENSIONS else None
    )


def value_fault(name: str, value: object) -> str | None:
    """Why this attribute cannot hold this value (cloudevents.md 1), or None; `value` is as JSON decodes it."""
    if name in CORE and not isinstance(value, str):
        return "must be a string"
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return None if -(2**31) <= value < 2**31 else "an integer attribute has 32 bits"
    if not isinstance(value, str):
        return "must be a string, a boolean or an integer"
    return _string_fault(name, value)


def _string_fault(name: str, text: str) -> str | None:
    # The first test is a tenth of the second's cost, and ends the matter for nearly every string.
    if not (text.isascii() and text.isprintable()) and _UNWANTED.search(text):
        return "must not hold control characters, noncharacters or surrogates"
    if name not in CORE:
        return None
    if not text:
        return "must not be empty"
    if len(text) > (ceiling := _CEILINGS.get(name, MAX_TEXT)):
        return f"must not be longer than {ceiling} characters"
    if name == "time":
        return None if instant(text) else "must be an RFC 3339 timestamp such as 2026-05-04T12:30:00.5Z"
    return None if name in ("id", "subject", "type") else _spelling_fault(name, text)


@lru_cache(maxsize=2048)
def _spelling_fault(name: str, text: str) -> str | None:
    """What is wrong with the values that producers repeat from event to event; a source costs microseconds to match."""
    match name:
        case "specversion" if text != "1.0":
            return "must be 1.0"
        case "source" if not _URI_REFERENCE.match(text):
            return "must be a URI reference (RFC 3986)"
        case "dataschema" if not _absolute(text):
            return "must be an absolute URI (RFC 3986)"
        case "datacontenttype" if not _MEDIA_TYPE.match(text):
            return "must be a media type (RFC 2046) such as application/json"
    return None


def _absolute(text: str) -> bool:
    # RFC 3986 4.3 has no fragment, which JSON Schema documents are commonly pointed into with (cloudevents.md C12).
    match = _URI_REFERENCE.match(text)
    return bool(match and match["scheme"] and match["rest"])


def ordered(attributes: Mapping[str, Value]) -> dict[str, Value]:
    """The same attributes in the order of CORE, extensions after them as given."""
    core = {name: attributes[name] for name in CORE if name in attributes}
    return core | {name: value for name, value in attributes.items() if name not in core}


def canonical(value: Value) -> str:
    """The canonical string of a value (cloudevents.md C4)."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def is_json(media_type: str | None) -> bool:
    """Whether data of this type is a JSON value in the envelope (cloudevents.md J5); an absent type is application/json."""
    if media_type is None:
        return True
    subtype = media_type.partition(";")[0].strip().lower().partition("/")[2]
    return subtype == "json" or subtype.endswith("+json")


def is_text(media_type: str) -> bool:
    """Whether data of this type is written as characters (cloudevents.md J6)."""
    kind, _, subtype = media_type.partition(";")[0].strip().lower().partition("/")
    return kind == "text" or subtype == "xml" or subtype.endswith("+xml")


def charset(media_type: str) -> str | None:
    """The `charset` parameter in lower case, or None where there is none."""
    match = _MEDIA_TYPE.match(media_type)
    for name, value in _PARAMETER.findall(match[2] if match else ""):
        if name.lower() == "charset":
            return str(value).strip('"').lower()
    return None

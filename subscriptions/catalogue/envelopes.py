"""The envelope of an event as JSON Schema, structured and in headers, and examples of it.

What the data of a type are is left to its described versions; which webhook is sent what, to `received.py`.
"""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from subscriptions.catalogue.described_types import DescribedVersion
from subscriptions.catalogue.schemas import patterns

Json = dict[str, Any]

#: What text is tried with where a document asks for a pattern.
_TRIED = ("example", "1", "0.1", "true", "a#b", "a:b", "example-1", "kind-hub1")
_TIMES = ("time", "deprecationfrom", "deprecationsunset", "recordedtime")
#: What every event has beside what its type asks for (CloudEvents 1.0, 3.1).
_CORE: Mapping[str, Json] = {
    "specversion": {"type": "string", "const": "1.0"},
    "id": {"type": "string", "minLength": 1, "description": "With `source` it names the event."},
    "source": {"type": "string", "minLength": 1, "format": "uri-reference"},
    "type": {"type": "string", "minLength": 1},
    "subject": {"type": "string", "minLength": 1},
    "datacontenttype": {"type": "string", "minLength": 1},
    "dataschema": {"type": "string", "minLength": 1, "format": "uri"},
    "time": {"type": "string", "format": "date-time"},
}
_REQUIRED = ("specversion", "id", "source", "type")
OWN_HEADERS: Json = {"type": "object", "required": [], "properties": {}}


@dataclass(frozen=True, kw_only=True, slots=True)
class SentType:
    """An event type as it is sent."""

    type: str
    friendly_name: str
    description: str
    category: str
    #: What a `source` of this deployment begins with, such as `//global.api.greenlake.hpe.com/events`.
    source: str
    #: What is known of its data where nobody has described them.
    schema: Json
    #: Data to show where nobody gave any; None: there are none.
    example: Any = None


@dataclass(frozen=True, kw_only=True, slots=True)
class EventEnvelope:
    """What the attributes of a type's events have to be."""

    #: Schemas by the attributes' names.
    attributes: Mapping[str, Json]
    required: Sequence[str]


def envelope(sent: SentType, version: DescribedVersion | None, workspace_id: str) -> EventEnvelope:
    """The envelope of a type's events, in one version of it or where none is known."""
    found = {name: dict(schema) for name, schema in _CORE.items()}
    required = list(_REQUIRED)
    for rule in version.attributes if version else ():
        name = rule["name"]
        schema = found.setdefault(name, {"type": "string"})
        for word in ("const", "pattern", "enum"):
            if rule.get(word):
                schema[word] = rule[word]
        if rule.get("required") and name not in required:
            required.append(name)
    found["type"] = {"type": "string", "const": sent.type}
    if version is not None and version.dataschema and "enum" not in found["dataschema"]:
        found["dataschema"] = {"type": "string", "const": version.dataschema}
    if version is not None and version.deprecated:
        # The deprecation extension: a Boolean, in headers its text.
        found["deprecated"] = {"type": "boolean", "const": True}
        if version.deprecated_since is not None:
            since = version.deprecated_since.isoformat().replace("+00:00", "Z")
            found["deprecationfrom"] = {"type": "string", "format": "date-time", "examples": [since]}
    if sent.category != "foreign":
        found["subject"] = {"type": "string", "const": workspace_id, "description": "The workspace."}
    return EventEnvelope(attributes=found, required=required)


def structured(of: EventEnvelope, data: Any) -> Json:
    """An event as one JSON object (JSON event format, 3)."""
    return {
        "type": "object",
        "required": of.required,
        "properties": {
            **of.attributes,
            "data": data,
            "data_base64": {"type": "string", "description": "In the place of `data` where they are bytes."},
        },
        "not": {"required": ["data", "data_base64"]},
        # Extensions: any name of CloudEvents, with a string, an Integer or a Boolean.
        "propertyNames": {"pattern": "^([a-z0-9]+|data_base64)$"},
        "additionalProperties": {"type": ["string", "integer", "boolean"]},
    }


def binary_headers(of: EventEnvelope) -> Json:
    """The attributes as headers, each with `ce-` before its name (HTTP binding, 3.1.3); every value is text."""
    named = {name: schema for name, schema in of.attributes.items() if name != "datacontenttype"}
    properties = {f"ce-{name}": _text(schema) for name, schema in named.items()}
    return {
        "type": "object",
        "required": [f"ce-{name}" for name in of.required if name in named],
        "properties": properties,
    }


def signed(headers: Json, dual: bool) -> Json:
    """The headers with those by which the receiver knows who sent it (greenlake.md 3.1)."""
    said = {
        "HPE-Webhook-Signature": ("^sha256=[0-9a-f]{64}$", "HMAC-SHA256 of the body under the secret."),
        **({"HPE-Webhook-Signature2": ("^sha256=[0-9a-f]{64}$", "Under the second secret.")} if dual else {}),
        "webhook-id": ("^.+$", "Standard Webhooks: the same at every attempt."),
        "webhook-timestamp": ("^[0-9]+$", "Seconds since 1970, of this attempt."),
        "webhook-signature": ("^v1,.+$", "Standard Webhooks: of id, timestamp and body."),
    }
    properties = {
        name: {"type": "string", "pattern": pattern, "description": text} for name, (pattern, text) in said.items()
    }
    required = [*headers["required"], *properties]
    return {**headers, "required": required, "properties": {**headers["properties"], **properties}}


def signatures(dual: bool) -> Json:
    """Examples of them."""
    found = {
        "HPE-Webhook-Signature": "sha256=" + "0f" * 32,
        "webhook-id": "01933b3e-6f00-7000-8000-000000000001",
        "webhook-timestamp": "1734698093",
        "webhook-signature": "v1," + base64.b64encode(b"\x0f" * 32).decode(),
    }
    return found | ({"HPE-Webhook-Signature2": "sha256=" + "1e" * 32} if dual else {})


def data_of(sent: SentType, version: DescribedVersion | None) -> Sequence[Any]:
    """Examples of a type's data."""
    if version is not None and version.schema is not None:
        return version.examples
    return () if sent.example is None else (sent.example,)


def example(of: EventEnvelope, data: Any, sent: SentType) -> Json | None:
    """An event with these data; None where no text is known that an attribute's pattern takes."""
    event: Json = {
        "specversion": "1.0",
        "id": "01933b3e-6f00-7000-8000-000000000001",
        "source": sent.source,
        "type": sent.type,
        "datacontenttype": "application/json",
        "time": "2026-01-02T08:30:00.000Z",
    }
    shown = [*of.required, *(name for name in ("subject", "dataschema", "deprecated") if name in of.attributes)]
    for name in dict.fromkeys([*event, *shown]):
        given = _value(name, of.attributes.get(name, {}), event.get(name))
        if given is None:
            if name in of.required:
                return None
            event.pop(name, None)
        else:
            event[name] = given
    return event | {"data": data}


def in_headers(event: Json) -> Json:
    """An event's attributes as headers."""
    named = {name: value for name, value in event.items() if name not in ("data", "datacontenttype")}
    return {f"ce-{name}": str(value).lower() if value is True else str(value) for name, value in named.items()}


def placed(schema: Any, place: str) -> Any:
    """A schema that stands at a place of a document: its references lead there, and it has no name of its own."""
    if isinstance(schema, dict):
        kept = {
            key: value for key, value in schema.items() if key not in ("$schema", "$id", "id") or not _is_text(value)
        }
        return {key: _led(value, place) if key == "$ref" else placed(value, place) for key, value in kept.items()}
    return [placed(each, place) for each in schema] if isinstance(schema, list) else schema


def _led(reference: Any, place: str) -> Any:
    return place + reference[1:] if _is_text(reference) and reference.startswith("#") else reference


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _text(schema: Json) -> Json:
    """What an attribute's text has to be, in a header."""
    if schema.get("type") != "boolean":
        return schema
    return {
        "type": "string",
        "enum": [msgspec.json.encode(schema["const"]).decode()] if "const" in schema else ["true", "false"],
    }


def _value(name: str, schema: Json, usual: Any) -> Any:
    """A value that the schema takes; None where none is known, and for what may as well be left out."""
    if "const" in schema:
        return schema["const"]
    if schema.get("enum"):
        return schema["enum"][0]
    tried = [usual, *_TRIED] if usual is not None else ["2026-01-02T08:30:00.000Z"] if name in _TIMES else list(_TRIED)
    pattern = schema.get("pattern")
    if pattern is None:
        return usual if usual is not None or name in ("subject", "dataschema", "deprecated") else tried[0]
    return patterns.first_match(pattern, map(str, tried))

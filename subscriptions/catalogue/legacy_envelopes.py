"""ONAP's legacy envelope of an event type as JSON Schema, and examples of it.

The envelope as a CloudEvent is left to `envelopes.py`, how the one becomes the other to `subscriptions/events/onap.py`.
"""

from collections.abc import Mapping
from typing import Any

import msgspec

from subscriptions.catalogue.envelopes import EventEnvelope
from subscriptions.events import onap
from subscriptions.events.onap_texts import FIELDS, PAYLOADS, SPELLINGS

Json = dict[str, Any]

#: What is said of a field, beside what the attribute's schema says.
_SAID: Mapping[str, str] = {
    "eventId": "With eventSource it names the event; absent where its publisher gave none.",
    "eventTime": "yyyy-MM-dd'T'HH:mm:ss.SSSZ, without a colon; another form where its publisher wrote one.",
    "eventType": "The event type; absent where its publisher left it to eventSchema.",
    "eventSchema": "As its publisher wrote it, else the URI without its version.",
    "eventSchemaVersion": "As its publisher wrote it, else in three parts.",
}
#: What the attribute of a field may have to be in it, too.
_KEPT = ("eventId", "eventCorrelationId", "eventSource", "eventTarget", "eventType")


def schema(of: EventEnvelope, data: Any) -> Json:
    """The envelope of a type's events. Nothing is required: what its publisher's envelope did not have is not there."""
    properties: Json = {name: _field(of, name) for name in FIELDS}
    other = {
        spelt: {"type": "string", "description": f"Another spelling of {name}."} for spelt, name in SPELLINGS.items()
    }
    payloads = {
        name: {"description": "In the place of `event`, where its publisher wrote so."} for name in PAYLOADS[1:]
    }
    return {
        "type": "object",
        "minProperties": 1,
        "properties": {**properties, **other, PAYLOADS[0]: data, **payloads},
        "additionalProperties": False,
    }


def example(event: Json) -> Json:
    """An event, which has JSON data, in its envelope."""
    made: Json = msgspec.json.decode(onap.written(msgspec.json.encode(event)) or b"{}")
    return made


def _field(of: EventEnvelope, name: str) -> Json:
    given = of.attributes.get(onap.ATTRIBUTES[name], {}) if name in _KEPT else {}
    # A text that was empty is one here, while no attribute is empty.
    schema: Json = {"type": "string", **{key: given[key] for key in ("const", "enum", "pattern") if key in given}}
    said = _SAID.get(name) or given.get("description", "")
    return schema | ({"description": said} if said else {})

"""The cloudevents SDK's classes as values: to and from the events kept here; the one module of ours that knows the SDK.

The SDK's own readers and writers are not used (cloudevents.md 5 says why); what is valid is left to `cloudevent.py`, publishing
what a Python program hands over to `delivery/publishing/python_events.py`.
"""

import base64
from datetime import datetime

import msgspec
from cloudevents.core.base import BaseCloudEvent
from cloudevents.core.v1 import event as v1

from subscriptions.events import attributes, cloudevent, json_text
from subscriptions.events.cloudevent import CloudEvent, Data, RequestPlace
from subscriptions.ground.errors import Issue, Unprocessable

#: What Python programs hand over and are handed.
SdkEvent = v1.CloudEvent


def to_sdk(event_body: bytes) -> SdkEvent:
    """The SDK's event of a structured JSON envelope; its `time` keeps microseconds, which is all that datetime holds.

    JSON data become Python values, other strings stay strings, `data_base64` becomes bytes.
    """
    relayed = cloudevent.from_json(event_body, place=RequestPlace())
    members: dict[str, object] = dict(relayed.attributes)
    if relayed.time is not None:
        # datetime has no leap second.
        members["time"] = datetime.fromisoformat(relayed.time.upper().replace(":60", ":59"))
    value = json_text.load(relayed.data.text) if relayed.data else None
    encoded = relayed.data is not None and relayed.data.member == "data_base64"
    event = SdkEvent(members, base64.b64decode(str(value)) if encoded else value)
    if relayed.time is None:
        # The SDK has just invented one.
        del event.get_attributes()["time"]
    return event


def from_sdk(event: BaseCloudEvent) -> CloudEvent:
    """A relayed event from the SDK's; bytes of a JSON type are read as JSON, a string of one stays one (cloudevents.md J9).

    Raises as `cloudevent.vetted` does, and Unprocessable for data that JSON cannot hold.
    """
    members: dict[str, object] = {name: _plain(value) for name, value in event.get_attributes().items()}
    content_type = event.get_datacontenttype()
    return cloudevent.vetted(members, _data(event.get_data(), content_type), place=RequestPlace())


def _plain(value: object) -> object:
    if isinstance(value, datetime):
        # As GreenLake writes it, unless that would cut something off.
        decimals = "microseconds" if value.microsecond % 1000 else "milliseconds"
        return value.isoformat(timespec=decimals).replace("+00:00", "Z")
    return base64.b64encode(value).decode() if isinstance(value, bytes) else value


def _data(value: object, content_type: str | None) -> Data | None:
    if value is None:
        return None
    as_json = attributes.is_json(content_type)
    if isinstance(value, bytes | bytearray):
        if as_json and content_type is not None:
            return Data(member="data", text=json_text.compact(bytes(value)))
        return Data(member="data_base64", text=json_text.quote(base64.b64encode(value).decode()))
    if not as_json and not isinstance(value, str):
        raise Unprocessable(
            Issue(subject="data", description=f"must be text or bytes, since its type is {content_type}")
        )
    try:
        return Data(member="data", text=json_text.compact(msgspec.json.encode(value)))
    except (TypeError, ValueError, msgspec.MsgspecError) as error:
        raise Unprocessable(Issue(subject="data", description=f"cannot be written as JSON: {error}")) from None

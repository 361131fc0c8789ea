"""CloudEvents made elsewhere: vetted against the specification, kept as received, never completed.

How they travel over HTTP is left to `http_binding.py`; whether their type is in the catalogue, to the intake.
"""

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

from subscriptions.events import attributes, charsets, event, json_text
from subscriptions.events.attributes import Value
from subscriptions.events.event import Event
from subscriptions.ground.errors import Issue, Refused, Unprocessable

_MEMBERS = (*attributes.CORE, "data", "data_base64")


@dataclass(frozen=True, kw_only=True, slots=True)
class Data:
    """The payload as it stands in the structured JSON envelope."""

    #: `data` or `data_base64`.
    member: str
    #: The member's value: compact JSON text, literals as received.
    text: bytes


@dataclass(frozen=True, kw_only=True, slots=True)
class CloudEvent:
    """A valid CloudEvent 1.0 as its producer made it."""

    #: All attributes in the order of greenlake.md D.5, extensions last in the order received.
    attributes: Mapping[str, Value]
    #: None where the event has no data.
    data: Data | None

    @property
    def id(self) -> str:
        """The producer's id."""
        return str(self.attributes["id"])

    @property
    def source(self) -> str:
        """The producer's source, as spelled."""
        return str(self.attributes["source"])

    @property
    def type(self) -> str:
        """The event type, of any prefix."""
        return str(self.attributes["type"])

    @property
    def datacontenttype(self) -> str | None:
        """The media type of the data, as spelled; None where the producer gave none."""
        return _text(self.attributes.get("datacontenttype"))

    @property
    def time(self) -> str | None:
        """The time as spelled, with all its decimals; None where the producer gave none."""
        return _text(self.attributes.get("time"))


@dataclass(frozen=True, kw_only=True, slots=True)
class RequestPlace:
    """Where an event stood in a request, for naming what is wrong with it."""

    #: Comes before the attribute's name: `ce-` or `[3].`.
    before: str = ""
    #: `field` or `header`.
    source: str = "field"

    def issue(self, name: str, description: str) -> Issue:
        """An issue with one attribute of the event that stands here."""
        # In binary mode this one attribute has another header (cloudevents.md H3).
        plain = self.source == "header" and name == "datacontenttype"
        subject = "Content-Type" if plain else self.before + name[:100]
        return Issue(subject=subject, description=description, source=self.source)


def vetted(members: Mapping[str, object], data: Data | None, *, place: RequestPlace) -> CloudEvent:
    """A CloudEvent from its attributes as decoded, null counting as absent (cloudevents.md J3).

    Raises Unprocessable for an attribute that is missing, has a forbidden name or a value of no CloudEvents type
    (cloudevents.md C1, C2, C3), Refused for a wrong value; either names all that is wrong, up to twenty faults.
    """
    present = {name: value for name, value in members.items() if value is not None}
    shape = [place.issue(name, "is required") for name in attributes.REQUIRED if name not in present]
    values: list[Issue] = []
    known: dict[str, Value] = {}
    for name, value in present.items():
        if not isinstance(value, str if name in attributes.CORE else Value):
            shape.append(place.issue(name, attributes.value_fault(name, value) or ""))
        elif wrong := attributes.name_fault(name):
            shape.append(place.issue(name, wrong))
        elif wrong := attributes.value_fault(name, value):
            values.append(place.issue(name, wrong))
        else:
            known[name] = value
        if len(shape) + len(values) >= attributes.MOST_FAULTS:
            break
    if shape:
        raise Unprocessable(*shape, *values)
    if values:
        raise Refused(*values)
    return CloudEvent(attributes=attributes.ordered(known), data=data)


def from_json(text: bytes, *, place: RequestPlace) -> CloudEvent:
    """A CloudEvent from its compact structured JSON (cloudevents.md 2); raises as `vetted` does."""
    if not text.startswith(b"{"):
        raise Unprocessable(Issue(subject=place.before.rstrip(".") or "body", description="a CloudEvent is an object"))
    raw = json_text.members(text)
    if wrong := attributes.number_fault(raw, _MEMBERS):
        raise Refused(Issue(subject=place.before.rstrip(".") or "body", description=wrong))
    members = {name: json_text.load(value) for name, value in raw.items() if name not in ("data", "data_base64")}
    encoded = raw.get("data_base64", b"null")
    data = Data(member="data", text=raw["data"]) if "data" in raw else None
    if encoded != b"null":
        if data is not None:
            raise Unprocessable(place.issue("data_base64", "stands beside data; an event has one of them"))
        data = Data(member="data_base64", text=_base64(encoded, place))
    relayed = vetted(members, data, place=place)
    if data and data.member == "data" and not attributes.is_json(relayed.datacontenttype) and data.text[:1] != b'"':
        raise Unprocessable(place.issue("data", f"must be a string, since its type is {relayed.datacontenttype}"))
    return relayed


def event_of(relayed: CloudEvent, *, key: UUID, workspace_id: str, max_event_bytes: int = 65536) -> Event:
    """The event that is kept and sent for a relayed one: structured JSON with nothing added and nothing dropped.

    Its digest is that of the envelope, so the same event sent again in another content mode is still the same event.
    Raises TooLarge (subject `data`) over the limit (greenlake.md D.9), Refused for text that could never be written in the
    charset that its media type names: a webhook in binary mode is sent it so.
    """
    data = relayed.data or Data(member="data", text=b"")
    body = event.written(
        relayed.attributes, member=data.member, text=data.text if relayed.data else None, limit=max_event_bytes
    )
    if data.member == "data" and not attributes.is_json(relayed.datacontenttype):
        payload(relayed)
    return Event(
        key=key,
        id=relayed.id,
        source=relayed.source,
        type=relayed.type,
        workspace_id=workspace_id,
        time=relayed.time,
        body=body,
        digest=event.digest(body),
        given_id=True,
    )


def payload(relayed: CloudEvent) -> bytes:
    """The data as bytes of its own media type; empty where there is none.

    Raises Refused where a string cannot be written in the charset that its media type names.
    """
    if relayed.data is None:
        return b""
    if relayed.data.member == "data_base64":
        return base64.b64decode(json_text.load(relayed.data.text))
    if attributes.is_json(relayed.datacontenttype):
        # A string too: it is a JSON string, and stays one (cloudevents.md J9).
        return relayed.data.text
    charset = attributes.charset(relayed.datacontenttype or "") or "utf-8"
    try:
        return charsets.written(str(json_text.load(relayed.data.text)), charset)
    except ValueError as error:
        raise Refused(Issue(subject="data", description=str(error))) from None


def _base64(text: bytes, place: RequestPlace) -> bytes:
    value = json_text.load(text)
    try:
        base64.b64decode(value if isinstance(value, str) else "?", validate=True)
    except (binascii.Error, ValueError):
        raise Unprocessable(place.issue("data_base64", "must be a string of padded base64 (RFC 4648 4)")) from None
    return text


def _text(value: Value | None) -> str | None:
    return None if value is None else str(value)

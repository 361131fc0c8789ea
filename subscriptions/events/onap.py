"""ONAP's legacy envelope: read into CloudEvents, and written from them so that what came in it goes out as it came.

How its texts become attributes is left to `onap_texts.py`, where it goes over HTTP to the doors and to `delivery/wire`.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import msgspec

from subscriptions.events import attributes, cloudevent, json_text, onap_reading, onap_texts
from subscriptions.events.attributes import Value
from subscriptions.events.cloudevent import CloudEvent, Data, RequestPlace
from subscriptions.events.onap_reading import LegacyEnvelope
from subscriptions.events.onap_texts import PAYLOADS, SPELLINGS
from subscriptions.ground.errors import Refused

#: The extension that tells in which form an envelope came, where that is not the usual one: words, apart by spaces. They are a
#: spelling of SPELLINGS, the members that held the payload, and of a field `-eventId` where it was absent though its attribute
#: is there, `eventId=` where its text was empty.
FORM = "eventform"
#: And the one for the text of a time that has another form than `legacy_time` gives it.
TIME = "eventtime"
#: Which attributes the fields are; eventSchema and its version are `dataschema` as well.
ATTRIBUTES = {
    "eventId": "id",
    "eventCorrelationId": "correlationid",
    "eventTime": "time",
    "eventSource": "source",
    "eventTarget": "target",
    "eventType": "type",
    "eventSchema": "eventschema",
    "eventSchemaVersion": "eventschemaversion",
}
#: What has an attribute even where the envelope has no field for it.
_MADE = ("eventId", "eventSource", "eventType")
_JSON = "application/json"


@dataclass(frozen=True, kw_only=True, slots=True)
class FoldedEvent:
    """An envelope as a CloudEvent."""

    #: Without an id where the envelope has none.
    event: CloudEvent
    #: The members that hold its payload.
    payload: tuple[str, ...]

    @property
    def given_id(self) -> bool:
        """Whether its publisher named it."""
        return "id" in self.event.attributes

    def named(self, made_id: str) -> CloudEvent:
        """The event, with this id where it has none of its own."""
        if self.given_id:
            return self.event
        return replace(self.event, attributes=attributes.ordered({**self.event.attributes, "id": made_id}))


def each(
    headers: Mapping[str, str], body: bytes, *, limit: int = 1000, longest: int | None = None
) -> Iterator[tuple[int, FoldedEvent]]:
    """The envelopes of a request, one or an array of 1 to `limit`, each of at most `longest` bytes, with their bytes as sent.

    `headers` are fields that all of them have (`onap_reading.in_headers`). Each is read when it is asked for. Raises Malformed
    where the body is no JSON, TooLarge over a limit, Unprocessable for a field that is missing, mistyped or unknown and Refused
    for a wrong value or one that contradicts a header, naming the index and the field.
    """
    for size, envelope in onap_reading.each(headers, body, limit=limit, longest=longest):
        yield size, folded(envelope)


def folded(envelope: LegacyEnvelope) -> FoldedEvent:
    """The CloudEvent of an envelope; raises as `each` does."""
    texts = envelope.texts
    event_type = onap_reading.type_of(envelope)
    onap_reading.complete(envelope, event_type)
    schema, version = texts.get("eventSchema", ""), texts.get("eventSchemaVersion", "")
    time, said = "", texts.get("eventTime", "")
    if said:
        time = onap_texts.rfc3339(said) or ""
        if not time:
            raise Refused(envelope.issue("eventTime", onap_texts.NO_TIME))
    members = {
        "specversion": "1.0",
        "id": texts.get("eventId", ""),
        "source": texts.get("eventSource", "") or onap_reading.source_of(envelope, event_type),
        "type": event_type,
        "datacontenttype": _JSON,
        "dataschema": onap_texts.folded(event_type, schema, version),
        "time": time,
        "correlationid": texts.get("eventCorrelationId", ""),
        "target": texts.get("eventTarget", ""),
        "eventschema": schema,
        "eventschemaversion": version,
        TIME: said if time and said != onap_texts.legacy_time(time) else "",
        FORM: " ".join(_form(envelope)),
    }
    known: dict[str, Value] = {name: text for name, text in members.items() if text}
    fields = {each: name for name, each in ATTRIBUTES.items()} | {"dataschema": "eventSchema", TIME: "eventTime"}
    wrong = [
        envelope.issue(fields[name], fault)
        for name, text in known.items()
        if name in fields and (fault := attributes.value_fault(name, text))
    ]
    if wrong:
        raise Refused(*wrong)
    data = Data(member="data", text=_data(envelope.payload))
    return FoldedEvent(
        event=CloudEvent(attributes=attributes.ordered(known), data=data), payload=tuple(envelope.payload)
    )


def written(body: bytes) -> bytes | None:
    """The envelope of an event, from its structured JSON; None for data that it cannot hold, for they are no JSON.

    What came in an envelope comes back as it was, but for white space, the order of members, members that were null, and the
    place of a field, which is in the body. Of other events its fields are those attributes that are there.
    """
    relayed = cloudevent.from_json(body, place=RequestPlace())
    data = relayed.data
    if data is not None and (data.member != "data" or not attributes.is_json(relayed.datacontenttype)):
        return None
    words = str(relayed.attributes.get(FORM, "")).split()
    spelt = {SPELLINGS[word]: word for word in words if word in SPELLINGS}
    fields = _fields(relayed.attributes, words)
    text = msgspec.json.encode({spelt.get(name, name): fields[name] for name in onap_texts.FIELDS if name in fields})
    if data is None:
        return text
    held = b",".join(b'"%b":%b' % (name.encode(), part) for name, part in _payload(data.text, words).items())
    return b"%b%b%b}" % (text[:-1], b"," if fields else b"", held)


def written_batch(body: bytes) -> bytes | None:
    """The same of an array of events; None where one of them cannot be written."""
    parts = [written(bytes(each)) for each in msgspec.json.decode(body, type=list[msgspec.Raw])]
    held = [part for part in parts if part is not None]
    return b"[%b]" % b",".join(held) if len(held) == len(parts) else None


def _form(envelope: LegacyEnvelope) -> Iterator[str]:
    yield from envelope.spelt
    if tuple(envelope.payload) != PAYLOADS[:1]:
        yield from envelope.payload
    for name in onap_texts.FIELDS:
        if name in envelope.empty:
            yield f"{name}="
        elif name in _MADE and name not in envelope.texts:
            yield f"-{name}"


def _data(payload: Mapping[str, bytes]) -> bytes:
    if len(payload) == 1:
        return next(iter(payload.values()))
    return b"{%b}" % b",".join(b'"%b":%b' % (name.encode(), text) for name, text in payload.items())


def _payload(data: bytes, words: list[str]) -> Mapping[str, bytes]:
    """The members of an envelope that hold the data."""
    names = [word for word in words if word in PAYLOADS]
    if len(names) > 1 and data.startswith(b"{") and (members := json_text.members(data)).keys() == set(names):
        return members
    return {names[0] if len(names) == 1 else PAYLOADS[0]: data}


def _fields(known: Mapping[str, Value], words: list[str]) -> dict[str, str]:
    """The texts of an envelope's fields."""
    fields = {name: attributes.canonical(known[each]) for name, each in ATTRIBUTES.items() if each in known}
    if "target" not in known and "destination" in known:
        # So ONAP's own CloudEvents call it.
        fields["eventTarget"] = attributes.canonical(known["destination"])
    if time := fields.get("eventTime"):
        said = str(known.get(TIME, ""))
        fields["eventTime"] = said if onap_texts.same_moment(said, time) else onap_texts.legacy_time(time)
    schema, version = fields.get("eventSchema", ""), fields.get("eventSchemaVersion", "")
    uri = str(known.get("dataschema", ""))
    if uri and onap_texts.folded(str(known["type"]), schema, version) != uri:
        # Those texts are not there, or are of another schema.
        fields["eventSchema"], fields["eventSchemaVersion"] = onap_texts.schema_of(uri)
        fields = {name: text for name, text in fields.items() if text or name != "eventSchemaVersion"}
    for word in words:
        if word[:1] == "-":
            fields.pop(word[1:], None)
        elif word[-1:] == "=" and word[:-1] in onap_texts.FIELDS:
            fields[word[:-1]] = ""
    return fields

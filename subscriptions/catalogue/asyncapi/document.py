"""An AsyncAPI document, from its text to the events that its application sends."""

from typing import Any

import msgspec

from subscriptions.catalogue.asyncapi import bounds, messages, naming, official, schema_formats, servers, sources
from subscriptions.catalogue.asyncapi.described import DescribedEvent, EventApiDocument
from subscriptions.catalogue.asyncapi.messages import SentMessage
from subscriptions.catalogue.asyncapi.naming import Envelope
from subscriptions.catalogue.asyncapi.references import Place, References
from subscriptions.catalogue.asyncapi.schema_bundles import SchemaBundles

_encoder = msgspec.json.Encoder()


def read(text: bytes, *, media_type: str | None = None, by_channel: bool = False) -> EventApiDocument:
    """The document of a text, and an event for each message that its application sends.

    `by_channel`: events are named by their channels, as Kyma's are. Raises Malformed, TooLarge, Refused: every issue's subject
    is a JSON pointer into the document, its description ends with the line.
    """
    source = sources.read(text, media_type=media_type)
    version = official.vet(source)
    reader = _Reader(References(source), version, by_channel=by_channel)
    info = source.value["info"]
    return EventApiDocument(
        asyncapi=version,
        format=source.format,
        title=_text(info.get("title")),
        version=_text(info.get("version")),
        description=_text(info.get("description")),
        servers=servers.servers(reader.references),
        security=servers.schemes(reader.references),
        events=reader.events(),
    )


class _Reader:
    """The events of one document."""

    def __init__(self, references: References, version: str, *, by_channel: bool) -> None:
        self.references = references
        self._version = version
        self._by_channel = by_channel or version.startswith("1.")
        self._bundles = SchemaBundles(references)
        self._envelopes = naming.Envelopes(references)
        self._content_type = references.root.get("defaultContentType")
        self._told = 0

    def events(self) -> tuple[DescribedEvent, ...]:
        """Each type once, as it stands in the first of its channels; raises Refused where one type says different things."""
        found: dict[str, DescribedEvent] = {}
        for number, sent in enumerate(messages.sent(self.references, self._version)):
            if number == bounds.MAX_MESSAGES:
                raise bounds.refuse(sources.pointer(sent.message.steps), "messages are sent", bounds.MAX_MESSAGES)
            event = self._event(sent)
            known = found.setdefault(event.type, event)
            if (known.payload, known.headers) != (event.payload, event.headers):
                said = f"is of the type {event.type}, of which {known.pointer} says other things: it needs another type"
                raise self.references.refuse(sent.message, said)
        return tuple(found.values())

    def _event(self, sent: SentMessage) -> DescribedEvent:
        message = sent.message
        content_type = message.get("contentType") or self._content_type
        payload = schema_formats.payload(message, self._version)
        headers = schema_formats.headers(message, self._version)
        judged = payload.schema if payload and payload.known else None
        envelope = self._envelopes.envelope(judged, headers.schema if headers else None, content_type)
        event = DescribedEvent(
            type=self._type(sent, envelope),
            name=_text(message.get("name")) or sent.key,
            title=_text(message.get("title")),
            summary=_text(message.get("summary")),
            description=_text(message.get("description")),
            tags=self._tags(message),
            content_type=content_type,
            payload=self._bundled(envelope.data, payload.dialect) if payload else None,
            payload_dialect=payload.dialect if payload else "",
            headers=self._bundled(headers.schema, headers.dialect) if headers and headers.known else None,
            headers_dialect=headers.dialect if headers else "",
            examples=self._examples(message, envelope.data, whole=envelope.data is not judged),
            correlation_id=self._correlation_id(message),
            attributes=envelope.attributes,
            channel=sent.address,
            bindings=self._bindings(sent),
            deprecated=any(_deprecated(place) for place in (message, sent.channel)),
            pointer=sources.pointer(message.steps),
        )
        self._count(event)
        return event

    def _type(self, sent: SentMessage, envelope: Envelope) -> str:
        named = naming.type_of(sent, envelope.attributes, by_channel=self._by_channel)
        if named is None:
            said = "has nothing that names its event type: give it a name, or say x-cloudevents-type"
            raise self.references.refuse(sent.message, said)
        return named

    def _count(self, event: DescribedEvent) -> None:
        # Each event keeps its schemas as its own, whatever it has in common with others.
        texts = (event.description, event.summary, *event.examples, event.bindings, event.payload, event.headers)
        self._told += sum(len(text) for text in texts if text is not None)
        if self._told > bounds.MAX_TOLD:
            raise bounds.refuse(event.pointer, "bytes told of the messages up to here", bounds.MAX_TOLD)

    def _bundled(self, schema: Place | None, dialect: str) -> bytes | None:
        if schema is None:
            return None
        alone = isinstance(schema.value, dict) and list(schema.value) == ["$ref"]
        return self._bundles.bundle(self.references.follow(schema) if alone else schema, dialect)

    def _examples(self, message: Place, data: Place | None, *, whole: bool) -> tuple[bytes, ...]:
        """The message's examples or, where it has none, its schema's; `whole`: they are whole CloudEvents."""
        said = message.get("examples")
        found = [each["payload"] if isinstance(each, dict) and "payload" in each else None for each in said or ()]
        # 1.x has one example of the payload; 2.0 says nothing of their shape.
        found += [message.value["example"]] if "example" in message.value else []
        if whole:
            found = [each.get("data") for each in found if isinstance(each, dict)]
        found = [each for each in found if each is not None]
        if not found and data is not None:
            listed = self.references.follow(data).get("examples") if data.get("$ref") else data.get("examples")
            found = listed if isinstance(listed, list) else []
        return tuple(_encoder.encode(each) for each in found)

    def _tags(self, message: Place) -> tuple[str, ...]:
        tags = message.get("tags")
        found = [self.references.follow(message.at("tags", number)) for number in range(len(tags or ()))]
        return tuple(_text(tag.get("name")) for tag in found)

    def _correlation_id(self, message: Place) -> str | None:
        if message.get("correlationId") is None:
            return None
        return _text(self.references.follow(message.at("correlationId")).get("location")) or None

    def _bindings(self, sent: SentMessage) -> bytes | None:
        places = {"message": sent.message, "operation": sent.operation, "channel": sent.channel}
        found = {
            name: self.references.follow(place.at("bindings")).value
            for name, place in places.items()
            if place is not None and place.get("bindings") is not None
        }
        return _encoder.encode(found) if found else None


def _deprecated(place: Place | None) -> bool:
    # AsyncAPI 3 has no word for it: an extension says it there.
    return place is not None and (place.get("deprecated") is True or place.get("x-deprecated") is True)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""

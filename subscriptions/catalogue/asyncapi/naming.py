"""Which event type a message is of, and which CloudEvents attributes a document asks of its events.

The type is, in this order: the message's `x-cloudevents-type`; the one value that the CloudEvents attribute `type` may have
(`const`, or an `enum` of one), by the schema of the headers or, where the payload is a whole CloudEvent, by that of the
payload; where documents are named by their channels, as Kyma's are, and always in AsyncAPI 1.x, whose messages have no
names, the channel's address; the message's `name`, its `messageId`, its key; at last the channel's address. An address with
parameters names no type.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from subscriptions.catalogue.asyncapi.described import AttributeRule
from subscriptions.catalogue.asyncapi.messages import SentMessage
from subscriptions.catalogue.asyncapi.references import Place, References

#: How the attributes are spelled by the bindings of HTTP and Kafka and of AMQP; in any case, as HTTP has them.
_PREFIX = re.compile(r"(?:ce[-_]|cloudevents[:_])(?=[a-z0-9])", re.IGNORECASE)
_NAME = re.compile(r"[a-z0-9]{1,64}\Z")
_CONTEXT = {"id", "source", "specversion", "type"}
_STRUCTURED = "application/cloudevents"


@dataclass(frozen=True, kw_only=True, slots=True)
class Envelope:
    """What a message says of the CloudEvent that it is."""

    attributes: tuple[AttributeRule, ...]
    #: The schema of the event's data; None where there is none.
    data: Place | None


class Envelopes:
    """What the messages of one document say of the CloudEvents that they are; a schema is looked into once."""

    def __init__(self, references: References) -> None:
        self._references = references
        # Kept with the schema: another one could have its identity once it is gone.
        self._known: dict[int, tuple[Any, _Members]] = {}

    def envelope(self, payload: Place | None, headers: Place | None, content_type: str | None) -> Envelope:
        """The attributes that the schemas of headers and payload describe, and which schema is the data's."""
        rules = self._of_headers(self._members(headers)) if headers is not None else {}
        if payload is None:
            return Envelope(attributes=tuple(rules.values()), data=None)
        members = self._members(payload)
        whole = (content_type or "").startswith(_STRUCTURED) or members.places.keys() >= _CONTEXT
        if not whole:
            return Envelope(attributes=tuple(rules.values()), data=payload)
        inner = {
            name: _rule(self._references, name, place, name in members.required)
            for name, place in members.places.items()
            if _NAME.match(name) and name != "data"
        }
        return Envelope(attributes=tuple({**rules, **inner}.values()), data=members.places.get("data"))

    def _of_headers(self, members: "_Members") -> dict[str, AttributeRule]:
        bare = members.places.keys() >= {"id", "source", "type"} or "specversion" in members.places
        rules: dict[str, AttributeRule] = {}
        for name, place in members.places.items():
            prefix = _PREFIX.match(name)
            attribute = name[prefix.end() :].lower() if prefix else name
            if (prefix or bare) and _NAME.match(attribute):
                rules[attribute] = _rule(self._references, attribute, place, name in members.required)
        return rules

    def _members(self, schema: Place) -> "_Members":
        if id(schema.value) not in self._known:
            self._known[id(schema.value)] = (schema.value, _Members(self._references, schema))
        return self._known[id(schema.value)][1]


def type_of(sent: SentMessage, attributes: tuple[AttributeRule, ...], *, by_channel: bool) -> str | None:
    """The type of the events of a message; None where the document gives it no name."""
    message = sent.message
    said = message.get("x-cloudevents-type")
    if isinstance(said, str) and said:
        return said
    fixed = next((rule.const for rule in attributes if rule.name == "type" and rule.const), None)
    if fixed:
        return fixed
    address = sent.address if sent.address and "{" not in sent.address else None
    named = (message.get("name"), message.get("messageId"), sent.key)
    order = (address, *named) if by_channel else (*named, address)
    return next((name for name in order if isinstance(name, str) and name), None)


class _Members:
    """The members that a schema describes: its own, and those of what it refers to or is composed of."""

    def __init__(self, references: References, schema: Place) -> None:
        self.places: dict[str, Place] = {}
        self.required: set[str] = set()
        for place in _parts(references, schema):
            properties = place.get("properties")
            for name in properties if isinstance(properties, dict) else ():
                self.places.setdefault(name, place.at("properties", name))
            required = place.get("required")
            self.required |= (
                {name for name in required if isinstance(name, str)} if isinstance(required, list) else set()
            )


def _parts(references: References, schema: Place) -> Iterator[Place]:
    """A schema, and what it is composed of by `allOf`; each once, whatever leads to it."""
    seen: set[int] = set()
    waiting = [schema]
    while waiting:
        found = _followed(references, waiting.pop())
        if id(found.value) in seen:
            continue
        seen.add(id(found.value))
        yield found
        listed = found.get("allOf")
        if isinstance(listed, list):
            waiting += [found.at("allOf", number) for number in reversed(range(len(listed)))]


def _followed(references: References, schema: Place) -> Place:
    """A schema, or what it refers to; a schema with an identity of its own has references of its own, which are left alone."""
    value = schema.value
    if isinstance(value, dict) and isinstance(value.get("$ref"), str) and "$id" not in value:
        return references.follow(schema)
    return schema


def _rule(references: References, name: str, place: Place, required: bool) -> AttributeRule:
    found = _followed(references, place)
    const, pattern, listed = found.get("const"), found.get("pattern"), found.get("enum")
    texts = tuple(_text(each) for each in listed) if isinstance(listed, list) else ()
    if const is None and len(texts) == 1:
        const = texts[0]
    return AttributeRule(
        name=name,
        required=required,
        const=None if const is None else _text(const),
        pattern=pattern if isinstance(pattern, str) else None,
        enum=texts[:100],
    )


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)

"""Which event type a message is of, and what is asked of its CloudEvents attributes and schemas."""

import msgspec
import pytest

from subscriptions.catalogue.asyncapi import document
from subscriptions.catalogue.asyncapi.described import AttributeRule, DescribedEvent
from subscriptions.ground.errors import Refused

HEAD = "asyncapi: 2.6.0\ninfo: {title: a, version: '1'}\n"


def described(message: str, *, channel: str = "c", by_channel: bool = False) -> DescribedEvent:
    """The event of a message of AsyncAPI 2.6."""
    text = HEAD + f"channels: {{'{channel}': {{subscribe: {{message: {message}}}}}}}\n"
    text += "components: {schemas: {type: {type: string, const: by.ref}, number: {type: integer}}}"
    (event,) = document.read(text.encode(), by_channel=by_channel).events
    return event


HEADERS = "headers: {type: object, properties: {ce_type: {const: by.header}}}"


@pytest.mark.parametrize(
    ("message", "by_channel", "named"),
    [
        (f"{{x-cloudevents-type: by.extension, name: by.name, {HEADERS}}}", False, "by.extension"),
        (f"{{name: by.name, {HEADERS}}}", False, "by.header"),
        ("{name: n, headers: {type: object, properties: {ce-type: {enum: [by.enum]}}}}", True, "by.enum"),
        ("{headers: {type: object, properties: {Ce-Type: {$ref: '#/components/schemas/type'}}}}", False, "by.ref"),
        ("{headers: {type: object, properties: {'cloudEvents:type': {const: by.amqp}}}}", False, "by.amqp"),
        ("{headers: {type: object, allOf: [{properties: {ce_type: {const: by.part}}}]}}", False, "by.part"),
        ("{headers: {type: object, properties: {type: {const: t}, specversion: {}}}}", False, "t"),
        ("{name: by.name, headers: {type: object, properties: {type: {const: t}}}}", False, "by.name"),
        ("{name: by.name, headers: {type: object, properties: {ce_type: {enum: [a, b]}}}}", False, "by.name"),
        ("{name: by.name, messageId: by.id}", True, "c.of.kyma"),
        ("{name: by.name, messageId: by.id}", False, "by.name"),
        ("{messageId: by.id}", False, "by.id"),
        ("{payload: {type: string}}", False, "c.of.kyma"),
    ],
)
def test_the_order_of_names(message: str, by_channel: bool, named: str) -> None:
    """Extension, CloudEvents attribute, the channel where documents are named so, then name, id, key, and at last the channel."""
    assert described(message, channel="c.of.kyma", by_channel=by_channel).type == named


def test_a_channel_with_parameters_names_no_type() -> None:
    """An address with a parameter in it is many addresses: the message's own name counts, and without one it is refused."""
    assert described("{name: by.name}", channel="users/{id}", by_channel=True).type == "by.name"
    with pytest.raises(Refused, match="has nothing that names its event type") as told:
        described("{payload: {type: string}}", channel="users/{id}")
    assert told.value.issues[0].subject == "/channels/users~1{id}/subscribe/message"


def test_one_type_says_one_thing() -> None:
    """Two messages of one type are one where they say the same, and refused where they do not, both places named."""
    head = HEAD + "channels:\n a: {subscribe: {message: {name: t, payload: {type: string}}}}\n"
    same = document.read((head + " b: {subscribe: {message: {name: t, payload: {type: string}}}}").encode())
    assert [(event.type, event.channel) for event in same.events] == [("t", "a")]
    with pytest.raises(Refused, match="of which /channels/a/subscribe/message says other things") as told:
        document.read((head + " b: {subscribe: {message: {name: t, payload: {type: number}}}}").encode())
    assert told.value.issues[0].subject == "/channels/b/subscribe/message"
    assert "(line 5)" in told.value.issues[0].description


def test_a_whole_cloudevent_as_payload_is_taken_apart() -> None:
    """A payload that describes a CloudEvent says what its attributes may be, and its `data` is the event's schema."""
    event = described(
        "{contentType: application/cloudevents+json, payload: {type: object, required: [type, source, subject], properties: {"
        "type: {const: a.b}, source: {type: string, pattern: '^/x'}, subject: {type: string}, "
        "data: {type: object, properties: {n: {$ref: '#/components/schemas/number'}}}}}, "
        "examples: [{payload: {type: a.b, data: {n: 1}}}]}"
    )

    assert event.type == "a.b"
    assert event.attributes == (
        AttributeRule(name="type", required=True, const="a.b"),
        AttributeRule(name="source", required=True, pattern="^/x"),
        AttributeRule(name="subject", required=True),
    )
    assert msgspec.json.decode(event.payload or b"")["properties"] == {"n": {"$ref": "#/definitions/number"}}
    assert event.examples == (b'{"n":1}',)


@pytest.mark.parametrize(
    ("written", "dialect", "known"),
    [
        ("", "draft-07", True),
        ("schemaFormat: 'application/vnd.aai.asyncapi;version=2.6.0', ", "draft-07", True),
        (
            "schemaFormat: 'application/vnd.apache.avro;version=1.9.0', ",
            "application/vnd.apache.avro;version=1.9.0",
            False,
        ),
        ("schemaFormat: 'application/schema+json;version=draft-07', ", "draft-07", True),
    ],
)
def test_the_language_of_a_schema(written: str, dialect: str, known: bool) -> None:
    """A schema's dialect is what the document says; one in another language is told, and is no JSON Schema of ours."""
    payload = "{type: record, name: a, fields: []}" if not known else "{type: string}"
    event = described(f"{{name: a, {written}payload: {payload}}}")
    assert (event.payload_dialect, event.payload is not None) == (dialect, known)


def test_a_dialect_of_its_own() -> None:
    """`$schema` in the schema itself has the last word, and says where definitions go."""
    schema = "$schema: 'https://json-schema.org/draft/2020-12/schema', properties: {n: {$ref: '#/components/schemas/number'}}"
    event = described(f"{{name: a, payload: {{{schema}}}}}")
    assert event.payload_dialect == "2020-12"
    assert msgspec.json.decode(event.payload or b"")["$defs"] == {"number": {"type": "integer"}}


def test_a_schema_with_an_identity_keeps_its_own_references() -> None:
    """References in a schema that has an `$id` lead within it, as JSON Schema says: its definitions come along once."""
    schema = "{$id: 'urn:cps:a', definitions: {n: {type: integer}}, properties: {n: {$ref: '#/definitions/n'}}}"
    event = described(f"{{name: a, payload: {schema}}}")
    assert msgspec.json.decode(event.payload or b"") == {
        "definitions": {"n": {"type": "integer"}},
        "properties": {"n": {"$ref": "#/definitions/n"}},
        "$id": "urn:cps:a",
    }


def test_names_that_say_ref_are_no_references() -> None:
    """Only where a schema stands is `$ref` a reference: constants, examples and members of that name stay as they are."""
    schema = "{properties: {$ref: {type: string}, enum: {const: {$ref: '#/nowhere'}}}, examples: [{$ref: 'http://a'}]}"
    event = described(f"{{name: a, payload: {schema}}}")
    assert msgspec.json.decode(event.payload or b"") == {
        "properties": {"$ref": {"type": "string"}, "enum": {"const": {"$ref": "#/nowhere"}}},
        "examples": [{"$ref": "http://a"}],
    }

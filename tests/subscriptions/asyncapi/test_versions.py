"""Every version of AsyncAPI says the same of the same events."""

import json

import msgspec
import pytest

from subscriptions.catalogue.asyncapi import document
from subscriptions.catalogue.asyncapi.described import AttributeRule
from subscriptions.catalogue.asyncapi.official import VERSIONS
from subscriptions.catalogue.asyncapi.yaml_text import YamlReader
from subscriptions.ground.errors import Refused
from tests.subscriptions.asyncapi.documents import orders


@pytest.mark.parametrize("version", VERSIONS)
def test_what_the_application_sends_is_an_event(version: str) -> None:
    """Of each version's document one message is an event: the one that goes out, with all that is said of it."""
    read = document.read(orders(version).encode())
    old = version.startswith("1.")

    assert (read.asyncapi, read.title, read.version, read.format) == (version, "Orders", "7", "YAML")
    assert [event.type for event in read.events] == ["shop.order.placed" if old else "order.placed"]
    event = read.events[0]
    payload = msgspec.json.decode(event.payload or b"")
    assert payload["properties"] == {"order": {"$ref": "#/definitions/order"}}
    assert payload["definitions"] == {"order": {"type": "object", "properties": {"number": {"type": "integer"}}}}
    assert event.payload_dialect == ("draft-04" if old else "draft-07")
    assert event.attributes == (
        AttributeRule(name="source", required=True, const="/shop", enum=("/shop",) if old else ()),
    )
    assert (event.summary, event.tags, event.channel) == ("An order was placed.", ("shop",), "shop.order.placed")
    assert event.examples == (() if version == "1.0.0" else (b'{"order":{"number":1}}',))
    assert event.content_type == (None if old else "application/json")
    assert event.correlation_id == (None if old else "$message.header#/ce_correlationid")
    assert event.bindings == (None if old else b'{"operation":{"kafka":{}}}')


@pytest.mark.parametrize("version", VERSIONS)
def test_servers_and_their_security_are_read(version: str) -> None:
    """A server's protocol is told whatever the version calls it, with the schemes that it asks for."""
    read = document.read(orders(version).encode())

    (server,) = read.servers
    assert (server.url, server.protocol, server.protocol_version) == ("broker.example:9092", "kafka", "1.0")
    assert [(scheme.name, scheme.type) for scheme in read.security] == [("password", "userPassword")]
    # 1.x asks for security of the whole, never of a server.
    assert server.security == (() if version.startswith("1.") else read.security)


@pytest.mark.parametrize("version", VERSIONS)
def test_json_is_read_as_yaml_is(version: str) -> None:
    """The same document as JSON says the same."""
    yaml = orders(version).encode()
    text = json.dumps(YamlReader(yaml).value()).encode()

    read = document.read(text)
    assert read.format == "JSON"
    assert (read.events, read.servers) == (document.read(yaml).events, document.read(yaml).servers)


def test_what_consumers_receive_or_read_is_an_event_of_1x() -> None:
    """An API of 1.x without topics sends what its consumers `receive` (events) or `read` (a stream)."""
    head = "asyncapi: '1.2.0'\ninfo: {title: Chat, version: '1'}\n"
    out, back = (f"[{{x-cloudevents-type: {name}, payload: {{type: string}}}}]" for name in ("chat.said", "chat.typed"))
    for text in (f"events: {{receive: {out}, send: {back}}}", f"stream: {{read: {out}, write: {back}}}"):
        assert [event.type for event in document.read((head + text).encode()).events] == ["chat.said"]


def test_a_reply_is_sent_too() -> None:
    """What an application of 3.x replies to what it receives is an event of its own, and so are all messages of a channel."""
    text = """
asyncapi: 3.0.0
info: {title: Q, version: '1'}
channels:
  asked: {address: q.asked, messages: {question: {payload: {type: string}}}}
  answered: {address: q.answered, messages: {yes: {payload: {type: string}}, no: {payload: {type: string}}}}
operations:
  answer:
    action: receive
    channel: {$ref: '#/channels/asked'}
    reply: {channel: {$ref: '#/channels/answered'}}
"""
    assert [event.type for event in document.read(text.encode()).events] == ["yes", "no"]


def test_traits_override_in_2_and_do_not_in_3() -> None:
    """Traits are merged as each version says: in 2.x they have the last word, in 3.x the message has."""
    message = "{name: own, title: Own, traits: [{title: Trait, summary: More}], payload: {type: string}}"
    second = (
        f"asyncapi: 2.6.0\ninfo: {{title: a, version: '1'}}\nchannels: {{c: {{subscribe: {{message: {message}}}}}}}"
    )
    third = (
        f"asyncapi: 3.0.0\ninfo: {{title: a, version: '1'}}\nchannels: {{c: {{messages: {{m: {message}}}}}}}\n"
        "operations: {o: {action: send, channel: {$ref: '#/channels/c'}}}"
    )

    assert [(each.title, each.summary) for each in document.read(second.encode()).events] == [("Trait", "More")]
    assert [(each.title, each.summary) for each in document.read(third.encode()).events] == [("Own", "More")]


@pytest.mark.parametrize("version", VERSIONS)
def test_a_fault_has_its_pointer_and_its_line(version: str) -> None:
    """What the official schema does not allow is told by JSON pointer and line, in YAML and in JSON, and which way was meant."""
    lines = orders(version).splitlines()
    at = next(number for number, line in enumerate(lines) if "summary:" in line)
    lines[at] = lines[at].replace("An order was placed.", "[1]")
    broken = "\n".join(lines).encode()

    for text, line in ((broken, at + 1), (json.dumps(YamlReader(broken).value(), indent=1).encode(), None)):
        with pytest.raises(Refused) as told:
            document.read(text)
        (issue,) = told.value.issues
        assert issue.subject == "/components/messages/placed/summary"
        expected = line or 1 + next(i for i, each in enumerate(text.decode().splitlines()) if '"summary": [' in each)
        assert issue.description == f'[1] is not of type "string" (line {expected})'


@pytest.mark.parametrize(
    ("text", "subject", "says"),
    [
        ("[]", "/", "an object with a member asyncapi"),
        ("asyncapi: 4.0.0", "/asyncapi", "'4.0.0' is not known"),
        ("asyncapi: 3.0.0", "/", '"info" is a required property (line 1)'),
        ('{"asyncapi": "3.0.0",\n "info": }', "/info", "(line 2, column 10"),
    ],
)
def test_what_is_no_document_is_refused(text: str, subject: str, says: str) -> None:
    """Text that is no AsyncAPI is told apart from a version that is not known and from faults within."""
    with pytest.raises(Refused) as told:
        document.read(text.encode())

    assert told.value.issues[0].subject == subject
    assert says in told.value.issues[0].description


def test_many_faults_are_told_at_once() -> None:
    """Up to twenty faults of a document are told, so that it is not mended one by one."""
    channels = "".join(f" c{n}: {{subscribe: {{message: {{naem: x}}}}}}\n" for n in range(30))
    with pytest.raises(Refused) as told:
        document.read(f"asyncapi: 2.6.0\ninfo: {{title: a, version: '1'}}\nchannels:\n{channels}".encode())

    assert len(told.value.issues) == 20
    assert told.value.issues[7].subject == "/channels/c7/subscribe/message"
    assert told.value.issues[7].description == "Additional properties are not allowed ('naem' was unexpected) (line 11)"

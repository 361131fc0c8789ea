"""What a document says, in this house's words."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class AttributeRule:
    """What a document asks of a CloudEvents attribute."""

    #: As in CloudEvents, such as `source` or `correlationid`: without the prefix of a binding.
    name: str
    required: bool
    #: The one text that it may be; None: any.
    const: str | None = None
    #: A regular expression of JSON Schema; None: none.
    pattern: str | None = None
    #: The texts that it may be; empty: any.
    enum: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class DescribedEvent:
    """One event that the application sends."""

    #: The event type; how it follows from the document is told by `naming.py`.
    type: str
    #: The message's name, its key where it has none; "" for neither.
    name: str
    title: str
    summary: str
    description: str
    tags: tuple[str, ...]
    #: Of the event's data; None where the document says nothing.
    content_type: str | None
    #: The schema of the event's data as JSON, complete in itself; None: there is none, or it is no JSON Schema.
    payload: bytes | None
    #: `draft-04`, `draft-06`, `draft-07`, `2019-09`, `2020-12`; the document's own word where the schema is none of JSON Schema.
    payload_dialect: str
    #: The schema of the headers as JSON; None: there is none.
    headers: bytes | None
    headers_dialect: str
    #: Examples of the data as JSON.
    examples: tuple[bytes, ...]
    #: Where the correlation id stands, such as `$message.header#/correlationId`.
    correlation_id: str | None
    attributes: tuple[AttributeRule, ...]
    #: The channel's address or topic; None where the document has none.
    channel: str | None
    #: The bindings of `message`, `operation` and `channel` as one JSON object; None: there are none.
    bindings: bytes | None
    deprecated: bool
    #: The JSON pointer of the message.
    pointer: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Security:
    """A way to prove who one is to a server."""

    #: As the document names it; "" where it stands without a name.
    name: str
    #: Such as `oauth2`, `userPassword`, `scramSha256`.
    type: str
    description: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Server:
    """Where the application sends its events to."""

    name: str
    #: URL or host, with its variables as they stand.
    url: str
    #: Such as `kafka`, `https`, `mqtt`.
    protocol: str
    protocol_version: str
    description: str
    security: tuple[Security, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class EventApiDocument:
    """A document that was read."""

    #: The version of AsyncAPI.
    asyncapi: str
    #: `JSON` or `YAML`.
    format: str
    title: str
    version: str
    description: str
    servers: tuple[Server, ...]
    #: Every scheme that the document describes, used or not.
    security: tuple[Security, ...]
    #: By type, in the document's order.
    events: tuple[DescribedEvent, ...]

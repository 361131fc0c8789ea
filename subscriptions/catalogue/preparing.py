"""What a document brings to the catalogue: its event types, vetted, with their schemas and examples."""

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from subscriptions.catalogue.asyncapi import document, sources
from subscriptions.catalogue.asyncapi.bounds import MAX_ISSUES
from subscriptions.catalogue.asyncapi.described import DescribedEvent, EventApiDocument
from subscriptions.catalogue.schemas import schema
from subscriptions.catalogue.schemas.dialects import Dialect
from subscriptions.catalogue.schemas.schema import Schema
from subscriptions.events import attributes, catalogue
from subscriptions.events.catalogue import EventType
from subscriptions.ground.errors import Issue, Refused

#: Characters of what people read of a type in a list.
NAME, PROSE = 200, 2000
_DIALECTS = {
    "draft-04": Dialect.DRAFT_04,
    "draft-07": Dialect.DRAFT_07,
    "2019-09": Dialect.DRAFT_2019_09,
    "2020-12": Dialect.DRAFT_2020_12,
}
_CONTROLS = dict.fromkeys((*range(9), *range(11, 32), 127))


class _Identified(msgspec.Struct, frozen=True):
    """What a schema is called."""

    identity: str | None = msgspec.field(default=None, name="$id")


_identified = msgspec.json.Decoder(_Identified)


@dataclass(frozen=True, kw_only=True, slots=True)
class PreparedType:
    """An event type of a document."""

    event: DescribedEvent
    entry: EventType
    #: None: there is none, or it is in another language than JSON Schema.
    payload: Schema | None
    headers: Schema | None
    #: What events of it have as `dataschema`; empty: nothing is said.
    dataschema: str


@dataclass(frozen=True, kw_only=True, slots=True)
class PreparedApi:
    """A document whose events can all be taken into the catalogue."""

    text: bytes
    document: EventApiDocument
    types: tuple[PreparedType, ...]
    #: Why the text is no document, where it was to be kept all the same; empty where it is one, or there is none yet.
    error: str = ""


def prepare(text: bytes, *, media_type: str | None, by_channel: bool, prefix: str, ours: bool = False) -> PreparedApi:
    """Reads a document and vets what it brings; takes a second or two for thousands of messages, so it is work for `Apart`.

    `ours`: it is shipped with this service, and may describe what this service sends itself.
    Raises as `document.read` does, and Refused for types that are reserved or misspelt, schemas that cannot be used and
    examples that do not fit theirs: every issue's subject is a pointer into the document.
    """
    read = document.read(text, media_type=media_type, by_channel=by_channel)
    issues: list[tuple[str, str]] = []
    types = [each for event in read.events if (each := _prepared(event, prefix, issues, ours)) is not None]
    if issues:
        source = sources.read(text, media_type=media_type)
        raise Refused(*(source.issue(sources.steps(pointer), said) for pointer, said in issues[:MAX_ISSUES]))
    return PreparedApi(text=text, document=read, types=tuple(types))


def nothing(text: bytes = b"", *, media_type: str | None = None, error: str = "") -> PreparedApi:
    """A text that is no document, or none that came yet: it brings no types."""
    document = EventApiDocument(
        asyncapi="",
        format=_format(text, media_type) if text else "",
        title="",
        version="",
        description="",
        servers=(),
        security=(),
        events=(),
    )
    return PreparedApi(text=text, document=document, types=(), error=error)


def _format(text: bytes, media_type: str | None) -> str:
    """JSON if it parses as JSON, else YAML."""
    if media_type is not None:
        return "JSON" if attributes.is_json(media_type) else "YAML"
    try:
        msgspec.json.decode(text, type=msgspec.Raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return "YAML"
    return "JSON"


def _prepared(event: DescribedEvent, prefix: str, issues: list[tuple[str, str]], ours: bool) -> PreparedType | None:
    if len(issues) >= MAX_ISSUES:
        return None
    before = len(issues)
    entry = _entry(event, prefix, issues, ours)
    # Headers are in AsyncAPI's own language unless they say otherwise.
    own = _DIALECTS.get(event.headers_dialect)
    headers = _vetted(event.headers, own, (), (f"{event.pointer}/headers", issues))
    payload = _vetted(
        event.payload, _DIALECTS.get(event.payload_dialect), event.examples, (f"{event.pointer}/payload", issues)
    )
    if entry is None or len(issues) > before:
        return None
    return PreparedType(event=event, entry=entry, payload=payload, headers=headers, dataschema=_dataschema(event))


def _entry(event: DescribedEvent, prefix: str, issues: list[tuple[str, str]], ours: bool) -> EventType | None:
    if catalogue.reserved(event.type, prefix=prefix) and not ours:
        said = f"{event.type[:200]} is a type that this service sends itself: nobody registers or publishes it"
        issues.append((event.pointer, said))
        return None
    # A title is no name that anybody chose for a list: what nobody sees is left out of it.
    titled = "".join(each for each in event.title or event.name if each.isspace() or catalogue.unseen(each) is None)
    name = " ".join(titled.split())[:NAME]
    prose = (event.description or event.summary).translate(_CONTROLS)[:PROSE]
    try:
        return catalogue.entry(event.type, friendly_name=name, description=prose, prefix=prefix)
    except Refused as refused:
        issues += [
            (event.pointer, f"its event type {event.type[:200]!r} {each.description}") for each in refused.issues
        ]
        return None


def _vetted(
    text: bytes | None, dialect: Dialect | None, examples: Sequence[bytes], at: tuple[str, list[tuple[str, str]]]
) -> Schema | None:
    if text is None:
        return None
    pointer, issues = at
    try:
        return schema.vet(text, dialect=dialect, examples=examples)
    except Refused as refused:
        issues += [(_within(pointer, each), each.description) for each in refused.issues]
        return None


def _within(pointer: str, issue: Issue) -> str:
    """Where in the document something is that was found in one of its schemas or examples."""
    if issue.subject.startswith("examples/"):
        return pointer.rpartition("/")[0] + "/" + issue.subject
    return pointer + (issue.subject if issue.subject.startswith("/") and issue.subject != "/" else "")


def _dataschema(event: DescribedEvent) -> str:
    """What the document says that `dataschema` is, else how its schema calls itself, where that is a URI."""
    said = next((rule.const for rule in event.attributes if rule.name == "dataschema" and rule.const), None)
    if said is None and event.payload is not None and b'"$id"' in event.payload and event.payload.startswith(b"{"):
        identity = _identified.decode(event.payload).identity
        said = identity if identity is not None and ":" in identity.partition("/")[0] else None
    return said or ""

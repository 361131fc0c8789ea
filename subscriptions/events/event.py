"""Occurrences, events, and how the one becomes the other under the rules of GreenLake's Events page.

Reading requests is left to `occurrences.py`, CloudEvents made elsewhere to `cloudevent.py`, storing to `journal.py`.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TypedDict, cast
from uuid import UUID

import msgspec

from subscriptions.events import attributes, catalogue, json_text
from subscriptions.events.attributes import Value
from subscriptions.ground.errors import Issue, Refused, TooLarge

#: What is left of the data of a deleted resource.
_REFERENCE = ("type", "id")


class _Resource(TypedDict, total=False):
    """Of a resource, what its category has a rule for, in the publisher's order and spelling."""

    type: msgspec.Raw
    id: msgspec.Raw
    createdAt: msgspec.Raw
    updatedAt: msgspec.Raw


_resource = msgspec.json.Decoder(_Resource)


@dataclass(frozen=True, kw_only=True, slots=True)
class Naming:
    """What a deployment calls itself in what it makes (greenlake.md D.10)."""

    #: What event types begin with.
    prefix: str = catalogue.PREFIX
    #: The host in a source: `//<region>.<host>/<api group>`.
    host: str = "api.greenlake.hpe.com"


class Occurrence(msgspec.Struct, frozen=True, kw_only=True):
    """What a producer says happened; every field vetted by itself, not yet against its category."""

    #: The spelling rules of these four are `catalogue.fault`'s.
    api_group: str
    api_version: str
    #: Dotted; None for an event of no resource.
    resource_collection: str | None = None
    event: str
    #: A JSON object or array, compact, literals as given.
    data: bytes
    #: 1 to 256 characters; with one, the publication is idempotent.
    id: str | None = None
    #: RFC 3339 as given.
    time: str | None = None
    #: None counts as `global`.
    region: str | None = None
    #: 32 lower-case hex digits; the publisher's own workspace is filled in before typing.
    workspace_id: str | None = None
    #: Becomes the extension `correlationid`.
    correlation_id: str | None = None
    #: Becomes the extension `partitionkey`.
    partition_key: str | None = None
    #: An absolute URI.
    dataschema: str | None = None
    #: W3C trace context, of the trace that started it.
    traceparent: str | None = None
    #: Further CloudEvents extension attributes, in the order given.
    extensions: Mapping[str, Value] = msgspec.field(default_factory=dict)
    #: SHA-256 of the occurrence as given, compacted, before any default.
    digest: bytes


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """A CloudEvent 1.0 as it is kept and sent."""

    #: A uuid7 made at acceptance; the `webhook-id` of deliveries (greenlake.md D.6).
    key: UUID
    #: The producer's id, or the key's text.
    id: str
    #: With workspace and id, what makes an event the same event.
    source: str
    #: The full event type.
    type: str
    #: The tenant it belongs to.
    workspace_id: str
    #: RFC 3339 as written in the body; None where a relayed event has none, since none is invented (cloudevents.md C1).
    time: str | None
    #: The structured JSON envelope, byte for byte as it will be sent.
    body: bytes
    #: What "the same occurrence" means under one id.
    digest: bytes
    #: Whether the producer chose the id, and so may publish again without making a second event.
    given_id: bool
    #: Whether its time is that of its acceptance, for want of another.
    default_time: bool = False
    #: Attributes that were added here, of what the request said of itself: they are no part of "the same occurrence".
    added: frozenset[str] = frozenset()


def typed(
    occurrence: Occurrence, *, key: UUID, accepted_at: datetime, naming: Naming, max_event_bytes: int = 65536
) -> Event:
    """The CloudEvent of an occurrence, by the rules of its category; its type is not looked up in the catalogue here.

    Raises Refused naming the field that breaks a rule of the category, TooLarge (subject `data`) over the limit
    (greenlake.md D.5, D.9, D.10).
    """
    if occurrence.workspace_id is None:
        raise Refused(Issue(subject="workspaceId", description="is missing, and the publisher has none of its own"))
    time, data = _by_category(occurrence)
    event_id = occurrence.id or str(key)
    envelope: dict[str, Value | None] = {
        "specversion": "1.0",
        "id": event_id,
        "source": f"//{occurrence.region or 'global'}.{naming.host}/{occurrence.api_group}",
        "type": catalogue.build(parts_of(occurrence), prefix=naming.prefix),
        "subject": occurrence.workspace_id,
        "datacontenttype": "application/json",
        "dataschema": occurrence.dataschema,
        "time": time or attributes.timestamp(accepted_at),
        "correlationid": occurrence.correlation_id,
        "partitionkey": occurrence.partition_key,
        "traceparent": occurrence.traceparent,
        **occurrence.extensions,
    }
    present = {name: value for name, value in envelope.items() if value is not None}
    return Event(
        key=key,
        id=event_id,
        source=str(present["source"]),
        type=str(present["type"]),
        workspace_id=occurrence.workspace_id,
        time=str(present["time"]),
        body=written(present, member="data", text=data, limit=max_event_bytes),
        digest=occurrence.digest,
        given_id=occurrence.id is not None,
        default_time=time is None,
    )


def parts_of(occurrence: Occurrence) -> catalogue.Parts:
    """The parts of the event type that an occurrence will have."""
    return catalogue.Parts(
        api_group=occurrence.api_group,
        version=occurrence.api_version,
        resource_collection=occurrence.resource_collection,
        event=occurrence.event,
    )


def written(members: Mapping[str, Value], *, member: str, text: bytes | None, limit: int) -> bytes:
    """The structured JSON envelope: the attributes in the order given, then the data's own text under `member`.

    Raises TooLarge (subject `data`) if it has more than `limit` bytes (greenlake.md D.9).
    """
    body = msgspec.json.encode(members)
    if text is not None:
        body = b'%b,"%b":%b}' % (body[:-1], member.encode(), text)
    if len(body) > limit:
        description = f"makes an event of {len(body)} bytes as structured JSON; at most {limit} are taken"
        raise TooLarge(Issue(subject="data", description=description))
    return body


def digest(text: bytes) -> bytes:
    """SHA-256 of a compact JSON text."""
    return hashlib.sha256(text).digest()


def _by_category(occurrence: Occurrence) -> tuple[str | None, bytes]:
    """The time that data and producer tell (None: neither does), and the data that the category sends."""
    category = catalogue.category_of(occurrence.event, occurrence.resource_collection)
    if category is not catalogue.Category.RESOURCE:
        return occurrence.time, occurrence.data
    if not occurrence.data.startswith(b"{"):
        raise Refused(Issue(subject="data", description=f"must be an object in a `{occurrence.event}` event"))
    found = cast("dict[str, msgspec.Raw]", _resource.decode(occurrence.data))
    members = {name: bytes(raw) for name, raw in found.items()}
    if occurrence.event == "deleted":
        return occurrence.time, _reference(members)
    # Of created, time = createdAt = updatedAt; of updated, time = updatedAt.
    names = ("createdAt", "updatedAt") if occurrence.event == "created" else ("updatedAt",)
    return _resource_time(occurrence.time, members, names), occurrence.data


def _resource_time(given: str | None, members: Mapping[str, bytes], names: tuple[str, ...]) -> str | None:
    """The one moment that the resource's stamps and the given time agree on; null counts as absent."""
    times = {} if given is None else {"time": (given, attributes.instant(given))}
    for name in names:
        stamp = json_text.load(members[name]) if name in members else None
        if stamp is None:
            continue
        moment = attributes.instant(stamp) if isinstance(stamp, str) else None
        if moment is None:
            description = "must be an RFC 3339 timestamp such as 2026-05-04T12:30:00.5Z"
            raise Refused(Issue(subject=f"data.{name}", description=description))
        times[f"data.{name}"] = stamp, moment
    if not times:
        return None
    # Instants are compared, not spellings; the first to speak gives the spelling.
    (first, (time, moment)), *others = times.items()
    for where, (_, other) in others:
        if other != moment:
            subject, right = (first, where) if first == "time" else (where, first)
            raise Refused(Issue(subject=subject, description=f"must be the same moment as {right}"))
    return time


def _reference(members: Mapping[str, bytes]) -> bytes:
    """A deleted resource's type and id, in the publisher's order and spelling; anything more is dropped."""
    for name in _REFERENCE:
        value = json_text.load(members[name]) if name in members else None
        if not isinstance(value, str) or not value:
            description = "must be a non-empty string: a `deleted` event carries the type and the id of its resource"
            raise Refused(Issue(subject=f"data.{name}", description=description))
    return b"{%b}" % b",".join(
        b'"%b":%b' % (name.encode(), text) for name, text in members.items() if name in _REFERENCE
    )

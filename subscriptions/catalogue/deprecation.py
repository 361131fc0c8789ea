"""The deprecation extension of CloudEvents: what events of a deprecated version get.

An event is of the version whose `dataschema` it has; without a `dataschema` that any version has, of the current one, which is
the newest that is not deprecated, or the newest where all are.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import msgspec
from msgspec import structs

from subscriptions.events import attributes
from subscriptions.events.event import Event

#: For events whose `dataschema` is none of the versions'.
OTHERS = ""
#: The extension's attributes, of which an event that has one already keeps its own.
NAMES = ("deprecated", "deprecationfrom", "deprecationsunset", "deprecationmigration")


@dataclass(frozen=True, kw_only=True, slots=True)
class TypeVersion:
    """What matters here of a version of a type."""

    version: str
    dataschema: str
    deprecated: bool
    since: datetime | None
    sunset: datetime | None
    migration: str
    created_at: datetime


def current(versions: Iterable[TypeVersion]) -> TypeVersion | None:
    """The version of an event that names none; of two of one moment the one that is listed last."""
    return max(reversed(tuple(versions)), key=lambda each: (not each.deprecated, each.created_at), default=None)


def accepted(versions: Iterable[TypeVersion], pinned: str) -> list[str]:
    """The `dataschema`s that events of a version have, with OTHERS where it is the current one; empty: none can be known."""
    listed = list(versions)
    now = current(listed)
    found = {each.dataschema for each in listed if each.version == pinned and each.dataschema}
    return sorted(found | ({OTHERS} if now is not None and now.version == pinned else set()))


def kept(versions: Iterable[TypeVersion]) -> str | None:
    """What the catalogue keeps of a type: by `dataschema`, the attributes that events get, as JSON; None where none do."""
    listed = list(versions)
    found = {each.dataschema: _extension(each) for each in listed if each.deprecated and each.dataschema}
    now = current(listed)
    if now is not None and now.deprecated:
        found[OTHERS] = _extension(now)
    return msgspec.json.encode(found).decode() if found else None


def mark(
    made: Sequence[Event],
    deprecated: Mapping[str, Mapping[str, Mapping[str, object]]],
    binds: Callable[[str, str], bool],
    *,
    limit: int,
) -> Sequence[Event]:
    """The events with the extension, each where its type is deprecated in its version, and binds its workspace."""
    if not any(event.type in deprecated for event in made):
        return made
    return [
        structs.replace(event, body=marked(event.body, deprecated[event.type], limit=limit))
        if event.type in deprecated and binds(event.type, event.workspace_id)
        else event
        for event in made
    ]


def marked(body: bytes, kept: Mapping[str, Mapping[str, object]], *, limit: int) -> bytes:
    """The structured JSON of an event with the extension, where its version is deprecated; as it is where it has it already.

    An event that would have more than `limit` bytes with it stays as it is: nothing is refused for what it did not say.
    """
    said = _said.decode(body)
    of = said.dataschema if said.dataschema and said.dataschema in kept else OTHERS
    extension = kept.get(of)
    if extension is None or said.deprecated is not msgspec.UNSET:
        return body
    text = msgspec.json.encode(extension)
    whole = body[:-1] + b"," + text[1:]
    return whole if len(whole) <= limit else body


class _Said(msgspec.Struct, frozen=True):
    """What an event says itself."""

    dataschema: str | None = None
    deprecated: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET


_said = msgspec.json.Decoder(_Said)


def _extension(version: TypeVersion) -> dict[str, object]:
    said: dict[str, object] = {"deprecated": True}
    for name, moment in (("deprecationfrom", version.since), ("deprecationsunset", version.sunset)):
        if moment is not None:
            said[name] = attributes.timestamp(moment)
    if version.migration:
        said["deprecationmigration"] = version.migration
    return said

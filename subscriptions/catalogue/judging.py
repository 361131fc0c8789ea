"""Holding events to the schemas of their types, where somebody asked for that.

Which types those are, `EventTypeStore.judged` tells; a process asks here for none else.
"""

import base64
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import msgspec

from subscriptions.catalogue.event_schemas import EventSchema, EventSchemaStore
from subscriptions.catalogue.misfit_counts import MisfitCounts
from subscriptions.catalogue.schemas import matching
from subscriptions.catalogue.schemas.faults import Fault
from subscriptions.catalogue.schemas.schema import Schema
from subscriptions.events import attributes
from subscriptions.events.event import Event
from subscriptions.events.event_types import FRESH, REJECT
from subscriptions.events.json_text import compact
from subscriptions.ground.errors import Malformed

#: What trying one version after the other may take; the first is tried whatever it takes.
MAX_WORK = 10 * matching.MAX_WORK


class _Said(msgspec.Struct, frozen=True):
    """Of an event what matters here."""

    dataschema: str | None = None
    datacontenttype: str | None = None
    data: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    data_base64: str | None = None


_said = msgspec.json.Decoder(_Said)


@dataclass(frozen=True, kw_only=True, slots=True)
class TypeSchemas:
    """The schemas of a type."""

    #: By the `dataschema` that events of it have; of each the newest.
    named: Mapping[str, Schema]
    #: For events that name none of them: the newest of each version, those that are not deprecated first.
    others: tuple[Schema, ...]

    def faults(self, event: Event, *, why: bool = True) -> list[Fault]:
        """What of an event's data does not fit; where it need not be known `why`, one fault stands for all of them.

        An event that names none of the schemas fits where it fits one of them.
        """
        said = _said.decode(event.body)
        named = self.named.get(said.dataschema) if said.dataschema else None
        schemas = self.others if named is None else (named,)
        data = _json(said)
        if isinstance(data, Fault):
            return [data] if schemas else []
        if not schemas:
            return []
        spent = 0
        for schema in schemas:
            spent += schema.work(data)
            if spent > MAX_WORK and schema is not schemas[0]:
                return [
                    Fault("", "fits none of the versions that there was time to check: dataschema says which is meant")
                ]
            if schema.accepts(data):
                return []
        return schemas[0].faults(data) if why else [Fault("", "does not fit the schema")]


class PayloadJudge:
    """Judges events for one process; believes for `FRESH` seconds what it has read of the schemas."""

    def __init__(
        self, store: EventSchemaStore, counts: MisfitCounts, *, steady: Callable[[], float] = time.monotonic
    ) -> None:
        self._store = store
        self.counts = counts
        self._steady = steady
        self._known: dict[str, TypeSchemas] = {}
        self._stale_at = 0.0

    async def know(self, types: set[str]) -> None:
        """Reads the schemas of types that are not known, or not any more."""
        if self._steady() >= self._stale_at:
            self._known, self._stale_at = {}, self._steady() + FRESH
        missing = types - self._known.keys()
        if not missing:
            return
        known = self._known
        listed: dict[str, list[EventSchema]] = {name: [] for name in missing}
        for each in await self._store.of_types(sorted(missing)):
            listed[each.event_type].append(each)
        known.update({name: _type_schemas(found) for name, found in listed.items()})
        # Also where another one began anew meanwhile.
        self._known.update({name: known[name] for name in missing})

    def known(self, event_type: str) -> TypeSchemas | None:
        """What this process knows of a type; None: nothing, for nobody asked."""
        return self._known.get(event_type)

    def forget(self, event_type: str) -> None:
        """The type's schemas were changed here."""
        self._known.pop(event_type, None)

    def each(self, made: Sequence[Event], judged: Mapping[str, str]) -> Iterator[tuple[int, list[Fault]]]:
        """Of each event its bytes, and the faults for which it is refused; those that are only counted are counted."""
        for event in made:
            wanted = judged.get(event.type)
            schemas = self._known.get(event.type) if wanted is not None else None
            if schemas is None:
                yield 0, []
                continue
            rejects = wanted == REJECT
            found = schemas.faults(event, why=rejects or self.counts.wants_sample(event))
            if found:
                self.counts.note(event, found, rejected=rejects)
            yield len(event.body), found if rejects else []


def _type_schemas(listed: Sequence[EventSchema]) -> TypeSchemas:
    """Of schemas, the one that was given last first."""
    named: dict[str, Schema] = {}
    versions: dict[str, tuple[bool, Schema]] = {}
    for each in listed:
        schema = each.schema
        if schema is None:
            continue
        if each.dataschema:
            named.setdefault(each.dataschema, schema)
        versions.setdefault(each.version, (each.deprecated, schema))
    others = sorted(versions.values(), key=lambda version: version[0])
    return TypeSchemas(named=named, others=tuple(schema for _, schema in others))


def _json(said: _Said) -> bytes | Fault:
    """The data as JSON; a fault where it is none."""
    if not attributes.is_json(said.datacontenttype):
        return Fault("", f"is {said.datacontenttype}, and the schema of its type describes JSON")
    if said.data_base64 is not None:
        try:
            return compact(base64.b64decode(said.data_base64), root="data_base64")
        except Malformed as malformed:
            return Fault("", f"is not JSON: {malformed.issues[0].description}")
    # What is not there is held to be null: few schemas allow that.
    return b"null" if isinstance(said.data, msgspec.UnsetType) else bytes(said.data)

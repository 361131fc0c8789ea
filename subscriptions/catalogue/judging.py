"""Holding events to the schemas of their types, where somebody asked for that.

Which types those are, `EventTypeStore.judged` tells; a process asks here for none else.
"""

import base64
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import msgspec

from subscriptions.catalogue import fitting
from subscriptions.catalogue.event_schemas import EventSchema, EventSchemaStore
from subscriptions.catalogue.misfit_counts import MisfitCounts
from subscriptions.catalogue.schemas.faults import Fault
from subscriptions.catalogue.schemas.schema import Schema
from subscriptions.events import attributes
from subscriptions.events.event import Event
from subscriptions.events.event_type_rows import (
    REJECT,
)
from subscriptions.events.event_types import FRESH
from subscriptions.events.json_text import compact
from subscriptions.ground import beside
from subscriptions.ground.beside import Beside, Overdue
from subscriptions.ground.errors import Busy, Malformed, TooSoon


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

    def asked(self, event: Event) -> tuple[tuple[Schema, ...], bytes] | Fault | None:
        """The schemas of which an event's data has to fit one, and the data; a fault where that need not be asked.

        None: there are none.
        """
        said = _said.decode(event.body)
        named = self.named.get(said.dataschema) if said.dataschema else None
        schemas = self.others if named is None else (named,)
        if not schemas:
            return None
        data = _json(said)
        return data if isinstance(data, Fault) else (schemas, data)


#: What is said of data that came to the judge's deadline, and without time for them.
OVERDUE = Fault(
    "",
    f"takes more than {beside.PROCESSOR:g} s to be checked by the schema of its type: it cannot be told whether it fits",
)
UNTRIED = Fault("", "was not checked by the schema of its type: the judge of events had too much else to do")


@dataclass(frozen=True, slots=True)
class LongJudgement:
    """An event that is judged beside this process."""

    event: Event
    schemas: tuple[Schema, ...]
    data: bytes
    why: bool
    rejects: bool
    #: It is known that it does not fit, and only asked why.
    misfit: bool = False


class PayloadJudge:
    """Judges events for one process; believes for `FRESH` seconds what it has read of the schemas."""

    def __init__(
        self,
        store: EventSchemaStore,
        counts: MisfitCounts,
        long: Beside,
        *,
        steady: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store = store
        self._beside = long
        self._here = fitting.Here()
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

    def each(
        self, made: Sequence[Event], judged: Mapping[str, str], binds: Callable[[str, str], bool]
    ) -> Iterator[tuple[int, list[Fault] | LongJudgement]]:
        """Of each event its bytes, and the faults for which it is refused; those that are only counted are counted.

        What takes long comes as it is, for `long`. Events of a workspace that their type does not
        bind (`binds`) are not looked at.
        """
        for event in made:
            wanted = judged.get(event.type)
            bound = wanted is not None and binds(event.type, event.workspace_id)
            schemas = self._known.get(event.type) if bound else None
            if schemas is None:
                yield 0, []
                continue
            rejects = wanted == REJECT
            asked = schemas.asked(event)
            if asked is None or isinstance(asked, Fault):
                yield len(event.body), self._counted(event, [] if asked is None else [asked], rejects=rejects)
                continue
            why = rejects or self.counts.wants_sample(event)
            came = self._here.judged(*asked)
            if came is None or not (came.fits or came.explained or not why):
                of, data = asked
                yield self._size(event), LongJudgement(event, of, data, why, rejects, misfit=came is not None)
                continue
            found = [] if came.fits else fitting.faults(*asked) if why else [fitting.MISFIT]
            yield self._size(event), self._counted(event, found, rejects=rejects)

    async def long(self, of: LongJudgement) -> list[Fault]:
        """As `each` has it, beside this process; raises Busy and TooSoon where there is no time for it and faults refuse it.

        An event that cannot be judged in time does not fit: sent again it would take as long. What was not tried is no fault
        where faults are only counted, and counts as one.
        """
        first = fitting.reached(of.schemas)
        whose, about = of.event.workspace_id, tuple(each.digest for each in first)
        try:
            found, facts = await self._beside.work(whose, about, fitting.faults_and_facts, first, of.data, why=of.why)
        except (Busy, TooSoon) as error:
            if of.rejects and not of.misfit and not isinstance(error, Overdue):
                raise
            found = [fitting.MISFIT if of.misfit else OVERDUE if isinstance(error, Overdue) else UNTRIED]
        else:
            self._here.note(first, facts)
        return self._counted(of.event, found, rejects=of.rejects)

    def _size(self, event: Event) -> int:
        return len(event.body) + self._here.took * fitting.BYTES

    def _counted(self, event: Event, found: list[Fault], *, rejects: bool) -> list[Fault]:
        if found:
            self.counts.note(event, found, rejected=rejects)
        return found if rejects else []


def _type_schemas(listed: Sequence[EventSchema]) -> TypeSchemas:
    """Of schemas, the one that was given last first."""
    named: dict[str, Schema] = {}
    versions: dict[str, tuple[bool, Schema]] = {}
    for each in listed:
        schema = each.schema
        if schema is None:
            continue
        for uri in filter(None, (each.dataschema, *each.others)):
            named.setdefault(uri, schema)
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

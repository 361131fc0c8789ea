"""What an event's data come to under the schemas of its type, and where that is found out.

jsonschema-rs keeps the interpreter to itself, and so do large schemas while they are compiled: what is not known to take
little is done beside the process that takes events.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from subscriptions.catalogue.schemas import matching, plain, quick
from subscriptions.catalogue.schemas.compiling import Kept
from subscriptions.catalogue.schemas.faults import Fault
from subscriptions.catalogue.schemas.plain import NotPlainError
from subscriptions.catalogue.schemas.quick import Facts, Quick
from subscriptions.catalogue.schemas.schema import Schema

#: What trying one version after the other may take; the first is tried whatever it takes.
MAX_WORK = 10 * matching.MAX_WORK
#: Steps that judging an event may take here (`plain.StepCount`), microseconds of compiling, and steps up to which it is told why.
STEPS, SOON, EXPLAINED = 5000, 4000, 200
#: Bytes of events for which a microsecond counts in the turns of the loop; schemas of which something is known.
BYTES, KNOWN = 128, 10_000
#: Microseconds that telling why takes where it takes little, and that seeing whether a schema is plain takes for each byte.
TOLD, SEEN = 300, 2


class Judged(NamedTuple):
    """What data came to."""

    fits: bool
    #: Whether telling why it does not fit takes little as well.
    explained: bool = False


#: Of an event that does not fit, where nobody asks why.
MISFIT = Fault("", "does not fit the schema")


def faults(schemas: Sequence[Schema], data: bytes, *, why: bool = True) -> list[Fault]:
    """What of the data does not fit; where it need not be known `why`, one fault stands for all of them.

    It fits where it fits one of the schemas.
    """
    return _faults(schemas, data, why, lambda _index, _schema: None)


def faults_and_facts(schemas: Sequence[Schema], data: bytes, *, why: bool) -> tuple[list[Fault], dict[int, Facts]]:
    """The same, and by their places what is known of the schemas that were tried."""
    facts: dict[int, Facts] = {}

    def met(index: int, schema: Schema) -> None:
        facts[index] = schema.facts()

    return _faults(schemas, data, why, met), facts


def reached(schemas: Sequence[Schema]) -> Sequence[Schema]:
    """Those that there is time for."""
    so_far = 0
    for index, each in enumerate(schemas):
        so_far += len(each.text)
        if so_far > MAX_WORK and index:
            return schemas[: index + 1]
    return schemas


def _faults(schemas: Sequence[Schema], data: bytes, why: bool, met: Callable[[int, Schema], None]) -> list[Fault]:
    spent, several = 0, len(schemas) > 1
    for index, schema in enumerate(schemas):
        met(index, schema)
        spent += schema.work(data) if several else 0
        if spent > MAX_WORK and index:
            return [Fault("", "fits none of the versions that there was time to check: dataschema says which is meant")]
        if schema.accepts(data):
            return []
    return schemas[0].faults(data) if why else [MISFIT]


class Here:
    """What one process judges itself: plain data by plain schemas that it has compiled, or compiles soon."""

    def __init__(self) -> None:
        self._kept: Kept[Quick] = Kept()
        #: By the digest of a schema.
        self._facts: dict[bytes, Facts] = {}
        #: Microseconds, about, that the last question took beside judging.
        self.took = self._compiling = 0

    def judged(self, schemas: Sequence[Schema], data: bytes) -> Judged | None:
        """What the data come to; None: that is not to be found out here."""
        self.took = self._compiling = 0
        by = []
        for schema in schemas:
            found = self._quick(schema)
            if found is None:
                return None
            by.append(found)
        size = len(data)
        # No value has less than two bytes, with what stands between it and the next.
        most = sum(each.steps.most(size, size // 2 + 1) for each in by)
        if most > STEPS:
            values = plain.values(data)
            most = sum(each.steps.most(size, values) for each in by)
        if most > STEPS:
            return None
        try:
            value = plain.value(data)
        except NotPlainError:
            return None
        if any(each.accepts(value) for each in by):
            return Judged(fits=True)
        values = plain.values(data)
        little = sum(each.steps.most(size, values) for each in by) <= EXPLAINED
        explained = little and len(by) == 1 and by[0].telling
        self.took += explained * TOLD
        return Judged(fits=False, explained=explained)

    def note(self, schemas: Sequence[Schema], facts: Mapping[int, Facts]) -> None:
        """What was found out elsewhere."""
        if len(self._facts) > KNOWN:
            self._facts.clear()
        self._facts |= {schemas[index].digest: each for index, each in facts.items()}

    def _quick(self, schema: Schema) -> Quick | None:
        key = schema.text, schema.dialect
        found = self._kept.find(key)
        if found is None:
            facts = self._known(schema) if self.took <= SOON else None
            if facts is None or facts.steps is None or facts.took + self._compiling > SOON:
                return None
            self._compiling += facts.took
            self.took += facts.took
            found = quick.made(*key, facts.steps, telling=facts.telling)
            self._kept.keep(key, found, facts.memory)
        return found

    def _known(self, schema: Schema) -> Facts:
        found = self._facts.get(schema.digest)
        if found is None:
            # One with regular expressions may be plain all the same: who compiles it first tells.
            found = quick.facts(schema.text, schema.dialect)
            self.took += SEEN * min(len(schema.text), quick.SURELY)
            self.note((schema,), {0: found})
        return found

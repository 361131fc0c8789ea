"""What an event's data come to under the schemas of its type, and how long it may take to tell.

jsonschema-rs keeps the interpreter to itself, and so do large schemas while they are compiled: what takes more than some
milliseconds is done beside the process that takes events.
"""

import time
from collections.abc import Callable, Sequence
from hashlib import sha256

from subscriptions.catalogue.schemas import matching
from subscriptions.catalogue.schemas.faults import Fault
from subscriptions.catalogue.schemas.schema import Schema

#: What trying one version after the other may take; the first is tried whatever it takes.
MAX_WORK = 10 * matching.MAX_WORK
#: Microseconds that judging an event may take here, whatever it is.
MOST = 5000
#: Bytes of a schema that compiles within that time whatever it says, and of one that may; schemas of which it is known.
SURELY, PERHAPS, KNOWN = 4096, 64 * 1024, 10_000


def faults(schemas: Sequence[Schema], data: bytes, *, why: bool = True) -> list[Fault]:
    """What of the data does not fit; where it need not be known `why`, one fault stands for all of them.

    It fits where it fits one of the schemas.
    """
    return _faults(schemas, data, why, lambda _index, _schema: None)


def faults_and_costs(schemas: Sequence[Schema], data: bytes, *, why: bool) -> tuple[list[Fault], dict[int, int]]:
    """The same, and by their places the microseconds that it took to compile those of the schemas that were not."""
    took: dict[int, int] = {}

    def met(index: int, schema: Schema) -> None:
        if schema.effort(b"") is None:
            began = time.process_time()
            schema.compile()
            took[index] = round((time.process_time() - began) * 1e6)

    return _faults(schemas, data, why, met), took


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
    return schemas[0].faults(data) if why else [Fault("", "does not fit the schema")]


class Efforts:
    """How long judging takes, as far as one process knows."""

    def __init__(self) -> None:
        #: By the digest of a schema, the microseconds that it took to compile.
        self._compiling: dict[bytes, int] = {}

    def long(self, schemas: Sequence[Schema], data: bytes) -> bool:
        """Whether to judge the data may take more than MOST; compiles what does not take so long."""
        left = MOST
        for each in schemas:
            effort = each.effort(data)
            if effort is None:
                left -= self._of(each)
                if left < 0:
                    return True
                each.compile()
                effort = each.effort(data) or 0
            left -= effort
            if left < 0:
                return True
        return False

    def note(self, schemas: Sequence[Schema], took: dict[int, int]) -> None:
        """What compiling took elsewhere."""
        if len(self._compiling) > KNOWN:
            self._compiling.clear()
        self._compiling |= {_digest(schemas[index]): each for index, each in took.items()}

    def _of(self, schema: Schema) -> int:
        if len(schema.text) <= SURELY:
            return len(schema.text)
        return self._compiling.get(_digest(schema), MOST + 1) if len(schema.text) <= PERHAPS else MOST + 1


def _digest(schema: Schema) -> bytes:
    return sha256(schema.text + schema.dialect.value.encode()).digest()

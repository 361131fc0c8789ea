"""What the broker carries: keys and fences, never a payload (protocol.md 3.1).

How they are packed into messages is left to `workers`; what claims do with them, to the ledger.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple
from uuid import UUID


class Ticket(NamedTuple):
    """One delivery and the fence it had when the ticket was written: older news than the row's fence claims nothing."""

    event: UUID
    webhook: UUID
    round: int
    fence: int


class JobKind(StrEnum):
    """Rows that are not deliveries, and are claimed one by one."""

    SPREAD = "spread"
    CHALLENGE = "challenge"
    JOB = "job"
    #: Of many deliveries at a time (`ledger/replays`).
    REPLAY = "replay"
    #: Not a row, but a webhook whose collected events may fill a parcel.
    BATCH = "batch"


@dataclass(frozen=True, kw_only=True, slots=True)
class Job:
    """A nudge for one spread (by its event), challenge or batch (by its webhook), or job."""

    kind: JobKind
    key: UUID
    fence: int


@dataclass(frozen=True, kw_only=True, slots=True)
class BrokerReport:
    """What the broker says of itself."""

    #: `redis`, `valkey`, `rabbitmq`, as it calls itself.
    product: str
    #: Empty where it does not say.
    version: str
    #: Messages that wait, by queue.
    waiting: Mapping[str, int]
    #: What about it endangers messages, as sentences.
    warnings: tuple[str, ...] = ()


Nudge = Ticket | Job

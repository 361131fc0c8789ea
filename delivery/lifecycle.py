"""The states of a delivery and the moves between them, as one table (protocol.md 1.2).

How a move is written, and who may write it (fence, lease, epoch), is left to `ledger`.
"""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType


class State(StrEnum):
    """A row begins as owed, parked or collecting, and ends in one of the final four some day."""

    #: To be sent at `due_at`; also while a claim holds its lease.
    OWED = "owed"
    #: Its webhook may not be sent to; it waits for a wake.
    PARKED = "parked"
    #: It waits for its webhook's batch to close.
    COLLECTING = "collecting"
    #: It is carried by a parcel, and ends as the parcel ends.
    BUNDLED = "bundled"
    #: The destination took it.
    DELIVERED = "delivered"
    #: Given up: attempts or window used up, or an answer that is final.
    FAILED = "failed"
    #: Its webhook was deleted.
    CANCELLED = "cancelled"
    #: It waited longer than undelivered events are kept, or its payload was erased.
    EXPIRED = "expired"


#: Where a row may go from where it is. Claims, leases and reschedules stay within owed and are no moves.
MOVES: Mapping[State, frozenset[State]] = MappingProxyType(
    {
        State.OWED: frozenset({State.PARKED, State.DELIVERED, State.FAILED, State.CANCELLED, State.EXPIRED}),
        # Delivered: an attempt whose lease lapsed before the row was parked may still turn out to have succeeded.
        State.PARKED: frozenset({State.OWED, State.DELIVERED, State.CANCELLED, State.EXPIRED}),
        State.COLLECTING: frozenset({State.BUNDLED, State.CANCELLED, State.EXPIRED}),
        State.BUNDLED: frozenset({State.DELIVERED, State.FAILED, State.CANCELLED, State.EXPIRED}),
        State.DELIVERED: frozenset(),
        # Final is final, but for a success: the destination has the event, whatever we gave up meanwhile.
        State.FAILED: frozenset({State.DELIVERED}),
        State.CANCELLED: frozenset(),
        State.EXPIRED: frozenset(),
    }
)

#: The states that a row ends in.
FINAL = frozenset({State.DELIVERED, State.FAILED, State.CANCELLED, State.EXPIRED})


def final(state: State) -> bool:
    """Whether nothing more will be done for a delivery in this state; another round may still send its event again."""
    return state in FINAL

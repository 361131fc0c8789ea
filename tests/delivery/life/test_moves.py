"""The statements that write a delivery's state make the moves of the table, all of them and no others (protocol.md 1.2).

That each row keeps to it in use is held by the machine.
"""

import importlib
import pkgutil
import re
from collections.abc import Iterator

from delivery import ledger
from delivery.ledger.days import DayStatement
from delivery.lifecycle import FINAL, MOVES, State
from subscriptions.ground.statements import Statement

OWED, PARKED, COLLECTING, BUNDLED = State.OWED, State.PARKED, State.COLLECTING, State.BUNDLED
DELIVERED, FAILED, CANCELLED, EXPIRED = State.DELIVERED, State.FAILED, State.CANCELLED, State.EXPIRED

Move = tuple[State, State]


def moves(sources: set[State], targets: set[State]) -> set[Move]:
    """From each to each."""
    return {(source, target) for source in sources for target in targets}


#: A claim leaves what it takes owed.
CLAIM = moves({OWED}, {PARKED, CANCELLED})
LOST = moves({OWED}, {FAILED})

RECORD = moves({OWED}, {PARKED, DELIVERED, FAILED, EXPIRED}) | moves({PARKED, FAILED}, {DELIVERED})

#: Which moves each statement of the ledger makes, as its conditions allow.
WRITTEN: dict[str, set[Move]] = {
    "batches.CLOSE": moves({COLLECTING}, {BUNDLED}),
    "batches.ERASED": moves({COLLECTING}, {EXPIRED}),
    "claiming.BY_TICKET": CLAIM,
    "claiming.BY_PROBE": moves({PARKED}, {OWED}),
    "drains.TAKE_DUE": CLAIM | LOST,
    "erasures.STOP": moves({OWED, PARKED, COLLECTING, BUNDLED}, {EXPIRED}),
    "job_rows.CANCEL": moves({OWED, PARKED, COLLECTING}, {CANCELLED}),
    "job_rows.WAKE": moves({PARKED}, {OWED}),
    "ripe_batches.EXPIRE": moves({COLLECTING}, {EXPIRED}),
    "cancellations.CANCEL": moves({OWED, PARKED, COLLECTING}, {CANCELLED}),
    "batch_members.FOLLOW": moves({BUNDLED}, set(FINAL)) | moves({FAILED}, {DELIVERED}),
    "paces.PACE": CLAIM | LOST,
    "outcomes.WRITE": RECORD,
    "outcomes.WRITE_FAILING": RECORD,
    # It moves issues, not deliveries.
    "resolving.SENT_AGAIN": set(),
    "retention.LET_GO": moves({OWED, PARKED, COLLECTING}, {EXPIRED}),
    "sweeps.EXPIRE": moves({PARKED}, {EXPIRED}),
}


def statements() -> Iterator[str]:
    """The ledger's statements that set a state, by module and name."""
    for module in pkgutil.walk_packages(ledger.__path__, "delivery.ledger."):
        for name, value in vars(importlib.import_module(module.name)).items():
            value = value[0] if isinstance(value, list) else value
            text = value.text if isinstance(value, Statement | DayStatement) else value
            if name.isupper() and isinstance(text, str) and "deliveries" in text:
                changes = re.findall(r"\bSET\b(.*?)(?=\bFROM\b|\bWHERE\b|\Z)", text, re.DOTALL)
                if any(re.search(r"\bstate =", change) for change in changes):
                    yield f"{module.name.rpartition('.')[2]}.{name}"


def test_every_statement_that_moves_a_row_is_known() -> None:
    """A new one says here which moves it makes."""
    assert sorted(statements()) == sorted(WRITTEN)


def test_the_table_is_what_the_statements_do() -> None:
    """Nobody moves a row as the table does not say, and the table says nothing that nobody does."""
    written = set().union(*WRITTEN.values())

    assert written == {(source, target) for source, targets in MOVES.items() for target in targets}

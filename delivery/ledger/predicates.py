"""Conditions that many statements ask, each written once: fragments by the name of the hole that a statement's file has for them.

`w` is a webhook, `d` a delivery, `$now` the time that is asked about. Statements that stand in a module put in what has a name
of its own here.
"""

from subscriptions.webhooks.predicates import SENDABLE


def unleased(row: str, now: str) -> str:
    """Nobody has the row in hands: no claim, or one whose lease has lapsed by then."""
    return f"({row}.leased_until IS NULL OR {row}.leased_until <= {now})"


#: The delivery waits for its batch to close, or ends with it.
GATHERED = "d.state IN ('collecting', 'bundled')"

#: The delivery has ended, and nobody has it: the condition of two indexes.
UNMET = "d.state IN ('failed', 'cancelled', 'expired')"

#: Nothing is sent to the webhook, not even a probe, until somebody acts.
HALTED = "w.status IN ('PENDING', 'DISABLED')"

PREDICATES = {
    #: The webhook's status lets deliveries go out.
    "sendable": SENDABLE,
    #: It does, and the webhook is there.
    "open": f"{SENDABLE} AND w.deleted_at IS NULL",
    #: The same, of a webhook that grants a rate: its deliveries go out at send times.
    "paced": f"coalesce(w.endpoint_rate_limit, 0) > 0 AND {SENDABLE} AND w.deleted_at IS NULL",
    "halted": HALTED,
    "unleased": unleased("d", "$now"),
    "gathered": GATHERED,
    #: The delivery has ended, and nobody has it.
    "unmet": UNMET,
}

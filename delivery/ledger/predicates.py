"""Conditions that many statements ask, each written once: fragments by the name of the hole that a statement's file has for them.

`w` is a webhook, `d` a delivery, `$now` the time that is asked about.
"""

from subscriptions.webhooks.predicates import SENDABLE

PREDICATES = {
    #: The webhook's status lets deliveries go out.
    "sendable": SENDABLE,
    #: It does, and the webhook is there.
    "open": f"{SENDABLE} AND w.deleted_at IS NULL",
    #: The same, of a webhook that grants a rate: its deliveries go out in slots of time.
    "paced": f"coalesce(w.endpoint_rate_limit, 0) > 0 AND {SENDABLE} AND w.deleted_at IS NULL",
    #: Nobody has the delivery in hands: no claim, or one whose lease has lapsed.
    "unleased": "(d.leased_until IS NULL OR d.leased_until <= $now)",
    #: The delivery waits for its batch to close, or ends with it.
    "gathered": "d.state IN ('collecting', 'bundled')",
}

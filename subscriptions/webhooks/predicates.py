"""Conditions on a webhook's row `w` that statements of several rooms ask, each written once, by the name of its hole."""

#: Its status lets deliveries go out, as `delivery/judgement/breaker.py` has it; a test holds the two together.
SENDABLE = "w.status IN ('ACTIVE', 'WARNING')"

PREDICATES = {"sendable": SENDABLE}

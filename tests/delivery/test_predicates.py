"""Conditions that stand in SQL and in Python mean the same."""

import re

from delivery.judgement.breaker import SENDABLE
from delivery.ledger.predicates import PREDICATES


def test_sendable_means_the_same_in_sql() -> None:
    """Statements let deliveries out to webhooks of those statuses that judgement calls sendable."""
    assert set(re.findall("'(.*?)'", PREDICATES["sendable"])) == SENDABLE

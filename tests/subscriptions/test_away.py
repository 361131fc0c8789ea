"""What says that PostgreSQL is away: read from errors as they come, however they hang together."""

import asyncpg
import pytest

from subscriptions.ground import away


def _in_a_ring(*errors: Exception) -> Exception:
    """Each led to by the next, and the last by the first: as errors do that are kept and raised again."""
    for error, before in zip(errors, (*errors[1:], errors[0]), strict=True):
        error.__cause__ = before
    return errors[0]


@pytest.mark.parametrize(
    ("error", "stood"),
    [
        (_in_a_ring(ConnectionRefusedError(), OSError()), False),
        (_in_a_ring(OSError(), asyncpg.IdleInTransactionSessionTimeoutError("ended")), True),
    ],
)
def test_errors_that_lead_to_one_another_are_read_once(error: Exception, stood: bool) -> None:
    """The search for what began it ends; once it did not, and a process without its database did nothing else any more."""
    assert away.stood_still(error, 0.0, 10.0) is stood


def test_a_connection_under_notice_is_closed_too() -> None:
    """Whether the driver has read the end of a connection, or only the notice of it, the transaction stood still."""
    error = asyncpg.InternalClientError("cannot switch to state 15; another operation (2) is in progress")

    assert away.stood_still(error, 10.0, 10.0)
    assert not away.stood_still(error, 9.0, 10.0)

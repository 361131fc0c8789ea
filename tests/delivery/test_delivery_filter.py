"""The value that says which deliveries are meant, and what is refused of it."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import msgspec
import pytest

from delivery import delivery_filter
from delivery.delivery_filter import DeliveryFilter, DeliveryId
from delivery.lifecycle import State
from subscriptions.ground.errors import Refused

NOW = datetime(2026, 11, 28, tzinfo=UTC)


def test_an_id_is_read_as_it_was_written() -> None:
    """A delivery's id is its key as text, and nothing else is taken for one."""
    key = DeliveryId(uuid4(), uuid4(), 2)

    assert DeliveryId.parse(str(key)) == key
    for wrong in ("", str(key.event), f"{key.event}.{key.webhook}", f"{key}.1", f"{key.event}.{key.webhook}.-1"):
        with pytest.raises(ValueError, match=r".*"):
            DeliveryId.parse(wrong)


def test_it_is_kept_as_json() -> None:
    """What is written down is read back the same, and what does not narrow is not written."""
    wanted = DeliveryFilter(
        webhooks=(uuid4(),), states=(State.FAILED,), since=NOW, ids=(DeliveryId(uuid4(), uuid4(), 0),)
    )

    text = msgspec.json.encode(wanted)

    assert msgspec.json.decode(text, type=DeliveryFilter) == wanted
    assert msgspec.json.encode(DeliveryFilter()) == b"{}"


@pytest.mark.parametrize(
    ("wanted", "subject"),
    [
        (DeliveryFilter(status_classes=(6,)), "statusClasses"),
        (DeliveryFilter(reason="x" * 501), "reason"),
        (DeliveryFilter(types=("t",) * 101), "types"),
        (DeliveryFilter(since=NOW, until=NOW - timedelta(seconds=1)), "until"),
        (DeliveryFilter(since=NOW.replace(tzinfo=None)), "since"),
    ],
)
def test_what_finds_nothing_is_refused(wanted: DeliveryFilter, subject: str) -> None:
    """A filter that could never hold says which field is wrong."""
    with pytest.raises(Refused) as refused:
        delivery_filter.vet(wanted)

    assert [issue.subject for issue in refused.value.issues] == [subject]

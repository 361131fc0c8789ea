"""Envelopes of events as schemas, and what is shown as an example of one."""

from uuid import uuid4

import pytest

from subscriptions.catalogue import envelopes
from subscriptions.catalogue.described_types import DescribedVersion
from subscriptions.catalogue.envelopes import SentType

SENT = SentType(
    type="com.example.order.placed",
    friendly_name="Order placed",
    description="",
    category="foreign",
    source="//hooklake.example/orders",
    schema={},
)


def asking(pattern: str) -> DescribedVersion:
    return DescribedVersion(
        id=uuid4(),
        event_type=SENT.type,
        version="1",
        event_api="Orders",
        dataschema="",
        content_type="application/json",
        dialect="draft-07",
        schema=None,
        examples=(),
        attributes=({"name": "extversion", "required": True, "pattern": pattern},),
        deprecated=False,
        deprecated_since=None,
    )


@pytest.mark.parametrize(
    ("pattern", "shown"),
    [
        (r"^[0-9]+\.[0-9]+$", "0.1"),
        ("^[0-9]+$", "1"),
        # Of no text that is tried; by an engine that goes back each would take years.
        ("^((.+)+)+!$", None),
        ("(?=a)", None),
    ],
)
def test_an_example_has_what_an_attribute_s_pattern_takes(pattern: str, shown: str | None) -> None:
    """Patterns are others', so that they are matched in linear time; where nothing is known that fits there is no example."""
    envelope = envelopes.envelope(SENT, asking(pattern), "w")
    example = envelopes.example(envelope, {}, SENT)
    assert (example and example["extversion"]) == shown
    assert envelope.attributes["extversion"]["pattern"] == pattern

"""Delivery's settings as the environment gives them; what they do is shown where they are used."""

import pytest

from delivery.settings import DeliverySettings
from subscriptions.ground import settings
from subscriptions.ground.errors import Misconfigured


def test_the_defaults_are_the_documented_ones() -> None:
    """With nothing set, greenlake.md 5.2, D.8 hold: 20 attempts, 10.3 hours of waits within 12."""
    read = settings.read(DeliverySettings, {})

    assert DeliverySettings() == read
    assert (len(read.retry_delays), sum(read.retry_delays), read.retry_window) == (19, 37246.0, 43200.0)
    assert (read.halt_failures, read.halt_after, read.failure_window) == (20, 900.0, 43200.0)
    assert (read.keep_undelivered, read.keep_records) == (259200.0, 2592000.0)
    assert (read.probe_interval_max, read.challenge_delays, read.challenge_timeout) == (3600.0, (2.0, 3.0, 5.0), 5.0)


def test_lists_are_separated_by_commas() -> None:
    """Waits may carry units; destinations are taken as they are, even where one looks like a time."""
    read = settings.read(
        DeliverySettings,
        {
            "HOOKLAKE_RETRY_DELAYS": "0.1, 200ms,3s,1m",
            "HOOKLAKE_ALLOW_DESTINATIONS": "127.0.0.0/8,::1, localhost,5m",
        },
    )

    assert read.retry_delays == (0.1, 0.2, 3.0, 60.0)
    assert read.allow_destinations == ("127.0.0.0/8", "::1", "localhost", "5m")


def test_words_numbers_and_switches_are_read() -> None:
    """Each kind of setting comes out as its own type."""
    read = settings.read(
        DeliverySettings,
        {
            "HOOKLAKE_DELIVERY_POLICY": "greenlake",
            "HOOKLAKE_ALLOW_HTTP": "true",
            "HOOKLAKE_HALT_FAILURES": "3",
            "HOOKLAKE_KEEP_RECORDS": "7d",
            "HOOKLAKE_CA_BUNDLE": "/etc/hooklake/ca.pem",
        },
    )

    assert (read.delivery_policy, read.allow_http, read.halt_failures) == ("greenlake", True, 3)
    assert (read.keep_records, read.ca_bundle) == (604800.0, "/etc/hooklake/ca.pem")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DELIVERY_POLICY", "strict"),
        ("ALLOW_HTTP", "perhaps"),
        ("RETRY_DELAYS", "3,soon"),
        ("RETRY_DELAYS", "3,-8"),
        ("CHALLENGE_DELAYS", "-2"),
        ("RETRY_JITTER", "1"),
        ("RETRY_JITTER", "-0.1"),
        ("RETRY_WINDOW", "0"),
        ("DELIVERY_TIMEOUT", "0s"),
        ("HALT_FAILURES", "-1"),
        ("ANSWER_BODY_BYTES", "-1"),
        ("SPREAD_CHUNK", "0"),
        ("HEARTBEAT_INTERVAL", "0"),
        ("REQUEST_ORIGIN", "https://here, https://there"),
        ("REQUEST_ORIGIN", "https://hier.\u00e4"),
        ("SPREAD_CHUNK", "many"),
        ("PROBE_INTERVAL", "2h"),
    ],
)
def test_what_cannot_work_is_named(name: str, value: str) -> None:
    """A wrong value is refused before anything starts, with the variable's name."""
    with pytest.raises(Misconfigured, match=f"HOOKLAKE_{name}"):
        settings.read(DeliverySettings, {f"HOOKLAKE_{name}": value})

"""What an OPTIONS answer allows, as tables (greenlake.md 5.5, cloudevents.md W10); and when it is asked for again."""

from uuid import UUID, uuid4

import pytest

from delivery.judgement import pace
from delivery.judgement.pace import KEEP, MOST, UNLIMITED, Kept

ORIGIN = "https://common.cloud.hpe.com"

Headers = list[tuple[str, str]]


def rates(*values: str) -> Headers:
    return [("WebHook-Allowed-Rate", value) for value in values]


def origins(*values: str) -> Headers:
    return [("WebHook-Allowed-Origin", value) for value in values]


@pytest.mark.parametrize(
    ("headers", "rate"),
    [
        (rates("120"), 120),
        ([("webhook-allowed-rate", " 120 ")], 120),
        (rates("1"), 1),
        (rates("0060"), 60),
        (rates("*"), UNLIMITED),
        (rates(str(MOST)), MOST),
        (rates(str(MOST + 1)), MOST),
        (rates("9" * 10_000), MOST),
        ([], None),
        (origins("*"), None),
        (rates("0"), KEEP),
        (rates("000"), KEEP),
        (rates("-1"), KEEP),
        (rates("+5"), KEEP),
        (rates("1.5"), KEEP),
        (rates("1e3"), KEEP),
        (rates("many"), KEEP),
        (rates("120 per minute"), KEEP),
        (rates("\u0661\u0662"), KEEP),
        (rates("1_000"), KEEP),
        (rates("**"), KEEP),
        (rates(""), KEEP),
        (rates(" "), KEEP),
        (rates("120", "120"), 120),
        (rates("120, 120"), 120),
        (rates("120", "60"), KEEP),
        (rates("120, 60"), KEEP),
        (rates("120", "*"), KEEP),
        (rates("120", "soon"), KEEP),
        (rates("120", ""), KEEP),
        (rates("x", "x"), KEEP),
    ],
)
def test_a_rate_is_read_from_the_answer(headers: Headers, rate: int | Kept | None) -> None:
    """A number is a rate, `*` none at all, nothing said is none named; whatever else is there keeps the last good value."""
    assert pace.terms(200, headers, origin=ORIGIN).rate == rate


@pytest.mark.parametrize(
    ("headers", "origin"),
    [
        (origins(ORIGIN), ORIGIN),
        (origins(ORIGIN.upper()), ORIGIN),
        (origins("*"), ORIGIN),
        (origins("https://other.example", ORIGIN), ORIGIN),
        (origins(f"https://other.example, {ORIGIN}"), ORIGIN),
        (origins("https://other.example"), ""),
        (origins("common.cloud.hpe.com.example"), ""),
        (origins(""), ""),
        (rates("120"), ""),
        ([], ""),
    ],
)
def test_consent_is_to_our_origin_or_any(headers: Headers, origin: str) -> None:
    """The same origin, or any, is consent; everything else is none."""
    assert pace.terms(200, headers, origin=ORIGIN).origin == origin


@pytest.mark.parametrize("status", [200, 204, 400, 404, 405, 410, 501])
def test_an_answer_without_headers_names_nothing(status: int) -> None:
    """A handler that answers, and knows nothing of the headers, names no rate and no origin."""
    assert pace.terms(status, [("Allow", "POST")], origin=ORIGIN) == pace.UNASKED


@pytest.mark.parametrize("status", [301, 302, 308, 401, 403, 407, 408, 425, 429, 500, 502, 503, 504, 999])
def test_an_answer_from_somebody_else_says_nothing(status: int) -> None:
    """A redirect, a refusal or a broken server leave both as they were."""
    assert pace.terms(status, [("Retry-After", "5")], origin=ORIGIN) == pace.SILENCE


@pytest.mark.parametrize("status", [200, 204, 302, 401, 405, 429, 500, 503])
def test_a_header_counts_whatever_the_status(status: int) -> None:
    """The status alone is never consent, nor does it take any back (cloudevents.md W10)."""
    terms = pace.terms(status, rates("60") + origins("*"), origin=ORIGIN)

    assert (terms.rate, terms.origin) == (60, ORIGIN)


@pytest.mark.parametrize(("first", "share"), [("00000000", 0.5), ("80000000", 0.75), ("ffff0000", 1.0)])
def test_heartbeats_come_within_the_interval(first: str, share: float) -> None:
    """From half of it to the whole, as the webhook's id says."""
    webhook = UUID(f"{first}-0d5c-4c2e-9f43-5d2b8f6a1c3e")

    assert pace.beat_after(webhook, 3600) == pytest.approx(share * 3600, rel=1e-4)


def test_heartbeats_do_not_come_together() -> None:
    """Of 10,000 webhooks that became active in one moment no second of the next hour is asked by more than a few dozen."""
    seconds = [int(pace.beat_after(uuid4(), 3600)) for _ in range(10_000)]

    assert max(seconds.count(second) for second in set(seconds)) < 30

"""Attribute values in headers, by the rules of cloudevents.md 3."""

import pytest

from subscriptions.events import header_text

EURO = "Euro € 😀"


def test_the_vector_of_the_specification_comes_out() -> None:
    """cloudevents.md H5, H9: Euro and emoji are percent-encoded in upper case, and nothing else is."""
    assert header_text.encode(EURO) == "Euro%20%E2%82%AC%20%F0%9F%98%80"
    assert header_text.encode("a:b/c,d'e\\~") == "a:b/c,d'e\\~"
    assert header_text.encode('"100%"') == "%22100%25%22"


@pytest.mark.parametrize(
    ("header", "value"),
    [
        ("Euro%20%E2%82%AC%20%F0%9F%98%80", EURO),
        ("Euro%20%e2%82%ac%20%f0%9f%98%80", EURO),
        ("%45uro", "Euro"),
        ("%2525", "%25"),
        ('"Euro %E2%82%AC \\"x\\" \\\\"', 'Euro € "x" \\'),
        ('"a', '"a'),
        ('say "hi"', 'say "hi"'),
        ("€".encode().decode("latin-1"), "€"),
        ('""', ""),
    ],
)
def test_quoting_goes_before_percent_decoding(header: str, value: str) -> None:
    """cloudevents.md H6, S6: quoting goes first, then exactly one round of percent-decoding."""
    assert header_text.decode(header) == value

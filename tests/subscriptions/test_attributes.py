"""What CloudEvents attributes may be called and hold, by the rules of cloudevents.md 1."""

import pytest

from subscriptions.events import attributes
from subscriptions.events.attributes import Instant

URIS = [
    "https://a.example/x?y=1",
    "urn:cps:org.onap.cps.ncmp.events:avc-event-schema:1.0",
    "mailto:a@b.example",
    "cps:x",
]
REFERENCES = ["//global.api.greenlake.hpe.com/audit-log", "/x/y", "publisher-test-single-2", "a/b:c", "?q", "#f", "%41"]


@pytest.mark.parametrize("name", ["id", "a", "x1", "1x", "correlationid", "a" * 40])
def test_lower_case_letters_and_digits_are_a_name(name: str) -> None:
    """cloudevents.md C2: lower-case ASCII letters and digits."""
    assert attributes.name_fault(name) is None


@pytest.mark.parametrize("name", ["", "data", "Id", "a-b", "a_b", "é", "a\n", "a b", "data_base64", "١"])
def test_anything_else_is_no_name(name: str) -> None:
    """cloudevents.md C2, S9: anything else, a trailing newline included, and `data`."""
    assert attributes.name_fault(name)


@pytest.mark.parametrize("value", ["", "x", True, False, 0, 2**31 - 1, -(2**31), "é😀"])
def test_extensions_take_strings_booleans_and_small_integers(value: object) -> None:
    """cloudevents.md C3, C4, J2: strings, booleans, 32-bit integers."""
    assert attributes.value_fault("ext", value) is None


@pytest.mark.parametrize("value", [2**31, -(2**31) - 1, 1.0, None, [], {}, b"x"])
def test_extensions_refuse_all_other_values(value: object) -> None:
    """cloudevents.md C3, C4, S9: no floats, no containers, no larger integers."""
    assert attributes.value_fault("ext", value)


@pytest.mark.parametrize(
    "character", ["\x00", "\x1f", "\x7f", "\x9f", "\ufdd0", "\ufdef", "\ufffe", "\U0010ffff", "\ud800"]
)
def test_unwanted_characters_are_refused(character: str) -> None:
    """cloudevents.md C5: no control characters, noncharacters, surrogates."""
    assert attributes.value_fault("ext", f"a{character}b")
    assert attributes.value_fault("id", f"a{character}b")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("source", uri) for uri in URIS + REFERENCES),
        *(("dataschema", uri) for uri in URIS),
        ("source", "http://[::1]:8080/x"),
        ("id", "x" * 256),
        ("specversion", "1.0"),
        ("type", "any.thing"),
        ("datacontenttype", "application/json"),
        ("datacontenttype", 'Text/Plain ; charset="utf-8"; a=b'),
        ("datacontenttype", "image/x+json"),
        ("time", "2024-10-30T21:09:16.127443806Z"),
    ],
)
def test_core_attributes_take_their_values(name: str, value: str) -> None:
    """cloudevents.md C6, C7, C8, C9, C10, C12, C13, C14: what each core attribute takes."""
    assert attributes.value_fault(name, value) is None


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *((name, "") for name in attributes.CORE),
        *((name, 1) for name in attributes.CORE),
        ("id", "x" * 257),
        ("specversion", "0.3"),
        ("specversion", "1.0.2"),
        *(
            ("source", text)
            for text in ["a b", "é", "%4", "http://[", ":x", "1a:b", "//h:p/", "a#b#c", "<x>", "/" * 1025]
        ),
        *(("dataschema", text) for text in ["/x", "//host/x", "schema", "https:", "https://a b"]),
        *(
            ("datacontenttype", text)
            for text in ["json", "a/", "a/b/c", "a/b; c", "text/plain; charset=", "a /b", "a/b,c/d"]
        ),
        *(("time", text) for text in ["now", "2024-10-30", "2024-10-30 21:09:16Z", "2024-10-30T21:09:16"]),
    ],
)
def test_core_attributes_refuse_all_other_values(name: str, value: object) -> None:
    """cloudevents.md C6, C7, C8, C9, C10, C12, C13, C14, C20: what each core attribute refuses."""
    assert attributes.value_fault(name, value)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("2026-05-04T12:30:00Z", "2026-05-04T12:30:00.000Z"),
        ("2026-05-04T12:30:00Z", "2026-05-04t12:30:00z"),
        ("2026-05-04T12:30:00+02:00", "2026-05-04T10:30:00-00:00"),
        ("2026-05-04T00:30:00+05:45", "2026-05-03T18:45:00Z"),
        ("2016-12-31T23:59:60Z", "2017-01-01T00:00:00Z"),
        ("0001-01-01T00:00:00+23:00", "0001-01-01T00:00:00.00+23:00"),
    ],
)
def test_one_instant_has_two_spellings(one: str, other: str) -> None:
    """cloudevents.md C14: instants compare, whatever the spelling."""
    assert attributes.instant(one) == attributes.instant(other) is not None


@pytest.mark.parametrize(
    "text",
    [
        "2026-02-30T00:00:00Z",
        "2026-13-01T00:00:00Z",
        "2026-01-01T24:00:00Z",
        "2026-01-01T00:60:00Z",
        "2026-01-01T00:00:60Z",
        "2026-01-01T00:00:00.Z",
        "2026-01-01T00:00:00+24:00",
        "2026-01-01T00:00:00+0100",
        "2026-01-01T00:00:00Z\n",
        "٢026-01-01T00:00:00Z",
        "0000-01-01T00:00:00Z",
    ],
)
def test_what_rfc_3339_does_not_have_is_no_time(text: str) -> None:
    """cloudevents.md C14: what RFC 3339 does not have is not a time."""
    assert attributes.instant(text) is None


def test_decimals_of_a_second_order_as_numbers() -> None:
    """Nanoseconds and any more digits count."""
    assert Instant(1, "49") < Instant(1, "5") < Instant(1, "500000001") < Instant(2, "")


@pytest.mark.parametrize("media_type", [None, "application/json", "Application/JSON", "image/x+json", "a/b+JSON; c=d"])
def test_types_that_are_json(media_type: str | None) -> None:
    """cloudevents.md J5, S14: any `*/json` or `*/*+json`, case and parameters aside; absent counts as JSON."""
    assert attributes.is_json(media_type)


@pytest.mark.parametrize(
    "media_type", ["text/plain", "application/xml", "application/jsonx", "json", "application/json2"]
)
def test_types_that_are_not_json(media_type: str) -> None:
    """cloudevents.md J6: everything else is not JSON."""
    assert not attributes.is_json(media_type)


@pytest.mark.parametrize(
    ("media_type", "charset"),
    [
        ("text/plain", None),
        ("text/plain;a=b; Charset=UTF-8", "utf-8"),
        ('text/plain; charset="iso-8859-1"', "iso-8859-1"),
    ],
)
def test_a_charset_is_named_in_any_case(media_type: str, charset: str | None) -> None:
    """cloudevents.md C10: parameter names are compared without case."""
    assert attributes.charset(media_type) == charset


@pytest.mark.parametrize(("value", "text"), [(True, "true"), (False, "false"), (-5, "-5"), ("a", "a")])
def test_values_have_canonical_strings(value: attributes.Value, text: str) -> None:
    """cloudevents.md C4, S10: `true`, not `True`."""
    assert attributes.canonical(value) == text

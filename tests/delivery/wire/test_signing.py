"""Signatures and parcels: vectors, and reference verifiers as oracles. The wire is left to test_sender."""

import base64
import hashlib
import hmac
from datetime import UTC, datetime
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from delivery.wire import parcels, signing
from subscriptions.ground.errors import Refused

EVENT = UUID("019ab3c1-0000-7000-8000-000000000001")


def test_the_challenge_vector_of_the_specification_is_answered() -> None:
    """greenlake.md 2.2 prints secret, challenge and answer."""
    proof = signing.answer("s3cr3tKey", "8cbecfea-d708-4706-bba3-669225084a10")

    assert proof == "085b6a2ea9034fa67de9bba59e667a0bf63c341e7d50ab8015567205cf736e3d"


def test_headers_carry_both_families_for_two_secrets() -> None:
    """HPE's pair over the body, then the Standard Webhooks triple with one entry per secret (greenlake.md D.6)."""
    now = datetime(2026, 1, 2, 3, 4, 5, 999999, tzinfo=UTC)

    headers = signing.sign(b'{"a":1}', parcel_id="p-1", secrets=["first", "sécond"], now=now)

    digests = [hmac.new(key.encode(), b'{"a":1}', hashlib.sha256).hexdigest() for key in ("first", "sécond")]
    entries = [
        base64.b64encode(hmac.new(key.encode(), b'p-1.1767323045.{"a":1}', hashlib.sha256).digest()).decode()
        for key in ("first", "sécond")
    ]
    assert headers == [
        ("HPE-Webhook-Signature", f"sha256={digests[0]}"),
        ("HPE-Webhook-Signature2", f"sha256={digests[1]}"),
        ("webhook-id", "p-1"),
        ("webhook-timestamp", "1767323045"),
        ("webhook-signature", f"v1,{entries[0]} v1,{entries[1]}"),
    ]


@pytest.mark.parametrize("length", [1, 32, 63, 64, 65, 200])
def test_secrets_of_any_length_sign_as_hmac_says(length: int) -> None:
    """RFC 2104: a key longer than a block is hashed first, a shorter one filled up."""
    secret = "k" * length

    assert signing.answer(secret, "question") == hmac.new(secret.encode(), b"question", hashlib.sha256).hexdigest()


def test_one_secret_makes_no_second_header() -> None:
    """`HPE-Webhook-Signature2` goes out only with a secondary secret."""
    headers = signing.sign(b"", parcel_id="p", secrets=["only"], now=datetime.now(UTC))

    assert "HPE-Webhook-Signature2" not in dict(headers)
    assert " " not in dict(headers)["webhook-signature"]


def test_without_secrets_nothing_is_claimed() -> None:
    """A destination without a secret gets id and timestamp, and no signature."""
    headers = signing.sign(b"x", parcel_id="p", secrets=[], now=datetime.now(UTC))

    assert [name for name, _ in headers] == ["webhook-id", "webhook-timestamp"]


@given(
    body=st.text().map(str.encode),
    secrets=st.lists(st.text(min_size=4, max_size=100), min_size=1, max_size=2, unique=True),
)
def test_the_reference_verifier_accepts_either_secret(body: bytes, secrets: list[str]) -> None:
    """Any Standard Webhooks library accepts `whsec_` + base64(secret) for each live secret, and no other."""
    headers = dict(signing.sign(body, parcel_id=str(EVENT), secrets=secrets, now=datetime.now(UTC)))

    for secret in secrets:
        oracle = Webhook("whsec_" + base64.b64encode(secret.encode()).decode())
        with_json = oracle.sign(
            str(EVENT), datetime.fromtimestamp(int(headers["webhook-timestamp"]), UTC), body.decode()
        )
        assert with_json in headers["webhook-signature"].split(" ")
    with pytest.raises(WebhookVerificationError):
        Webhook(base64.b64encode("".join(secrets).encode() + b"!").decode()).verify(body, headers)


def test_the_reference_verifier_accepts_a_whole_delivery() -> None:
    """Id, timestamp and signature are what `verify` of the reference library expects, replay protection included."""
    headers = dict(signing.sign(b'{"a":1.0}', parcel_id=str(EVENT), secrets=["old!", "new!"], now=datetime.now(UTC)))

    assert Webhook(base64.b64encode(b"new!").decode()).verify(b'{"a":1.0}', headers) == {"a": 1.0}


@pytest.mark.parametrize(
    ("mode", "media_type"), [("json", "application/json"), ("structured", "application/cloudevents+json")]
)
def test_a_parcel_carries_the_bytes_it_was_given(mode: str, media_type: str) -> None:
    """The mode decides the media type alone (greenlake.md D.5)."""
    parcel = parcels.single(event=EVENT, body=b'{ "n": 1e30 }', content_mode=mode)

    assert parcel == parcels.Parcel(id=str(EVENT), body=b'{ "n": 1e30 }', headers=(("Content-Type", media_type),))


def test_an_unknown_mode_is_refused() -> None:
    """A mode that cannot be sent is named."""
    with pytest.raises(Refused, match="contentMode: `yaml` is not one of `json`, `structured`, `binary`, `onap`"):
        parcels.single(event=EVENT, body=b"{}", content_mode="yaml")


def test_binary_mode_puts_attributes_into_headers_and_the_data_into_the_body() -> None:
    """cloudevents.md H3, H4, H5: `ce-` headers, percent-encoded, and the data's own bytes under its own media type."""
    event = b'{"specversion":"1.0","id":"a b","source":"//x","type":"t","datacontenttype":"application/json","data":{"n":1e30}}'
    parcel = parcels.single(event=EVENT, body=event, content_mode="binary")

    headers = (
        ("Content-Type", "application/json"),
        *(("ce-specversion", "1.0"), ("ce-id", "a%20b"), ("ce-source", "//x"), ("ce-type", "t")),
    )
    assert parcel == parcels.Parcel(id=str(EVENT), body=b'{"n":1e30}', headers=headers)


def test_an_event_without_data_is_sent_structured_in_binary_mode() -> None:
    """cloudevents.md W1: a webhook's request has a payload."""
    event = b'{"specversion":"1.0","id":"a","source":"//x","type":"t"}'
    parcel = parcels.single(event=EVENT, body=event, content_mode="binary")

    headers = (("Content-Type", "application/cloudevents+json"),)
    assert parcel == parcels.Parcel(id=str(EVENT), body=event, headers=headers)


@pytest.mark.parametrize(
    ("mode", "media_type"),
    [
        ("json", "application/json"),
        ("structured", "application/cloudevents-batch+json"),
        # Closed before its webhook went over to binary mode.
        ("binary", "application/cloudevents-batch+json"),
    ],
)
def test_a_batch_is_announced_by_its_mode(mode: str, media_type: str) -> None:
    """The array goes as it was closed; the mode decides the media type alone (greenlake.md D.5)."""
    parcel = parcels.batch(EVENT, b"[{},{}]", content_mode=mode)

    assert parcel == parcels.Parcel(id=str(EVENT), body=b"[{},{}]", headers=(("Content-Type", media_type),))


def test_onap_mode_writes_the_legacy_envelope() -> None:
    """As the body of application/json, each of a batch too; what it cannot hold goes structured, of a batch all of it."""
    event = b'{"specversion":"1.0","id":"a","source":"//x","type":"t","data":{"n":1e30}}'
    text = b'{"specversion":"1.0","id":"b","source":"//x","type":"t","datacontenttype":"text/plain","data":"x"}'
    envelope = b'{"eventId":"a","eventSource":"//x","eventType":"t","event":{"n":1e30}}'
    json, structured = ("Content-Type", "application/json"), "application/cloudevents+json"

    one = parcels.single(event=EVENT, body=event, content_mode="onap")
    other = parcels.single(event=EVENT, body=text, content_mode="onap")
    batch = parcels.batch(EVENT, b"[%b,%b]" % (event, event), content_mode="onap")
    mixed = parcels.batch(EVENT, b"[%b,%b]" % (event, text), content_mode="onap")

    assert (one.body, one.headers, one.unsaid) == (envelope, (json,), "onap")
    assert (other.body, other.headers, other.unsaid) == (text, (("Content-Type", structured),), "")
    assert (batch.body, batch.headers, batch.unsaid) == (b"[%b,%b]" % (envelope, envelope), (json,), "onap")
    assert mixed.headers == (("Content-Type", "application/cloudevents-batch+json"),)

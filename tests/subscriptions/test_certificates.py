"""Authorities, certificates and keys of webhooks: what is taken, what is kept of it, and what is told."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
import trustme
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa

from subscriptions.ground.database import Database
from subscriptions.ground.errors import Refused
from subscriptions.ground.vault import Vault
from subscriptions.webhooks import certificates, origins, webhook
from subscriptions.webhooks.certificates import TlsOptions
from subscriptions.webhooks.webhook import Change, Owner, Registration
from subscriptions.webhooks.webhook_store import WebhookStore
from tests.clock import Clock
from tests.delivery.wire.authorities import issued
from tests.subscriptions.test_registrations import KEPT

PEM, PKCS8 = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
ONE, OTHER = issued("one.example"), issued("other.example")
PLAIN = Registration(name="Licences", destination="https://hook.example/", secret="s3cr3tKey")
OWNER = Owner(workspace_id="a" * 32, principal="user:one", created_by="one")


def locked(key: str) -> str:
    """The key with a password."""
    private = serialization.load_pem_private_key(key.encode(), None)
    return private.private_bytes(PEM, PKCS8, serialization.BestAvailableEncryption(b"word")).decode()


def text(private: rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey) -> str:
    return private.private_bytes(PEM, PKCS8, serialization.NoEncryption()).decode()


SHORT = text(rsa.generate_private_key(65537, 1024))


@pytest.mark.parametrize(
    ("fields", "named", "says"),
    [
        ({"ca_bundle": "nonsense"}, "tls.caBundle", "does not hold certificates in PEM"),
        ({"ca_bundle": ONE.key}, "tls.caBundle", "does not hold certificates in PEM"),
        ({"ca_bundle": ONE.authority[:-80]}, "tls.caBundle", "does not hold certificates in PEM"),
        ({"ca_bundle": ONE.authority + " " * 16384}, "tls.caBundle", "must have at most 16384 characters"),
        ({"client_certificate": ONE.certificate}, "tls.clientKey", "has to be given, or taken away, together with"),
        ({"client_key": ONE.key}, "tls.clientCertificate", "has to be given, or taken away, together with"),
        ({"client_certificate": "x", "client_key": ONE.key}, "tls.clientCertificate", "does not hold certificates"),
        ({"client_certificate": ONE.certificate, "client_key": "x"}, "tls.clientKey", "does not hold a private key"),
        (
            {"client_certificate": ONE.certificate, "client_key": ONE.certificate},
            "tls.clientKey",
            "does not hold a private key",
        ),
        ({"client_certificate": ONE.certificate, "client_key": locked(ONE.key)}, "tls.clientKey", "not be encrypted"),
        ({"client_certificate": ONE.certificate, "client_key": SHORT}, "tls.clientKey", "at least 2048 bits"),
        ({"client_certificate": ONE.certificate, "client_key": OTHER.key}, "tls.clientKey", "is not the key of"),
    ],
)
def test_what_cannot_serve_is_refused(fields: dict[str, Any], named: str, says: str) -> None:
    """At registration and in a change, naming the field and quoting nothing of a key."""
    for make in (lambda: replace(PLAIN, **fields), lambda: Change(**fields)):
        with pytest.raises(Refused) as caught:
            make()

        [issue] = caught.value.issues
        assert (issue.subject, says in issue.description) == (named, True), issue
        assert "PRIVATE KEY-----" not in issue.description


def test_both_of_a_pair_are_taken_away_together() -> None:
    """One alone would leave the other without use."""
    with pytest.raises(Refused, match=r"tls\.clientKey: has to be given, or taken away"):
        Change(client_certificate="")
    with pytest.raises(Refused, match=r"tls\.clientCertificate: has to be given, or taken away"):
        Change(client_key="")
    change = Change(client_certificate="", client_key="")

    assert change.given() == {"client_certificate": "", "client_key": ""}


def test_nothing_but_certificates_is_kept_of_a_text() -> None:
    """A key that was pasted along would be kept unsealed; so would comments."""
    pasted = f"my certificate\n{ONE.certificate}\n{ONE.key}"

    registration = replace(
        PLAIN, ca_bundle=pasted, client_certificate=pasted, client_key=f"{ONE.key}\n{ONE.certificate}"
    )

    assert registration.ca_bundle == registration.client_certificate == certificates.certificates(ONE.certificate)
    assert "PRIVATE" not in registration.client_certificate
    assert registration.client_key.startswith("-----BEGIN PRIVATE KEY-----")
    assert registration.client_key.count("BEGIN") == 1


@pytest.mark.parametrize("kind", list(trustme.KeyType))
def test_a_pair_is_known(kind: trustme.KeyType) -> None:
    """RSA and elliptic curves; the first certificate of a chain is the one that counts."""
    made = issued("pair.example", key_type=kind)

    assert certificates.matches(made.certificate + made.authority, certificates.key(made.key))
    assert not certificates.matches(made.authority + made.certificate, certificates.key(made.key))
    assert not certificates.matches(made.certificate, text(ed25519.Ed25519PrivateKey.generate()))


def test_what_is_told_of_a_certificate() -> None:
    """Its subject, its dates and its fingerprint, as other tools show them."""
    [shown] = certificates.shown(ONE.certificate)
    read = x509.load_pem_x509_certificate(ONE.certificate.encode())

    assert (shown.subject, shown.not_after) == (read.subject.rfc4514_string(), read.not_valid_after_utc)
    assert len(bytes.fromhex(shown.fingerprint)) == 32
    assert certificates.shown("") == []
    assert "PRIVATE" not in repr(ONE.trust())


@pytest.mark.parametrize(
    ("days", "says"),
    [(5, None), (-2, "that expired on "), (12, "that is not valid before ")],
    ids=["now", "past", "coming"],
)
@pytest.mark.parametrize("column", ["ca_bundle", "client_certificate"])
def test_certificates_have_to_hold_now(column: str, days: int, says: str | None) -> None:
    """Whichever is out of date is named; the clock is told."""
    made = issued("dated.example", days=days)
    pair = Change(client_certificate=made.certificate, client_key=made.key)
    change = Change(ca_bundle=made.certificate) if column == "ca_bundle" else pair

    try:
        webhook.check_times(change, datetime.now(UTC))
        told = None
    except Refused as error:
        [issue] = error.issues
        told = issue

    assert (told is None) == (says is None)
    if told is not None and says is not None:
        assert (told.subject, says in told.description) == (webhook.wire_name(column), True)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("https://hook.example/a", "https://HOOK.example:443/token?x=1", True),
        ("http://hook.example", "http://hook.example:80/", True),
        ("https://hook.example/", "http://hook.example:443/", False),
        ("https://hook.example/", "https://hook.example:8443/", False),
        ("https://hook.example/", "https://hook.example.org/", False),
        ("https://[::1", "https://[::1", False),
    ],
)
def test_an_origin_is_scheme_host_and_port(one: str, other: str, same: bool) -> None:
    """Scheme, host and port; what cannot be read is nobody's."""
    assert origins.same(one, other) is same


@pytest.mark.parametrize(("host", "shared"), [("hook.example", True), ("login.example", False)])
async def test_a_worker_gets_it_unsealed(database: Database, clock: Clock, host: str, shared: bool) -> None:
    """The key is sealed in the row; the token endpoint gets the trust at the destination's own origin alone."""
    webhook_store = WebhookStore(Vault([("one", b"1" * 32)]))
    asked = replace(
        PLAIN,
        auth_type="Oauth",
        client_id="one",
        client_secret="two",
        issuer_url=f"https://{host}/token",
        ca_bundle=ONE.authority,
        client_certificate=ONE.certificate,
        client_key=ONE.key,
    )
    async with database.transaction() as connection:
        made = await webhook_store.insert(connection, asked, OWNER, now=clock())
    async with database.raw() as connection:
        sealed = await connection.fetchval("SELECT client_key FROM webhooks")
        hook = (await webhook_store.hooks(connection, [made.id]))[made.id]

    expected = TlsOptions(
        ca_bundle=asked.ca_bundle, client_certificate=asked.client_certificate, client_key=asked.client_key
    )
    assert hook.oauth_client is not None
    assert (hook.trust, hook.oauth_client.trust) == (expected, expected if shared else None)
    assert b"PRIVATE KEY" not in sealed
    assert (made.ca_bundle, made.client_certificate) == (asked.ca_bundle, asked.client_certificate)


async def test_what_is_taken_away_is_gone(database: Database, clock: Clock) -> None:
    """Empty ones leave nothing behind, and a webhook without is sent to as ever."""
    webhook_store = WebhookStore(Vault([("one", b"1" * 32)]))
    asked = replace(PLAIN, client_certificate=ONE.certificate, client_key=ONE.key)
    gone = Change(client_certificate="", client_key="")
    async with database.transaction() as connection:
        made = await webhook_store.insert(connection, asked, OWNER, now=clock())
        after = await webhook_store.update(connection, made.id, gone, now=clock())
    async with database.raw() as connection:
        hook = (await webhook_store.hooks(connection, [made.id]))[made.id]
        sealed = await connection.fetchval("SELECT client_key FROM webhooks")

    assert webhook.raises_epoch(made, gone)
    assert (after.client_certificate, sealed, hook.trust) == ("", None, None)


@pytest.mark.parametrize(
    ("change", "decisive"),
    [
        (Change(ca_bundle=ONE.authority), True),
        (Change(ca_bundle=""), False),
        (Change(client_certificate=ONE.certificate, client_key=ONE.key), True),
    ],
)
def test_a_change_asks_for_a_new_challenge(change: Change, decisive: bool) -> None:
    """As any other change of credentials does (protocol.md 6.1)."""
    assert webhook.raises_epoch(KEPT, change) is decisive

"""Whom a webhook trusts beside the public authorities, and what it shows to be trusted itself: PEM, vetted.

Keeping it is left to `webhook_store.py`, using it to the wire.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeVar

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes

#: Characters of each PEM text.
LONGEST = 16384
#: OpenSSL refuses shorter RSA keys on its usual security level.
LEAST_RSA_BITS = 2048

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class TlsOptions:
    """What one webhook's TLS connections need beside what all have; each is empty where there is none."""

    #: Further authorities that its destination may be signed by.
    ca_bundle: str = ""
    #: What it shows who asks: the certificate, then those that lead from it to an authority.
    client_certificate: str = ""
    #: Its private key, without a password.
    client_key: str = field(default="", repr=False)


@dataclass(frozen=True, kw_only=True)
class ShownCertificate:
    """What may be told of a certificate."""

    #: As RFC 4514 writes it: `CN=hooks.example.com,O=Example`.
    subject: str
    not_before: datetime
    not_after: datetime
    #: SHA-256, in lower-case hexadecimal digits.
    fingerprint: str


def certificates(pem: str) -> str:
    """The certificates of a PEM text and nothing else of it, an unsealed key least of all; raises ValueError saying why not."""
    found = _parsed(pem, x509.load_pem_x509_certificates, "does not hold certificates in PEM")
    return "".join(each.public_bytes(serialization.Encoding.PEM).decode() for each in found)


def key(pem: str) -> str:
    """The private key of a PEM text as PKCS#8; raises ValueError, which never quotes it."""
    private = _parsed(pem, _private, "does not hold a private key in PEM")
    if isinstance(private, rsa.RSAPrivateKey) and private.key_size < LEAST_RSA_BITS:
        raise ValueError(f"must have at least {LEAST_RSA_BITS} bits, and has {private.key_size}")
    plain = serialization.NoEncryption()
    return private.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain).decode()


def matches(certificate_pem: str, key_pem: str) -> bool:
    """Whether the key is the first certificate's; both as `certificates` and `key` gave them."""
    public = x509.load_pem_x509_certificates(certificate_pem.encode())[0].public_key()
    return _spki(public) == _spki(_private(key_pem.encode()).public_key())


def shown(pem: str) -> list[ShownCertificate]:
    """What may be told of each certificate of a text that `certificates` gave; none of an empty one."""
    found = x509.load_pem_x509_certificates(pem.encode()) if pem else []
    return [
        ShownCertificate(
            subject=each.subject.rfc4514_string(),
            not_before=each.not_valid_before_utc,
            not_after=each.not_valid_after_utc,
            fingerprint=each.fingerprint(hashes.SHA256()).hex(),
        )
        for each in found
    ]


def untimely(listed: Sequence[ShownCertificate], now: datetime) -> str | None:
    """Which of the certificates does not hold now, as a sentence; None where all do."""
    for each in listed:
        if each.not_after < now:
            return f"holds a certificate ({each.subject}) that expired on {each.not_after:%Y-%m-%d}"
        if now < each.not_before:
            return f"holds a certificate ({each.subject}) that is not valid before {each.not_before:%Y-%m-%d}"
    return None


def _parsed(pem: str, parse: Callable[[bytes], T], otherwise: str) -> T:
    if len(pem) > LONGEST:
        raise ValueError(f"must have at most {LONGEST} characters, and has {len(pem)}")
    try:
        return parse(pem.encode())
    except TypeError:
        raise ValueError("must not be encrypted: the vault seals it") from None
    except (ValueError, UnsupportedAlgorithm):
        raise ValueError(otherwise) from None


def _private(pem: bytes) -> PrivateKeyTypes:
    return serialization.load_pem_private_key(pem, None)


def _spki(public: object) -> bytes:
    encoded: bytes = public.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)  # type: ignore[attr-defined]
    return encoded

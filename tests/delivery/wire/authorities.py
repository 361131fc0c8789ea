"""Certificates that tests make: authorities, what they sign, and keys. Sending with them is left to the tests."""

import asyncio
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Self

import trustme

from subscriptions.webhooks.certificates import TlsOptions
from tests.receiver import Receiver


@dataclass(frozen=True)
class Issued:
    """A certificate with its key, and the authority that signed it, in PEM."""

    certificate: str
    key: str
    authority: str

    def trust(self, ca_bundle: str = "") -> TlsOptions:
        return TlsOptions(ca_bundle=ca_bundle, client_certificate=self.certificate, client_key=self.key)


@cache
def issued(name: str = "client.example", *, days: int = 5, key_type: trustme.KeyType = trustme.KeyType.ECDSA) -> Issued:
    """From an authority of its own; valid for ten days that end so many days from now."""
    authority = trustme.CA()
    until = datetime.now(UTC) + timedelta(days=days)
    made = authority.issue_cert(name, not_before=until - timedelta(days=10), not_after=until, key_type=key_type)
    chain = "".join(blob.bytes().decode() for blob in made.cert_chain_pems)
    return Issued(chain, made.private_key_pem.bytes().decode(), authority.cert_pem.bytes().decode())


class Gate(Receiver):
    """A receiver that lets nobody in without a certificate of this authority."""

    def __init__(self, authority: str, *, names: Sequence[str] = ("127.0.0.1",)) -> None:
        super().__init__({"*": ("first", "second")}, names=names)
        self._authority = authority
        #: Whom each connection's certificate was made out to.
        self.callers: list[str] = []

    async def __aenter__(self) -> Self:
        await super().__aenter__()
        self.context.verify_mode = ssl.CERT_REQUIRED
        self.context.load_verify_locations(cadata=self._authority)
        return self

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.callers += [name for _, name in writer.get_extra_info("peercert")["subjectAltName"]]
        await super()._connected(reader, writer)

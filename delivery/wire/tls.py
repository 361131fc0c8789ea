"""TLS towards destinations: always verified, 1.2 at least, by the public authorities and those that were added.

Which name a certificate has to carry is said by who connects; what a webhook may add is left to
`subscriptions.webhooks.certificates`.
"""

import asyncio
import secrets
import ssl
import tempfile
from collections import OrderedDict

import httpx
from cryptography.hazmat.primitives import serialization

from subscriptions.ground.errors import Misconfigured
from subscriptions.webhooks.certificates import TlsOptions

#: Contexts of webhooks that are kept; each holds a megabyte of authorities, and takes 50 ms to make.
CONTEXTS = 128


class Contexts:
    """The contexts of one loop: one for all, and those of webhooks with a trust of their own."""

    def __init__(self, ca_bundle: str = "", *, most: int = CONTEXTS) -> None:
        """`ca_bundle` is the path of further authorities in PEM; raises Misconfigured when it cannot be read."""
        self._most = most
        self._ca_bundle = ca_bundle
        self._usual = _context(ca_bundle)
        self._kept: OrderedDict[TlsOptions, ssl.SSLContext] = OrderedDict()
        #: Many connections that miss a context at once make it once.
        self._making = asyncio.Lock()

    async def of(self, trust: TlsOptions | None) -> ssl.SSLContext:
        """The context for a trust, the usual one for None; raises ssl.SSLError where OpenSSL cannot use what it holds."""
        if trust is None:
            return self._usual
        if trust not in self._kept:
            async with self._making:
                if trust not in self._kept:
                    self._kept[trust] = await asyncio.to_thread(_trusting, self._ca_bundle, trust)
        self._kept.move_to_end(trust)
        context = self._kept[trust]
        if len(self._kept) > self._most:
            self._kept.popitem(last=False)
        return context


def _context(ca_bundle: str) -> ssl.SSLContext:
    # The list that comes with httpx makes a bare container work; the system's own is where operators add theirs.
    context = httpx.create_ssl_context(trust_env=False)
    context.load_default_certs()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    if ca_bundle:
        try:
            context.load_verify_locations(cafile=ca_bundle)
        except (OSError, ssl.SSLError) as error:
            raise Misconfigured(f"the CA bundle {ca_bundle} cannot be read: {error}") from None
    return context


def _trusting(ca_bundle: str, trust: TlsOptions) -> ssl.SSLContext:
    context = _context(ca_bundle)
    if trust.ca_bundle:
        context.load_verify_locations(cadata=trust.ca_bundle)
    if trust.client_certificate:
        _show(context, trust)
    return context


def _show(context: ssl.SSLContext, trust: TlsOptions) -> None:
    # OpenSSL reads keys from files alone. The file is ours only, gone at once, and sealed with a password that never
    # touches the disk.
    password = secrets.token_bytes(32).hex()
    key = serialization.load_pem_private_key(trust.client_key.encode(), None).private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(password.encode()),
    )
    with tempfile.NamedTemporaryFile(prefix="hooklake-") as file:
        file.write(trust.client_certificate.encode() + b"\n" + key)
        file.flush()
        context.load_cert_chain(file.name, password=password)

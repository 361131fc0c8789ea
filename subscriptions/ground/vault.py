"""Secrets at rest: sealed with AES-256-GCM under keys that rotate, bound to where they are kept.

What is sealed is left to those who keep it, sealing it again after a rotation to `key_rotation.py`.
"""

import base64
import binascii
import os
from collections.abc import Sequence

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from subscriptions.ground.errors import Misconfigured, Sealed

KEY_BYTES = 32
NONCE_BYTES = 12
TAG_BYTES = 16
LONGEST_ID = 64

SETTING = "HOOKLAKE_VAULT_KEYS"
RECIPE = "`openssl rand -base64 32` makes one"


class Vault:
    """Seals with the first key and unseals with any.

    Sealed bytes are: length of the key's id (1 byte), the id, nonce (12), ciphertext and tag (16). Nonces are drawn
    here, not told: a repeated one would break the seal. Drawn at random, GCM bears some 4 billion of them per key.
    """

    def __init__(self, keys: Sequence[tuple[str, bytes]]) -> None:
        """From (id, key of 32 bytes) pairs, the sealing one first; raises Misconfigured where they cannot serve."""
        if not keys:
            raise Misconfigured(f"{SETTING} holds no key: it is `id:base64(32 bytes)`, comma-separated; {RECIPE}")
        self._keys: dict[str, AESGCM] = {}
        for key_id, key in keys:
            _check(key_id, key)
            if key_id in self._keys:
                raise Misconfigured(f"{SETTING} names the key {key_id!r} twice")
            self._keys[key_id] = AESGCM(key)
        self._sealing = keys[0][0]
        self._header = _header(self._sealing)

    @classmethod
    def parse(cls, text: str) -> "Vault":
        """From `id:base64,...`, as the environment has it; raises Misconfigured, which never quotes a key."""
        return cls([_pair(part.strip()) for part in text.split(",") if part.strip()])

    def seal(self, text: str, *, context: bytes) -> bytes:
        """`text` sealed for `context`, the name of its place (`webhook:<id>:secret`), which unsealing has to repeat."""
        nonce = os.urandom(NONCE_BYTES)
        return self._header + nonce + self._keys[self._sealing].encrypt(nonce, text.encode(), context)

    def unseal(self, sealed: bytes, *, context: bytes) -> str:
        """What was sealed for the same `context`; raises Sealed where the key is missing or the bytes were changed."""
        key_id, rest = _split(sealed)
        key = self._keys.get(key_id)
        if key is None:
            raise Sealed(f"sealed with the key {key_id!r}, which is not in {SETTING}")
        try:
            return key.decrypt(rest[:NONCE_BYTES], rest[NONCE_BYTES:], context).decode()
        except InvalidTag:
            raise Sealed(f"sealed with another key of the id {key_id!r}, changed since, or kept elsewhere") from None

    @property
    def sealing(self) -> str:
        """The id of the key that seals."""
        return self._sealing

    @property
    def ids(self) -> frozenset[str]:
        """The ids of the keys that unseal."""
        return frozenset(self._keys)

    def needs_resealing(self, sealed: bytes) -> bool:
        """Whether another key than the first sealed it; raises Sealed where it is not a sealed text at all."""
        return _split(sealed)[0] != self._sealing


def _header(key_id: str) -> bytes:
    name = key_id.encode()
    return bytes([len(name)]) + name


def _split(sealed: bytes) -> tuple[str, bytes]:
    """The key's id, and nonce with ciphertext."""
    end = 1 + sealed[0] if sealed else 0
    if len(sealed) < end + NONCE_BYTES + TAG_BYTES:
        raise Sealed("these are not the bytes of a sealed text: they are too short")
    try:
        return sealed[1:end].decode(), sealed[end:]
    except UnicodeDecodeError:
        raise Sealed("these are not the bytes of a sealed text: the key's id is not readable") from None


def _pair(part: str) -> tuple[str, bytes]:
    key_id, colon, encoded = part.partition(":")
    if not colon:
        raise Misconfigured(f"{SETTING} has an entry without an id: each is `id:base64(32 bytes)`")
    try:
        return key_id.strip(), base64.b64decode(encoded.strip(), validate=True)
    except binascii.Error:
        raise Misconfigured(f"{SETTING}: the key {key_id!r} is not base64; {RECIPE}") from None


def _check(key_id: str, key: bytes) -> None:
    if not 1 <= len(key_id) <= LONGEST_ID or not key_id.isascii() or not key_id.isprintable():
        raise Misconfigured(f"{SETTING}: the id {key_id!r} is not 1 to {LONGEST_ID} printable ASCII characters")
    if len(key) != KEY_BYTES:
        raise Misconfigured(f"{SETTING}: the key {key_id!r} has {len(key)} bytes, not {KEY_BYTES}; {RECIPE}")

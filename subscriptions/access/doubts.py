"""Tokens that are not believed: why, in words of ours, and how often their signatures may be tried.

To check a signature costs a fifth of a millisecond, and whoever forges one pays nothing. What a token says is left to
`access_tokens.py` and `openid.py`.
"""

import hashlib
from collections import OrderedDict
from datetime import datetime
from typing import Protocol

import jwt

from subscriptions.ground.errors import TooSoon, Unauthorized

#: Tokens that are known to be wrong, at some 200 bytes each: a digest, and one of a few reasons.
WRONG = 5000
#: Failures of a client that are forgiven, as it is told; the brake has more to say.
TRIES = 10

FORM = "it is not a JWT, which has three parts with dots between: send all of the access_token, and nothing around it"
EXPIRED = "it has expired: ask for a new one"
KEY = "it is signed with a key that is not known: ask for a new one"


class Hopeless(Unauthorized):
    """A token was checked, and will never be good."""

    def __init__(self, reason: str) -> None:
        super().__init__(_said(reason))
        self.reason = reason


class Forged(Hopeless):
    """Its signature is not that of its key."""


class Brake(Protocol):
    """Counts what fails, by the client that is claimed and the address."""

    def wait(self, client: str, address: str, now: datetime) -> int:
        """Whole seconds until this client may be tried from this address again; 0: at once."""

    def failed(self, client: str, address: str, now: datetime) -> None:
        """It failed."""

    def succeeded(self, client: str, address: str) -> None:
        """It went well."""


class Doubts:
    """Whose tokens are checked at all: an address that sends one forged token after the other waits, but for clients that were
    believed from there; a token that was wrong once is so without another look."""

    def __init__(self, brake: Brake | None = None) -> None:
        self._brake = brake
        #: Why each is wrong, the one that was found out last at the end.
        self._wrong: OrderedDict[bytes, str] = OrderedDict()

    def __len__(self) -> int:
        """How many wrong tokens are in memory."""
        return len(self._wrong)

    def vet(self, token: str, address: str, now: datetime) -> None:
        """Raises Hopeless for a token that was wrong before, TooSoon where too many of the address were forged."""
        if (reason := self._wrong.get(_digest(token))) is not None:
            raise Hopeless(reason)
        if self._brake is not None and (seconds := self._brake.wait(claimed(token), address, now)):
            said = f"Too many tokens with wrong signatures came from this address: try again in {seconds} s"
            raise TooSoon(said, limit=TRIES, seconds=seconds)

    def wrong(self, token: str, address: str, found: Hopeless, now: datetime) -> None:
        """Remembers it, and counts it where it is forged."""
        self._wrong[_digest(token)] = found.reason
        if len(self._wrong) > WRONG:
            self._wrong.popitem(last=False)
        if self._brake is not None and isinstance(found, Forged):
            self._brake.failed(claimed(token), address, now)

    def right(self, client: str, address: str) -> None:
        """A token of this client was right, or is given to it."""
        if self._brake is not None:
            self._brake.succeeded(_short(client), address)

    def clear(self) -> None:
        """The keys are others: nothing is known to be wrong."""
        self._wrong.clear()


def claimed(token: str) -> str:
    """The client that a token claims to be of, as a digest; empty for a token that names none."""
    try:
        return _short(str(jwt.decode(token, options={"verify_signature": False}).get("sub")))
    except jwt.InvalidTokenError:
        return ""


def why(error: jwt.InvalidTokenError) -> Unauthorized:
    """The refusal of a token, for what the library says of it."""
    if isinstance(error, jwt.InvalidSignatureError):
        return Forged("its signature is wrong: it was changed on its way, or is made up. Ask for a new one")
    if isinstance(error, jwt.InvalidAlgorithmError):
        return invalid("it is signed with an algorithm that is not taken")
    if isinstance(error, jwt.InvalidAudienceError):
        return Hopeless("its claim aud does not name this service: it was made for another one")
    if isinstance(error, jwt.InvalidIssuerError):
        return Hopeless("its claim iss names nobody who is believed here: it was made elsewhere")
    if isinstance(error, jwt.MissingRequiredClaimError):
        return Hopeless(f"its claim {error.claim} is missing")
    return invalid(FORM)


def invalid(reason: str) -> Unauthorized:
    """The refusal of a token that costs little to look at, or may yet become good."""
    return Unauthorized(_said(reason))


def _said(reason: str) -> str:
    """In GreenLake's words (greenlake.md 1.8)."""
    return f"Invalid JWT token in Request: {reason}"


def _short(client: str) -> str:
    return hashlib.blake2b(client.encode(errors="surrogatepass"), digest_size=16).hexdigest()


def _digest(token: str) -> bytes:
    return hashlib.blake2b(token.encode(errors="surrogatepass"), digest_size=16).digest()

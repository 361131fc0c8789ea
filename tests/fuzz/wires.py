"""What must hold of any URL that is registered, any answer that comes back, and any body that is signed.

Each check answers in a word or two what became of the input; the words tell inputs apart.
"""

import base64
import hashlib
import hmac
import ipaddress
import re
import socket
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

import httpx
import yarl

from delivery.judgement import outcome, pace, retry
from delivery.judgement.outcome import LONGEST_WAIT
from delivery.judgement.retry import GiveUp, Progress, RetryAt, Schedule
from delivery.wire import challenge, sender, signing, tokens
from delivery.wire.guard import MAX_URL, Blocked, Guard
from delivery.wire.parcels import Failure, FailureKind, Reply
from subscriptions.ground.errors import Refused
from tests.fuzz.texts import sentence

NOW = datetime(2026, 5, 4, 12, 30, tzinfo=UTC)
GUARD = Guard()
SCHEDULE = Schedule(delays=(5.0, 300.0), window=43200.0, jitter=0.1, floor=300.0)
SECRETS = ("a secret", "sécond")
ORIGIN = "https://hooklake.example"

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


def any_url(raw: bytes) -> str:
    """Refused in a sentence, or of one meaning: all parsers see the same host, and none of them a closed address."""
    text = raw.decode(errors="replace")
    _vetted_alone(text)
    try:
        GUARD.check_url(text)
    except Refused as error:
        return sentence(error)
    assert len(text) <= MAX_URL
    assert not re.search(r"[\s\x00-\x20\x7f\\#]", text)
    parsed, plain, other = httpx.URL(text), urlsplit(text), yarl.URL(text)
    assert (parsed.scheme, plain.scheme, other.scheme) == ("https",) * 3
    assert not any((parsed.userinfo, plain.username, plain.password, other.user, other.password))
    host = parsed.raw_host.decode("ascii")
    assert host == (other.raw_host or "")
    assert plain.hostname is not None
    for spelling in {host, parsed.host, plain.hostname, other.host or ""}:
        address = _as_resolvers_read(spelling)
        assert address is None or _public(address), (spelling, address)
    assert plain.hostname.isascii() is False or plain.hostname.lower() == host.lower()
    assert plain.port in (None, parsed.port, other.port, 443)
    return "address" if _as_resolvers_read(host) else "name"


def _vetted_alone(text: str) -> None:
    try:
        GUARD.check_address(text, "example.com")
    except Blocked:
        return
    address = _as_resolvers_read(text.partition("%")[0])
    assert address is not None, text
    assert _public(address), text


def _as_resolvers_read(host: str) -> Address | None:
    host = host.strip("[]").rstrip(".")
    try:
        return ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        pass
    try:
        return ipaddress.IPv4Address(socket.inet_aton(host))
    except (OSError, UnicodeError, ValueError):
        return None


def _public(address: Address) -> bool:
    """By the registries that Python has, and by the addresses that an IPv6 one carries within."""
    if isinstance(address, ipaddress.IPv6Address):
        inner = [address.ipv4_mapped, address.sixtofour, *(address.teredo or ())]
        if address in ipaddress.IPv6Network("64:ff9b::/96"):
            inner.append(ipaddress.IPv4Address(int(address) & 0xFFFFFFFF))
        return (address.is_global or bool(inner)) and all(_public(each) for each in inner if each is not None)
    return address.is_global and not address.is_multicast and not address.is_reserved


def any_retry_after(raw: bytes) -> str:
    """A bounded wait or none, whatever the headers say, one to a line; and a next attempt within the window."""
    values = raw.decode("latin-1").split("\n")
    came = outcome.of_reply(503, values, policy="standard", now=NOW)
    asked = came.retry_after
    assert asked is None or 0 <= asked <= LONGEST_WAIT
    digits = [int(value.strip()) for value in values if re.fullmatch(r"[0-9]{1,300}", value.strip(), re.ASCII)]
    waits = [number for number in digits if number <= LONGEST_WAIT]
    assert not waits or (asked is not None and asked >= max(waits))
    progress = Progress(attempts=1, first_try_at=NOW, halted=0.0)
    for chance in (0.0, 0.999):
        match retry.step(came, progress, SCHEDULE, now=NOW, chance=chance):
            case RetryAt(when=when):
                assert NOW < when <= NOW + timedelta(seconds=SCHEDULE.window)
            case GiveUp():
                raise AssertionError("a regular time was left")
    return "none" if asked is None else "longest" if asked == LONGEST_WAIT else "some" if asked else "zero"


def any_answer(raw: bytes) -> str:
    """Headers, an empty line and a body: judged as a challenge's answer, as terms and as a packed body, never raising."""
    head, _, body = raw.partition(b"\n\n")
    lines = (line.partition(":") for line in head.decode("latin-1").split("\n"))
    headers = tuple((name, value.strip()) for name, _, value in lines)
    verdict = challenge.judge(
        Reply(status=200, headers=headers, body=body, truncated=False), challenge="a question", secrets=SECRETS
    )
    assert (
        isinstance(verdict, challenge.Unverified) or signing.answer(SECRETS[0], "a question").encode() in body.lower()
    )
    terms = pace.terms(200, headers, origin=ORIGIN)
    assert terms.rate is None or terms.rate is pace.KEEP or terms.rate == -1 or 1 <= terms.rate <= pace.MOST
    assert terms.origin in (ORIGIN, "", pace.KEEP)
    encoding = next((value for name, value in headers if name.lower() == "content-encoding"), "")
    plain, longer = sender.inflated(body, encoding, 1000)
    assert len(plain) <= max(1000, len(body))
    return f"{type(verdict).__name__} {type(terms.rate).__name__} {terms.origin!r} {plain == body} {longer}"


def any_token(raw: bytes) -> str:
    """A status, if one is named, a line's end and what a token endpoint answered: a token for a while, or a reason in words."""
    status, _, body = raw.rpartition(b"\n")
    named = int(status) if re.fullmatch(rb"[1-9][0-9][0-9]", status) else 200
    answer = Reply(status=named, headers=(), body=body, truncated=False)
    found = tokens.token_of(answer, now=NOW, basic=False, secret=SECRETS[0])
    if isinstance(found, Failure):
        assert found.kind is FailureKind.token
        assert found.cause.isprintable()
        assert SECRETS[0] not in found.cause
        return re.split(r" [1-9][0-9][0-9]", found.cause)[0]
    assert re.fullmatch(r"[!-~]+", found.value)
    assert NOW <= found.renew_at < NOW + timedelta(seconds=tokens.LONGEST)
    return "a token"


def any_body(raw: bytes) -> str:
    """Signed by both families with both secrets, as their documents have it."""
    headers = dict(signing.sign(raw, parcel_id="one", secrets=SECRETS, now=NOW))
    stamp = int(NOW.timestamp())
    keys = [secret.encode() for secret in SECRETS]
    for name, key in zip(("HPE-Webhook-Signature", "HPE-Webhook-Signature2"), keys, strict=True):
        assert headers[name] == "sha256=" + hmac.new(key, raw, hashlib.sha256).hexdigest()
    digests = (hmac.new(key, b"one.%d.%b" % (stamp, raw), hashlib.sha256).digest() for key in keys)
    assert headers["webhook-signature"] == " ".join("v1," + base64.b64encode(digest).decode() for digest in digests)
    assert (headers["webhook-id"], headers["webhook-timestamp"]) == ("one", str(stamp))
    return "signed"

"""Why there was no answer: the errors of an exchange as a kind and a sentence for people.

What follows from them is left to `delivery.judgement`.
"""

import errno
import logging
import os
import socket
import ssl

from delivery.wire.answers import NotHttp
from delivery.wire.dialling import Dial, Unconnected
from delivery.wire.exchange import HungUp, Unacknowledged
from delivery.wire.guard import Blocked
from delivery.wire.parcels import Failure, FailureKind
from delivery.wire.proxy import ProxyError
from subscriptions.ground.errors import Refused

_BROKEN = frozenset({errno.ECONNRESET, errno.ECONNABORTED, errno.EPIPE})
#: OpenSSL's codes of certificates that no known authority signed: by themselves, within the chain, and by one that is missing.
_UNKNOWN_AUTHORITIES = frozenset({18, 19, 20, 21})
UNKNOWN_AUTHORITY = " (the webhook's tls.caBundle can name its authority)"
#: OpenSSL's words for what is no TLS at all: mostly HTTP.
_NO_TLS = frozenset({"WRONG_VERSION_NUMBER", "HTTP_REQUEST", "RECORD_LAYER_FAILURE", "PACKET_LENGTH_TOO_LONG"})
PLAIN = " (does it speak http, without TLS?)"
_log = logging.getLogger("hooklake.wire")


def explain(error: Exception, dial: Dial, *, connect: float, deadline: float) -> Failure:
    """What went wrong, as a kind and a sentence; `dial` knows how far it came, the time-outs are seconds."""
    if dial.lacks and isinstance(error, TimeoutError):
        return Failure(kind=FailureKind.internal, cause=f"internal error: no room for another connection: {dial.lacks}")
    kind, cause = _cause(error, dial, connect, deadline)
    if isinstance(error, Blocked):
        _log.info("wire.blocked host=%s address=%s", error.host, error.address)
    elif inside := dial.inside():
        _log.info("wire.failed host=%s port=%d %s cause=%r", dial.host, dial.port, inside, cause)
    return internal(error) if kind is FailureKind.internal else Failure(kind=kind, cause=cause)


def internal(error: Exception) -> Failure:
    """A fault of our own, which is logged: the attempt that it ended is recorded and repeated like any other."""
    _log.error("wire.internal", exc_info=error)
    return Failure(kind=FailureKind.internal, cause=f"internal error: {type(error).__name__}")


def _cause(error: Exception, dial: Dial, connect: float, deadline: float) -> tuple[FailureKind, str]:
    match error:
        case Blocked():
            return FailureKind.blocked, error.cause
        case Refused():
            return FailureKind.blocked, "; ".join(issue.description for issue in error.issues)
        case NotHttp():
            return FailureKind.protocol, f"the answer is not HTTP: {_line(str(error))}"
        case HungUp(begun=True):
            return FailureKind.reset, f"connection closed by {dial.where()} in the middle of the answer"
        case HungUp() if dial.kept:
            return FailureKind.stale, f"kept connection closed by {dial.where()} before an answer"
        case HungUp():
            return FailureKind.reset, f"connection closed by {dial.where()} before an answer"
        case ConnectionError() if dial.kept:
            # Once an answer has begun, this is HungUp too.
            return FailureKind.stale, f"kept connection reset by {dial.where()} before an answer"
        case Unacknowledged():
            cause = f"the request was not acknowledged by {dial.where()} within {error.seconds:g} s"
            # A path that has just been made stands; one that was kept may have been forgotten on the way.
            return (FailureKind.unacknowledged if dial.kept else FailureKind.timeout), cause
        case TimeoutError() if error.errno is None:
            if dial.connected_after is None:
                return FailureKind.timeout, f"no connection to {dial.where()} within {min(connect, deadline):g} s"
            since = f"connected after {dial.connected_after:.1f} s"
            return FailureKind.timeout, f"no answer within {deadline:g} s ({since})"
        case socket.gaierror():
            why = "cannot be resolved at the moment" if error.errno == socket.EAI_AGAIN else "does not resolve"
            return FailureKind.name, f"name {dial.host} {why}"
        case ssl.SSLCertVerificationError():
            hint = UNKNOWN_AUTHORITY if error.verify_code in _UNKNOWN_AUTHORITIES else ""
            return FailureKind.tls, f"certificate verify failed: {_line(error.verify_message)}{hint}"
        case ssl.SSLError():
            what = "connection to" if dial.connected_after is not None else "handshake with"
            return FailureKind.tls, f"TLS {what} {dial.where()} failed: {_tls_reason(error)}{_plain(error)}"
        case ProxyError():
            return FailureKind.refused, _line(str(error))
        case OSError():
            return _os_cause(error, dial)
    return FailureKind.internal, ""


def _os_cause(error: OSError, dial: Dial) -> tuple[FailureKind, str]:
    if error.errno == errno.ECONNREFUSED:
        return FailureKind.refused, f"connection refused by {dial.where()}"
    if error.errno == errno.ETIMEDOUT:
        return FailureKind.timeout, f"{dial.where()} did not respond"
    if isinstance(error, Unconnected):
        return FailureKind.refused, _line(str(error))
    if error.errno not in _BROKEN and error.errno is not None:
        return FailureKind.refused, f"{dial.where()} cannot be reached: {os.strerror(error.errno)}"
    when = "while connecting" if dial.connected_after is None else "before the answer was complete"
    return FailureKind.reset, f"connection reset by {dial.where()} {when}"


def _tls_reason(error: ssl.SSLError) -> str:
    return error.reason.replace("_", " ").lower() if isinstance(error.reason, str) else _line(str(error))


def _plain(error: ssl.SSLError) -> str:
    return PLAIN if error.reason in _NO_TLS else ""


def _line(text: str) -> str:
    """The first line of a library's message, of bearable length and printable."""
    first = (text.strip().splitlines() or ["no details"])[0]
    return "".join(character if character.isprintable() else "?" for character in first)[:200].rstrip(".: ")

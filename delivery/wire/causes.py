"""Why there was no answer: the errors of an exchange as a kind and a sentence for people.

What follows from them is left to `delivery.judgement`.
"""

import errno
import logging
import socket
import ssl

import aiohttp

from delivery.wire.guard import Blocked
from delivery.wire.parcels import Failure, FailureKind
from delivery.wire.transport import Dial
from subscriptions.errors import Refused

_UNREACHABLE = frozenset({errno.EHOSTUNREACH, errno.ENETUNREACH, errno.EADDRNOTAVAIL, errno.EHOSTDOWN, errno.ENETDOWN})
_log = logging.getLogger("hooklake.wire")


def explain(error: Exception, dial: Dial, *, connect: float, deadline: float) -> Failure:
    """What went wrong, as a kind and a sentence; `dial` knows how far it came, the time-outs are seconds."""
    kind, cause = _cause(error, dial, connect, deadline)
    if kind is FailureKind.internal:
        _log.error("wire.internal", exc_info=error)
    return Failure(kind=kind, cause=cause)


def _cause(error: Exception, dial: Dial, connect: float, deadline: float) -> tuple[FailureKind, str]:
    match error:
        case Blocked():
            return FailureKind.blocked, str(error)
        case Refused():
            return FailureKind.blocked, "; ".join(issue.description for issue in error.issues)
        case aiohttp.ConnectionTimeoutError():
            return FailureKind.timeout, f"no connection to {dial.where()} within {connect:g} s"
        case TimeoutError():
            if dial.connected_after is None:
                return FailureKind.timeout, f"no connection to {dial.where()} within {deadline:g} s"
            return (
                FailureKind.timeout,
                f"no answer within {deadline:g} s (connected after {dial.connected_after:.1f} s)",
            )
        case aiohttp.ClientConnectorDNSError():
            passing = getattr(error.os_error, "errno", None) == socket.EAI_AGAIN
            return (
                FailureKind.name,
                f"name {dial.host} {'cannot be resolved at the moment' if passing else 'does not resolve'}",
            )
        case aiohttp.ClientConnectorCertificateError():
            certificate = error.certificate_error
            return (
                FailureKind.tls,
                f"certificate verify failed: {_line(str(getattr(certificate, 'verify_message', certificate)))}",
            )
        case aiohttp.ClientConnectorSSLError():
            return FailureKind.tls, f"TLS handshake with {dial.where()} failed: {_tls_reason(error.os_error)}"
        case aiohttp.ClientPayloadError():
            return _broken_body(error, dial)
        case aiohttp.ClientResponseError():
            return FailureKind.protocol, f"the answer is not HTTP: {_line(error.message.partition(' when reading')[0])}"
        case aiohttp.ServerDisconnectedError():
            return FailureKind.reset, f"connection closed by {dial.where()} before an answer"
        case OSError():
            return _os_cause(error, dial)
    return FailureKind.internal, f"internal error: {type(error).__name__}"


def _os_cause(error: OSError, dial: Dial) -> tuple[FailureKind, str]:
    if isinstance(error.__cause__, ssl.SSLError):
        return FailureKind.tls, f"TLS connection to {dial.where()} failed: {_tls_reason(error.__cause__)}"
    code = error.os_error.errno if isinstance(error, aiohttp.ClientConnectorError) else error.errno
    if code == errno.ECONNREFUSED:
        return FailureKind.refused, f"connection refused by {dial.where()}"
    if code == errno.ETIMEDOUT:
        return FailureKind.timeout, f"{dial.where()} did not respond"
    if code in _UNREACHABLE:
        return FailureKind.refused, f"{dial.where()} cannot be reached: {_line(error.strerror or '')}"
    if dial.connected_after is None and isinstance(error, aiohttp.ClientConnectorError) and code is None:
        # Several addresses that failed in several ways: the text lists them all.
        return FailureKind.refused, f"no address of {dial.host} could be connected to: {_line(str(error.os_error))}"
    when = "while connecting" if dial.connected_after is None else "before the answer was complete"
    return FailureKind.reset, f"connection reset by {dial.where()} {when}"


def _broken_body(error: aiohttp.ClientPayloadError, dial: Dial) -> tuple[FailureKind, str]:
    if dial.connection is not None and "not completed" in str(error):
        return FailureKind.reset, f"connection closed by {dial.where()} in the middle of the answer"
    return FailureKind.protocol, f"the answer's body is not HTTP: {_line(str(error))}"


def _tls_reason(error: BaseException | None) -> str:
    reason = getattr(error, "reason", None)
    return reason.replace("_", " ").lower() if isinstance(reason, str) else _line(str(error))


def _line(text: str) -> str:
    """The first line of a library's message, of bearable length and printable."""
    first = (text.strip().splitlines() or ["no details"])[0]
    return "".join(character if character.isprintable() else "?" for character in first)[:200].rstrip(".: ")

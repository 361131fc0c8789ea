"""What crosses the wire, as values: the parcel that goes, and the reply or the failure that comes of it.

What the bytes say is left to `http_binding` and `onap` of `subscriptions.events`; signatures, which change with each attempt,
to `signing`.
"""

from enum import StrEnum
from uuid import UUID

import msgspec

from subscriptions.events import http_binding, onap
from subscriptions.ground.errors import Issue, Refused

#: How each content mode that sends the envelope as its body is announced (greenlake.md D.5).
MEDIA_TYPES = {"json": "application/json", "structured": "application/cloudevents+json"}
ONAP = "onap"
BATCH_MEDIA_TYPES = {"json": "application/json", "structured": "application/cloudevents-batch+json"}


class Parcel(msgspec.Struct, frozen=True, kw_only=True):
    """What is sent, whatever the attempt."""

    #: The `webhook-id`: our id of the event, or of the batch; the same at every attempt (greenlake.md D.6).
    id: str
    #: Sent to the letter and covered by the signatures.
    body: bytes
    #: Those that describe the body, `Content-Type` among them.
    headers: tuple[tuple[str, str], ...]
    #: It asks the destination something, and may come twice in one attempt; an event may not.
    question: bool = False
    #: The content mode where nothing in the headers tells it.
    unsaid: str = ""


def single(event: UUID, body: bytes, *, content_mode: str) -> Parcel:
    """One event as one parcel; `body` is its structured envelope. Raises Refused for an unknown mode.

    In binary mode the signatures cover the payload alone. An event without data, or with data of no type, is sent
    structured: a webhook's request has a payload and says of what type (cloudevents.md W1). So is, in ONAP's envelope, one
    whose data are no JSON.
    """
    if content_mode == "binary":
        headers, payload = http_binding.encode_binary(body)
        if payload and any(name == "Content-Type" for name, _ in headers):
            return Parcel(id=str(event), body=payload, headers=tuple(headers))
        content_mode = "structured"
    elif content_mode == ONAP:
        if (envelope := onap.written(body)) is not None:
            return _legacy(event, envelope)
        content_mode = "structured"
    media_type = MEDIA_TYPES.get(content_mode)
    if media_type is None:
        modes = ", ".join(f"`{mode}`" for mode in (*MEDIA_TYPES, "binary", ONAP))
        raise Refused(Issue(subject="contentMode", description=f"`{content_mode}` is not one of {modes}"))
    return Parcel(id=str(event), body=body, headers=(("Content-Type", media_type),))


def batch(parcel: UUID, body: bytes, *, content_mode: str) -> Parcel:
    """Several events as one parcel; `body` is the JSON array of their envelopes, closed once (greenlake.md D.5).

    What was closed before its webhook went over to binary mode is sent structured: binary has no batches. So is, of ONAP's
    envelopes, the whole array where one of them cannot be written.
    """
    if content_mode == ONAP and (envelopes := onap.written_batch(body)) is not None:
        return _legacy(parcel, envelopes)
    media_type = BATCH_MEDIA_TYPES.get(content_mode, BATCH_MEDIA_TYPES["structured"])
    return Parcel(id=str(parcel), body=body, headers=(("Content-Type", media_type),))


def bodies(event: UUID, body: bytes, *, batch_of_events: bool) -> list[bytes]:
    """What may have been sent of an event, or a batch, in one content mode or another."""
    if batch_of_events:
        return [body, batch(event, body, content_mode=ONAP).body]
    return [body, *(single(event, body, content_mode=mode).body for mode in ("binary", ONAP))]


def _legacy(id: UUID, body: bytes) -> Parcel:
    headers = (("Content-Type", MEDIA_TYPES["json"]),)
    return Parcel(id=str(id), body=body, headers=headers, unsaid=ONAP)


class Reply(msgspec.Struct, frozen=True, kw_only=True):
    """An answer in HTTP, whatever it says."""

    #: 100-999.
    status: int
    #: As received, in order, duplicates kept.
    headers: tuple[tuple[str, str], ...]
    #: Decompressed, and cut at the cap.
    body: bytes
    #: Whether headers or body were longer than what is kept.
    truncated: bool


class FailureKind(StrEnum):
    """Why there is no answer."""

    timeout = "timeout"
    refused = "refused"
    reset = "reset"
    #: Of a request over a kept connection: something between here and there may have forgotten it.
    unacknowledged = "unacknowledged"
    #: Of a request over a kept connection, which ended before anything of an answer came: the receiver closed it, perhaps
    #: because it had rested, while the request was on its way.
    stale = "stale"
    tls = "tls"
    name = "name"
    blocked = "blocked"
    protocol = "protocol"
    token = "token"
    unsealed = "unsealed"
    unwritable = "unwritable"
    internal = "internal"


class Failure(msgspec.Struct, frozen=True, kw_only=True):
    """No answer, or none that is HTTP."""

    kind: FailureKind
    #: A sentence for people, without capital and full stop: `connection refused by 10.1.2.3:443`.
    cause: str

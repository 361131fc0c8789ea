"""Webhooks as values, and what a registration or a change of one may say.

Keeping them is left to `registry.py`, statuses and challenges to `delivery/greeting.py`, a destination's address to the guard.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from datetime import datetime
from uuid import UUID

from subscriptions.errors import Issue, Refused, Unprocessable

#: What each authType needs beside itself; the spelling is the answered one (greenlake.md D.4).
CREDENTIALS: Mapping[str, tuple[str, ...]] = {
    "": (),
    "APIKey": ("api_key",),
    "Oauth": ("client_id", "client_secret", "issuer_url"),
}
#: Columns that are sealed at rest and never answered.
SECRETS = ("secret", "secondary_secret", "client_secret", "api_key")
#: A change of any of these makes earlier challenges and claims stale (protocol.md, Epoch).
DECISIVE = ("destination", *SECRETS, "auth_type", "client_id", "issuer_url", "challenge_request_enabled")
CONTENT_MODES = ("json", "structured", "binary")

_NAME = re.compile(r"[A-Za-z0-9 ._@-]{1,50}\Z")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
#: What a header value holds whatever stands between us and the destination.
_HEADER_VALUE = re.compile(r"[!-~](?:[ -~]{0,4094}[!-~])?\Z")


@dataclass(frozen=True, kw_only=True)
class Registration:
    """A webhook as somebody asks for it; one that exists keeps every rule. Raises Refused naming each field that does not."""

    #: Up to 50 letters, digits, spaces and `-._@`; unique in its workspace.
    name: str
    #: Where deliveries go, to the letter.
    destination: str
    #: 4 to 100 characters, as is every secret.
    secret: str
    #: Empty: there is none.
    secondary_secret: str = ""
    #: Up to 100 characters.
    description: str = ""
    #: Read in any case, kept as `Oauth`, `APIKey` or empty.
    auth_type: str = ""
    # Each is empty unless its authType needs it.
    client_id: str = ""
    client_secret: str = ""
    issuer_url: str = ""
    api_key: str = ""
    #: Events go out in arrays of up to ten (greenlake.md 3).
    batching: bool = False
    #: Whether the destination has to answer a challenge before it gets anything.
    challenge_request_enabled: bool = True
    #: `json`, `structured` or `binary` (greenlake.md D.5).
    content_mode: str = "json"

    def __post_init__(self) -> None:
        object.__setattr__(self, "auth_type", spelled(self.auth_type))
        given = {field.name: getattr(self, field.name) for field in fields(self)}
        _refuse(_faults(given) | _credential_faults(self.auth_type, given, missing=CREDENTIALS.get(self.auth_type, ())))
        _batchable(self.batching, self.content_mode)


@dataclass(frozen=True, kw_only=True)
class Change:
    """What a webhook is to become; None leaves a field as it is. Raises Refused as Registration does."""

    name: str | None = None
    destination: str | None = None
    secret: str | None = None
    #: Empty clears it.
    secondary_secret: str | None = None
    description: str | None = None
    auth_type: str | None = None
    client_id: str | None = None
    client_secret: str | None = None
    issuer_url: str | None = None
    api_key: str | None = None
    batching: bool | None = None
    challenge_request_enabled: bool | None = None
    content_mode: str | None = None
    #: True halts it (status DISABLED), false starts it again with a challenge (greenlake.md D.8).
    paused: bool | None = None

    def __post_init__(self) -> None:
        if self.auth_type is not None:
            object.__setattr__(self, "auth_type", spelled(self.auth_type))
        _refuse(_faults(self.given()))

    def given(self) -> dict[str, str | bool]:
        """The fields that are to change."""
        told = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: value for name, value in told.items() if value is not None}


@dataclass(frozen=True, kw_only=True)
class Webhook:
    """A webhook as it is kept, without its secrets."""

    id: UUID
    workspace_id: str
    name: str
    description: str
    destination: str
    #: `Oauth`, `APIKey` or empty.
    auth_type: str
    client_id: str
    issuer_url: str
    #: Whether a second secret is live.
    dual_secret: bool
    batching: bool
    challenge_request_enabled: bool
    content_mode: str
    paused: bool
    #: PENDING, ACTIVE, WARNING, ERROR or DISABLED.
    status: str
    #: Why it is not ACTIVE; empty where there is nothing to say.
    state_reason: str
    #: Requests per minute the destination grants: -1 unlimited, None where it never said.
    endpoint_rate_limit: int | None
    #: Rises with each change that makes earlier challenges and claims stale.
    epoch: int
    #: Rises with each update.
    generation: int
    #: `user:<client id>` of who registered it.
    hpe_principal: str
    created_by: str
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, kw_only=True)
class Grant:
    """How tokens for an Oauth webhook are asked for: the client credentials grant (greenlake.md 4)."""

    #: The token endpoint, to the letter.
    issuer_url: str
    client_id: str
    client_secret: str = field(repr=False)


@dataclass(frozen=True, kw_only=True)
class Owner:
    """Who registers or subscribes, and for which workspace."""

    workspace_id: str
    #: `user:<client id>` (greenlake.md D.16).
    principal: str
    #: The client's name.
    created_by: str


def spelled(auth_type: str) -> str:
    """The authType as it is answered, whatever case it came in; an unknown one as it came (greenlake.md D.4)."""
    return next((known for known in CREDENTIALS if known.lower() == auth_type.lower()), auth_type)


def columns(current: Webhook, change: Change) -> dict[str, str | bool]:
    """The columns that the change writes to the webhook's configuration; credentials of an authType that is left are emptied.

    Raises Refused where the authType that results lacks a credential, or one is given that it has no use for.
    """
    given = change.given()
    given.pop("paused", None)
    auth_type = current.auth_type if change.auth_type is None else change.auth_type
    needed = CREDENTIALS[auth_type]
    _refuse(_credential_faults(auth_type, given, missing=needed if auth_type != current.auth_type else ()))
    _batchable(
        current.batching if change.batching is None else change.batching,
        current.content_mode if change.content_mode is None else change.content_mode,
    )
    if auth_type != current.auth_type:
        given |= dict.fromkeys(set(CREDENTIALS[current.auth_type]) - set(needed), "")
    return given


def raises_epoch(current: Webhook, change: Change) -> bool:
    """Whether challenges and claims made before the change are stale after it, so that it needs a new challenge.

    A secret counts as changed when it is given: what it was is sealed.
    """
    given = change.given()
    return any(name in given and (name in SECRETS or given[name] != getattr(current, name)) for name in DECISIVE)


def wire_name(column: str) -> str:
    """`client_id` as the API spells it: `clientId`."""
    first, *rest = column.split("_")
    return first + "".join(word.capitalize() for word in rest)


Faults = dict[str, str]  # column -> what is wrong there


def _refuse(faults: Faults) -> None:
    if faults:
        raise Refused(*(Issue(subject=wire_name(column), description=said) for column, said in faults.items()))


def _faults(given: Mapping[str, str | bool]) -> Faults:
    """What is wrong with each field by itself."""
    found = ((column, _RULES[column](value)) for column, value in given.items() if column in _RULES)
    return {column: said for column, said in found if said}


def _credential_faults(auth_type: str, given: Mapping[str, str | bool], *, missing: tuple[str, ...]) -> Faults:
    """What is wrong with the credentials for an authType; of those in `missing` none is kept from earlier."""
    if auth_type not in CREDENTIALS:
        return {}
    needed = CREDENTIALS[auth_type]
    faults = {column: f"is required for authType {auth_type}" for column in missing if not given.get(column)}
    for column in needed:
        if given.get(column) == "":
            faults[column] = f"is required for authType {auth_type}"
    for other, theirs in CREDENTIALS.items():
        strange = (column for column in theirs if column not in needed and given.get(column))
        faults |= dict.fromkeys(strange, f"serves authType {other} alone, and authType is {auth_type!r}")
    return faults


def _name(text: str) -> str | None:
    fits = _NAME.match(text) and text.strip()
    return None if fits else "must be 1 to 50 letters, digits, spaces and - . _ @"


def _destination(text: str) -> str | None:
    return None if text else "is required"


def _secret(text: str) -> str | None:
    return None if 4 <= len(text) <= 100 else f"must have 4 to 100 characters, and has {len(text)}"


def _description(text: str) -> str | None:
    if len(text) > 100:
        return f"must have at most 100 characters, and has {len(text)}"
    return "must not hold control characters" if _CONTROL.search(text) else None


def _auth_type(text: str) -> str | None:
    return None if text in CREDENTIALS else f"must be Oauth, APIKey or empty, and is {text[:50]!r}"


def _api_key(text: str) -> str | None:
    fits = not text or _HEADER_VALUE.match(text)
    return (
        None
        if fits
        else "must be up to 4096 printable ASCII characters without space at either end: it is sent as a header"
    )


def _client_credential(text: str) -> str | None:
    if len(text) > 1000:
        return f"must have at most 1000 characters, and has {len(text)}"
    return "must not hold control characters" if _CONTROL.search(text) else None


def _content_mode(text: str) -> str | None:
    return None if text in CONTENT_MODES else f"must be json, structured or binary, and is {text[:50]!r}"


def _batchable(batching: bool, content_mode: str) -> None:
    """A batch is one JSON array: attributes in headers have no place in it (greenlake.md D.5)."""
    if batching and content_mode == "binary":
        raise Unprocessable(
            Issue(subject="contentMode", description="binary cannot be batched: use json or structured")
        )


_RULES: Mapping[str, Callable[..., str | None]] = {
    "name": _name,
    "destination": _destination,
    "secret": _secret,
    "secondary_secret": lambda text: _secret(text) if text else None,
    "description": _description,
    "auth_type": _auth_type,
    "client_id": _client_credential,
    "client_secret": _client_credential,
    "issuer_url": _client_credential,
    "api_key": _api_key,
    "content_mode": _content_mode,
}

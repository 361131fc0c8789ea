"""Webhooks as values, and what a registration or a change of one may say.

Keeping them is left to `webhook_store.py`, statuses and challenges to `delivery/verification/webhook_lifecycle.py`, a
destination's address to the guard.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import datetime
from uuid import UUID

from subscriptions.ground.errors import Issue, Refused, Unprocessable
from subscriptions.webhooks import certificates, origins
from subscriptions.webhooks.certificates import TlsOptions
from subscriptions.webhooks.field_rules import CREDENTIALS, RULES

#: Columns that are sealed at rest and never answered.
SECRETS = ("secret", "secondary_secret", "client_secret", "api_key", "client_key")
#: Those that TLS connections to the destination need (`Trust`).
TRUST = ("ca_bundle", "client_certificate", "client_key")
#: A change of any of these makes earlier challenges and claims stale (protocol.md 6.1).
DECISIVE = (
    *("destination", *SECRETS, "auth_type", "client_id", "issuer_url", "challenge_request_enabled"),
    *("ca_bundle", "client_certificate"),
)


@dataclass(frozen=True, kw_only=True)
class Registration:
    """A webhook as somebody asks for it; one that exists keeps every rule. Raises Refused naming each field that does not."""

    #: Up to 50 letters, digits, spaces and `-._@`; unique in its workspace.
    name: str
    #: Where deliveries go, to the letter.
    destination: str
    #: 4 to 100 characters, as is every secret.
    secret: str = field(repr=False)
    #: Empty: there is none.
    secondary_secret: str = field(default="", repr=False)
    #: Up to 100 characters.
    description: str = ""
    #: Read in any case, kept as `Oauth`, `APIKey` or empty.
    auth_type: str = ""
    # Each is empty unless its authType needs it.
    client_id: str = ""
    client_secret: str = field(default="", repr=False)
    issuer_url: str = ""
    api_key: str = field(default="", repr=False)
    #: Events go out in arrays of up to ten (greenlake.md 3.4).
    batching: bool = False
    #: Whether the destination has to answer a challenge before it gets anything.
    challenge_request_enabled: bool = True
    #: `json`, `structured` or `binary` (greenlake.md D.5).
    content_mode: str = "json"
    # PEM texts, each empty where there is none; certificate and key come together (`Trust`).
    ca_bundle: str = ""
    client_certificate: str = ""
    client_key: str = field(default="", repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "auth_type", spelled(self.auth_type))
        given = {field.name: getattr(self, field.name) for field in fields(self)}
        _refuse(_faults(given) | _credential_faults(self.auth_type, given, missing=CREDENTIALS.get(self.auth_type, ())))
        _settle_trust(self)
        _batchable(self.batching, self.content_mode)


@dataclass(frozen=True, kw_only=True)
class Change:
    """What a webhook is to become; None leaves a field as it is. Raises Refused as Registration does."""

    name: str | None = None
    destination: str | None = None
    secret: str | None = field(default=None, repr=False)
    #: Empty clears it.
    secondary_secret: str | None = field(default=None, repr=False)
    description: str | None = None
    auth_type: str | None = None
    client_id: str | None = None
    client_secret: str | None = field(default=None, repr=False)
    issuer_url: str | None = None
    api_key: str | None = field(default=None, repr=False)
    batching: bool | None = None
    challenge_request_enabled: bool | None = None
    content_mode: str | None = None
    # Empty ones are taken away.
    ca_bundle: str | None = None
    client_certificate: str | None = None
    client_key: str | None = field(default=None, repr=False)
    #: True halts it (status DISABLED), false starts it again with a challenge (greenlake.md D.8).
    paused: bool | None = None

    def __post_init__(self) -> None:
        if self.auth_type is not None:
            object.__setattr__(self, "auth_type", spelled(self.auth_type))
        _refuse(_faults(self.given()))
        _settle_trust(self)

    def given(self) -> dict[str, str | bool]:
        """The fields that are to change."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: value for name, value in values.items() if value is not None}


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
    #: Since when each secret is what it is; None where there is none, and of one that is older than this was kept.
    secret_since: datetime | None = None
    secondary_secret_since: datetime | None = None
    batching: bool
    challenge_request_enabled: bool
    content_mode: str
    #: PEM texts, empty where there is none.
    ca_bundle: str = ""
    client_certificate: str = ""
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
    #: Attempts that failed since the last success, and when the last one did.
    failures: int = 0
    last_failure_at: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class OAuthClient:
    """How tokens for an Oauth webhook are asked for: the client credentials grant (greenlake.md 4.2)."""

    #: The token endpoint, to the letter.
    issuer_url: str
    client_id: str
    client_secret: str = field(repr=False)
    #: The webhook's, where the endpoint stands at the destination's origin; None elsewhere, and where it has none.
    trust: TlsOptions | None = None


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

    Raises Refused where the authType that results lacks a credential, or one is given that it has no use for, and where
    one that is kept would go to another origin than it was given for.
    """
    given = change.given()
    given.pop("paused", None)
    auth_type = current.auth_type if change.auth_type is None else change.auth_type
    needed = CREDENTIALS[auth_type]
    missing = needed if auth_type != current.auth_type else ()
    urls = {"destination": current.destination, "issuer_url": current.issuer_url}
    _refuse(origins.left_behind(urls, given, needed) | _credential_faults(auth_type, given, missing=missing))
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


def check_times(asked: Registration | Change, now: datetime) -> None:
    """Raises Refused naming each field with a certificate that does not hold now."""
    given = {column: getattr(asked, column) or "" for column in ("ca_bundle", "client_certificate")}
    found = {column: certificates.untimely(certificates.shown(pem), now) for column, pem in given.items()}
    _refuse({column: said for column, said in found.items() if said})


def wire_name(column: str) -> str:
    """`client_id` as the API spells it: `clientId`, and `tls.clientKey`."""
    first, *rest = column.split("_")
    return ("tls." if column in TRUST else "") + first + "".join(word.capitalize() for word in rest)


Faults = dict[str, str]  # column -> what is wrong there


def _refuse(faults: Faults) -> None:
    if faults:
        raise Refused(*(Issue(subject=wire_name(column), description=said) for column, said in faults.items()))


def _faults(given: Mapping[str, str | bool]) -> Faults:
    """What is wrong with each field by itself."""
    found = ((column, RULES[column](value)) for column, value in given.items() if column in RULES)
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


def _settle_trust(asked: Registration | Change) -> None:
    """Each text becomes what it means, and nothing else of it is kept; certificate and key have to be a pair."""
    certificate, key = asked.client_certificate, asked.client_key
    if bool(certificate) != bool(key) or (certificate is None) != (key is None):
        lacking, other = (
            ("client_key", "clientCertificate") if certificate or key is None else ("client_certificate", "clientKey")
        )
        _refuse({lacking: f"has to be given, or taken away, together with {other}"})
    for column, settled in (
        ("ca_bundle", certificates.certificates),
        ("client_certificate", certificates.certificates),
        ("client_key", certificates.key),
    ):
        if text := getattr(asked, column):
            object.__setattr__(asked, column, settled(text))
    if (
        asked.client_certificate
        and asked.client_key
        and not certificates.matches(asked.client_certificate, asked.client_key)
    ):
        _refuse({"client_key": "is not the key of the first certificate in clientCertificate"})


def _batchable(batching: bool, content_mode: str) -> None:
    """A batch is one JSON array: attributes in headers have no place in it (greenlake.md D.5)."""
    if batching and content_mode == "binary":
        raise Unprocessable(
            Issue(subject="contentMode", description="binary cannot be batched: use json, structured or onap")
        )

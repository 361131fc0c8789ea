"""Bodies that speak of event APIs: read strictly, and made what the catalogue is asked for."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any

import msgspec
from msgspec import UNSET, UnsetType

from service.api import reading
from subscriptions.catalogue import api_access
from subscriptions.catalogue.api_access import AUTH, BUSES, BYTES, FETCH
from subscriptions.catalogue.api_drafts import EventApiChange, EventApiDraft
from subscriptions.catalogue.api_rows import ApiVersion
from subscriptions.events import attributes
from subscriptions.ground import texts
from subscriptions.ground.errors import Issue, Refused, TooLarge, Unprocessable

_Line = Annotated[str, msgspec.Meta(min_length=1, max_length=200, pattern=texts.LINE)]
_Words = Annotated[str, msgspec.Meta(max_length=200, pattern=texts.LINE)]
_Prose = Annotated[str, msgspec.Meta(max_length=2000, pattern=texts.PROSE)]
_ABSENT = msgspec.Raw()
#: What is given beside the document, before it is looked at more closely.
_SHAPES: Mapping[str, Any] = {
    AUTH: dict[str, Any] | None,
    BUSES: list[dict[str, Any]] | None,
    FETCH: dict[str, Any] | None,
}
_NamedBy = Annotated[str, msgspec.Meta(pattern=r"^(message|channel)\Z")]


class _Version(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"):
    """A version as it is given."""

    value: _Line
    deprecated: bool | None = None
    deprecated_since: str | None = None
    deprecated_in: _Words | None = None
    sunset: str | None = None
    migration: _Words | None = None
    for_removal: bool | None = None


class _VersionChange(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"):
    """What is said anew of a version: what is absent stays, and null is what it is where nobody says anything (RFC 7396)."""

    value: _Line | UnsetType = UNSET
    deprecated: bool | UnsetType | None = UNSET
    deprecated_since: str | UnsetType | None = UNSET
    deprecated_in: _Words | UnsetType | None = UNSET
    sunset: str | UnsetType | None = UNSET
    migration: _Words | UnsetType | None = UNSET
    for_removal: bool | UnsetType | None = UNSET


class _Registration(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"):
    """The body of a registration."""

    document: str | None = None
    name: _Line | None = None
    description: _Prose | None = None
    group: _Words = ""
    application: _Words = ""
    version: _Version | None = None
    named_by: _NamedBy = "message"
    auth: msgspec.Raw = _ABSENT
    external_subscriptions: msgspec.Raw = _ABSENT
    fetch_request: msgspec.Raw = _ABSENT


class _Update(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"):
    """The body of a change: what is absent stays, and null empties what may be empty (RFC 7396)."""

    document: str | UnsetType = UNSET
    name: _Line | UnsetType = UNSET
    description: _Prose | UnsetType | None = UNSET
    group: _Words | UnsetType | None = UNSET
    version: _VersionChange | UnsetType = UNSET
    named_by: _NamedBy = "message"
    auth: msgspec.Raw = _ABSENT
    external_subscriptions: msgspec.Raw = _ABSENT
    fetch_request: msgspec.Raw = _ABSENT


def draft(body: bytes) -> EventApiDraft:
    """What a registration asks for; raises Malformed, Unprocessable, Refused."""
    wanted = reading.decode(body, _Registration)
    return EventApiDraft(
        text=None if wanted.document is None else _text(wanted.document),
        name=wanted.name,
        description=wanted.description,
        group=wanted.group,
        application=wanted.application,
        version=_version(wanted.version),
        by_channel=wanted.named_by == "channel",
        access={name: value for name, value in _access(wanted).items() if value is not None},
    )


def change(body: bytes, *, force: bool, expected: int | None = None) -> EventApiChange:
    """What a PATCH asks for, of the generation that is `expected`; raises Malformed, Unprocessable, Refused."""
    given = reading.decode(body, _Update)
    return EventApiChange(
        text=None if isinstance(given.document, UnsetType) else _text(given.document),
        name=None if isinstance(given.name, UnsetType) else given.name,
        description=_emptied(given.description),
        group=_emptied(given.group),
        version={} if isinstance(given.version, UnsetType) else _anew(given.version),
        by_channel=given.named_by == "channel",
        access=_access(given),
        merging=True,
        expected=expected,
        force=force,
    )


def _access(given: _Registration | _Update) -> dict[str, Any]:
    """Those that are given, by the names that the catalogue has for them; read where that is no more than is kept, for each value
    is looked at often."""
    raw = {AUTH: given.auth, BUSES: given.external_subscriptions, FETCH: given.fetch_request}
    if sum(map(len, map(bytes, raw.values()))) > BYTES:
        raise TooLarge(Issue(subject=AUTH, description=api_access.TOO_LARGE))
    return {name: _read(name, bytes(each)) for name, each in raw.items() if bytes(each)}


def _read(name: str, raw: bytes) -> Any:
    try:
        return msgspec.json.decode(raw, type=_SHAPES[name])
    except msgspec.ValidationError:
        said = "must be an array of objects" if name == BUSES else "must be an object"
        raise Unprocessable(Issue(subject=name, description=said)) from None
    except RecursionError:
        raise Refused(Issue(subject=name, description="is nested too deep")) from None


def _text(document: str) -> bytes:
    """Raises Refused for half a character, which UTF-8 has none of."""
    try:
        return document.encode()
    except UnicodeEncodeError:
        raise Refused(Issue(subject="document", description="holds half of a surrogate pair")) from None


def _emptied(text: str | UnsetType | None) -> str | None:
    """None: it stays."""
    return None if isinstance(text, UnsetType) else text or ""


def _version(given: _Version | None) -> ApiVersion | None:
    if given is None:
        return None
    return ApiVersion(
        value=given.value,
        deprecated=bool(given.deprecated),
        deprecated_since=_moment("version.deprecatedSince", given.deprecated_since),
        deprecated_in=given.deprecated_in or "",
        sunset=_moment("version.sunset", given.sunset),
        migration=_uri("version.migration", given.migration),
        for_removal=bool(given.for_removal),
    )


def _anew(given: _VersionChange) -> Mapping[str, Any]:
    """As fields of `ApiVersion`."""
    read: Mapping[str, Any] = {
        "value": given.value,
        "deprecated": given.deprecated or False,
        "deprecated_since": _moment("version.deprecatedSince", _kept(given.deprecated_since)),
        "deprecated_in": given.deprecated_in or "",
        "sunset": _moment("version.sunset", _kept(given.sunset)),
        "migration": _uri("version.migration", _kept(given.migration)),
        "for_removal": given.for_removal or False,
    }
    return {name: value for name, value in read.items() if getattr(given, name) is not UNSET}


def _kept(text: str | UnsetType | None) -> str | None:
    return None if isinstance(text, UnsetType) else text


def _uri(subject: str, text: str | None) -> str:
    # It is told to whoever receives the events, and people follow it.
    if text and (attributes.value_fault("dataschema", text) or not text.lower().startswith(("https://", "http://"))):
        raise Refused(
            Issue(subject=subject, description="must be an absolute URI that begins with https:// or http://")
        )
    return text or ""


def _moment(subject: str, text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        if attributes.instant(text) is None:
            raise ValueError(text)
        return datetime.fromisoformat(text.upper())
    except ValueError:
        said = "must be an RFC 3339 timestamp such as 2026-05-04T12:30:00Z"
        raise Refused(Issue(subject=subject, description=said)) from None

"""What an event API says beside its document: how one authenticates, the external buses that carry its events, and where its
document is fetched from.

As JSON it is kept twice: with `***` for its secrets, which is what is answered, and whole, sealed. How a document is fetched is
left to `fetching.py`.
"""

import logging
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit
from uuid import UUID

import msgspec

from subscriptions.catalogue import api_auth
from subscriptions.catalogue.api_auth import Auth
from subscriptions.ground import texts
from subscriptions.ground.discreet import Discreet
from subscriptions.ground.errors import Issue, Refused, Sealed, TooLarge
from subscriptions.ground.vault import Vault

log = logging.getLogger("hooklake.subscriptions")

#: Its members as the API calls them.
AUTH, BUSES, FETCH = "auth", "externalSubscriptions", "fetchRequest"
MEMBERS = (AUTH, BUSES, FETCH)
#: External subscriptions of one API, and bytes of all of it.
MOST, BYTES = 50, 64 * 1024
#: Characters of headers and query parameters that a fetch sends.
SENT = 8192
TOO_LARGE = f"has with {', '.join(MEMBERS[1:])} more than {BYTES} bytes"
#: Levels of what is given.
DEPTH = 16

_Line = Annotated[str, msgspec.Meta(min_length=1, max_length=256, pattern=texts.LINE)]
_Words = Annotated[str, msgspec.Meta(max_length=256, pattern=texts.LINE)]
_Value = Annotated[str, msgspec.Meta(max_length=4096, pattern=texts.KEPT)]
_Url = Annotated[str, msgspec.Meta(min_length=1, max_length=api_auth.LONGEST_URL)]
_Json = dict[str, Any]


class ExternalSubscription(
    Discreet, msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True
):
    """A bus outside that carries the events, and how the eventing system subscribes there."""

    url: _Url
    topic: _Line
    auth: Auth | None = None
    #: The bus's own settings.
    attributes: Annotated[dict[_Line, _Value], msgspec.Meta(max_length=api_auth.MOST)] = {}


class FetchRequest(Discreet, msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"):
    """Where the document is fetched from. Other modes than SINGLE, and filters, are kept, and nothing is fetched by them."""

    url: _Url
    mode: Literal["SINGLE", "BUNDLE", "PACKAGE", "INDEX"] = "SINGLE"
    filter: _Words = ""
    auth: Auth | None = None
    #: Who names the event types of the document: `message` or `channel`.
    named_by: Literal["message", "channel"] = "message"


def changed(kept: Mapping[str, Any], given: Mapping[str, Any], *, merging: bool) -> _Json:
    """All of it as JSON, secrets to the letter, with the members that are given; one that is None goes.

    `merging`: `auth` and `fetchRequest` are merge patches (RFC 7396). `***` stands for the secret that is kept at the same
    place (of an external subscription: of the one with the same url and topic). Raises Refused, each issue with the member's
    path, TooLarge.
    """
    _check_depth(given)
    whole = dict(kept)
    for name, value in given.items():
        if value is None or value == []:
            whole.pop(name, None)
        elif name == BUSES:
            whole[name] = _buses(kept.get(name, ()), value)
        else:
            patched = _merged(api_auth.hidden(kept.get(name)), value) if merging else value
            whole[name] = _auth(kept.get(name), patched) if name == AUTH else _fetch(kept.get(name), patched)
    if len(msgspec.json.encode(whole)) > BYTES:
        raise TooLarge(Issue(subject=AUTH, description=TOO_LARGE))
    return whole


def columns(whole: Mapping[str, Any], vault: Vault, api: UUID) -> _Json:
    """As columns of `event_apis`: what is shown, and all of it sealed where it has secrets."""
    shown = api_auth.hidden(whole)
    text = msgspec.json.encode(whole).decode()
    return {
        "access": msgspec.json.encode(shown).decode(),
        "access_sealed": vault.seal(text, context=place(api)) if shown != whole else None,
    }


def opened(row: Any, vault: Vault) -> _Json:
    """All of it as it was given; `***` for its secrets where the key that sealed them is not there, or was forgotten."""
    text = row["access"]
    if row["access_sealed"]:
        try:
            text = vault.unseal(row["access_sealed"], context=place(row["id"]))
        except Sealed as error:
            log.error("event_api.sealed id=%s cause=%s", row["id"], error)
    whole: _Json = msgspec.json.decode(text)
    return whole


def place(api: UUID) -> bytes:
    """What the sealed text of an event API is bound to."""
    return f"event_api:{api}:access".encode()


def fetched_from(whole: Mapping[str, Any]) -> FetchRequest | None:
    """Where the document is fetched from; None: nowhere."""
    return msgspec.convert(whole[FETCH], FetchRequest) if FETCH in whole else None


def audited(shown: Mapping[str, Any]) -> dict[str, object]:
    """What an audit entry says of it: no secret, and no query of a URL, which may be one."""
    found: dict[str, object] = {}
    if AUTH in shown:
        found[AUTH] = sorted({*shown[AUTH].get("credential", {}), *(set(shown[AUTH]) - {"credential"})})
    if BUSES in shown:
        found[BUSES] = [f"{each['topic']} at {_without_query(each['url'])}" for each in shown[BUSES]]
    if FETCH in shown:
        found[FETCH] = _without_query(shown[FETCH]["url"])
    return found


def _auth(kept: Any, given: Any) -> _Json:
    return _read_auth(api_auth.settled(_object(given, AUTH), kept, subject=AUTH), AUTH)


def _fetch(kept: Any, given: Any) -> _Json:
    given = _object(given, FETCH)
    asked = api_auth.converted(_settled(given, kept or {}, FETCH), FetchRequest, FETCH)
    api_auth.check_url(asked.url, f"{FETCH}.url")
    auth = asked.auth or Auth()
    bags = (auth.additional_headers, auth.additional_query_params)
    size = sum(len(name) + len(text) for bag in bags for name, texts in bag.items() for text in texts)
    if size > SENT:
        said = f"has headers and query parameters of {size} characters, and at most {SENT} are sent"
        raise Refused(Issue(subject=f"{FETCH}.{AUTH}", description=said))
    return _builtins(asked)


def _buses(kept: Sequence[_Json], given: Any) -> list[_Json]:
    if not isinstance(given, Sequence) or isinstance(given, str) or len(given) > MOST:
        raise Refused(Issue(subject=BUSES, description=f"must be a list of at most {MOST}"))
    standing = {f"{each['url']} {each['topic']}": each for each in kept}
    made = []
    for at, each in enumerate(given):
        subject = f"{BUSES}[{at}]"
        asked = _object(each, subject)
        before = standing.get(f"{asked.get('url')} {asked.get('topic')}", {})
        bus = api_auth.converted(_settled(asked, before, subject), ExternalSubscription, subject)
        api_auth.check_url(bus.url, f"{subject}.url", schemes=())
        made.append(_builtins(bus))
    return made


def _settled(given: _Json, kept: Mapping[str, Any], subject: str) -> _Json:
    """With the secrets that are kept, and its `auth` read by the rules of one."""
    whole: _Json = api_auth.settled(given, kept, subject=subject)
    auth = whole.get(AUTH)
    return whole if auth is None else whole | {AUTH: _read_auth(auth, f"{subject}.{AUTH}")}


def _read_auth(given: Any, subject: str) -> _Json:
    return _builtins(api_auth.read(_object(given, subject), subject=subject))


def _check_depth(given: Any) -> None:
    level = [given]
    for _ in range(DEPTH):
        level = [child for each in level for child in _children(each)]
        if not level:
            return
    raise Refused(Issue(subject=AUTH, description=f"is nested deeper than {DEPTH} levels, or what stands beside it is"))


def _children(value: Any) -> Sequence[Any]:
    if isinstance(value, Mapping):
        return list(value.values())
    return value if isinstance(value, list | tuple) else ()


def _object(given: Any, subject: str) -> _Json:
    if not isinstance(given, Mapping):
        raise Refused(Issue(subject=subject, description="must be an object"))
    return dict(given)


def _builtins(value: msgspec.Struct) -> _Json:
    """Without members that say nothing."""
    made: _Json = msgspec.to_builtins(value)
    return {name: each for name, each in made.items() if each not in (None, "", {})}


def _merged(kept: Any, patch: Any) -> Any:
    """RFC 7396."""
    if not isinstance(patch, Mapping):
        return patch
    base = dict(kept) if isinstance(kept, Mapping) else {}
    for name, value in patch.items():
        if value is None:
            base.pop(name, None)
        else:
            base[name] = _merged(base.get(name), value)
    return base


def _without_query(url: str) -> str:
    return urlsplit(url)._replace(query="", fragment="").geturl()

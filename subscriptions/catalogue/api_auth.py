"""How one authenticates to what an event API leads to: a credential, headers, query parameters, a token against forgery.

The members are Kyma's, in the same spelling wherever they are given. What is secret is answered as `***`, and `***` that is
given stands for the secret that is kept: it goes nowhere but where it was given for.
"""

from collections.abc import Mapping
from typing import Annotated, Any, TypeVar
from urllib.parse import urlsplit

import msgspec

from subscriptions.catalogue.bus_settings import SETTINGS, harmless
from subscriptions.ground import texts, url_origins
from subscriptions.ground.discreet import Discreet
from subscriptions.ground.errors import Issue, Refused

#: What stands for a secret.
MASK = "***"
#: Characters of a URL.
LONGEST_URL = 2048
#: Headers, or query parameters, of one place, and values of one of them.
MOST, VALUES = 50, 10
#: Members whose text is secret, and those whose values all are, whatever they are called.
SECRETS = frozenset({"password", "clientSecret", "certificate"})
BAGS = frozenset({"additionalHeaders", "additionalQueryParams"})
#: Where `***` stands for what is kept.
_MASKED = SECRETS | BAGS | {SETTINGS}
#: Headers that say how a message is framed, or where it goes: they are nobody's to add.
FRAMING = frozenset(
    {
        *("connection", "content-length", "expect", "host", "keep-alive", "proxy-authorization", "te", "trailer"),
        *("transfer-encoding", "upgrade"),
    }
)

_Line = Annotated[str, msgspec.Meta(min_length=1, max_length=256, pattern=texts.LINE)]
_Text = Annotated[str, msgspec.Meta(min_length=1, max_length=16384, pattern=texts.KEPT)]
_Url = Annotated[str, msgspec.Meta(min_length=1, max_length=LONGEST_URL)]
_HeaderName = Annotated[str, msgspec.Meta(pattern=r"^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,100}\Z")]
_Value = Annotated[str, msgspec.Meta(max_length=4096, pattern=texts.LINE)]
_Headers = Annotated[
    dict[_HeaderName, Annotated[list[_Value], msgspec.Meta(min_length=1, max_length=VALUES)]],
    msgspec.Meta(max_length=MOST),
]
_Params = Annotated[
    dict[_Line, Annotated[list[_Value], msgspec.Meta(min_length=1, max_length=VALUES)]], msgspec.Meta(max_length=MOST)
]
T = TypeVar("T", bound=msgspec.Struct)


class _Part(Discreet, msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """In JSON the names are Kyma's."""


class BasicCredential(_Part, frozen=True, kw_only=True, rename="camel"):
    """A name and a password."""

    username: _Line
    password: _Text


class OAuthCredential(_Part, frozen=True, kw_only=True, rename="camel"):
    """OAuth 2.0 client credentials, and the endpoint that gives tokens for them."""

    client_id: _Line
    client_secret: _Text
    url: _Url


class CertificateCredential(_Part, frozen=True, kw_only=True, rename="camel"):
    """The same with a certificate in the place of a secret."""

    client_id: _Line
    certificate: _Text
    url: _Url


class ApiCredential(_Part, frozen=True, kw_only=True):
    """One of the three."""

    basic: BasicCredential | None = None
    oauth: OAuthCredential | None = None
    certificate_oauth: CertificateCredential | None = msgspec.field(default=None, name="certificateOAuth")


class CsrfTokenRequest(_Part, frozen=True, kw_only=True, rename="camel"):
    """Where a token against forgery is asked for before each request, and how."""

    token_endpoint_url: _Url = msgspec.field(name="tokenEndpointURL")
    credential: ApiCredential | None = None
    additional_headers: _Headers = {}
    additional_query_params: _Params = {}


class RequestAuth(_Part, frozen=True, kw_only=True):
    """What a request has to have beside a credential."""

    csrf: CsrfTokenRequest | None = None


class Auth(_Part, frozen=True, kw_only=True, rename="camel"):
    """All of it; no member has to be there."""

    credential: ApiCredential | None = None
    additional_headers: _Headers = {}
    additional_query_params: _Params = {}
    request_auth: RequestAuth | None = None


def read(given: Mapping[str, Any], *, subject: str = "auth") -> Auth:
    """What JSON says of it, secrets to the letter; raises Refused, each issue with the member's path behind `subject`."""
    auth = converted(given, Auth, subject)
    csrf = auth.request_auth.csrf if auth.request_auth is not None else None
    for credential, place in (
        (auth.credential, f"{subject}.credential"),
        (csrf.credential if csrf is not None else None, f"{subject}.requestAuth.csrf.credential"),
    ):
        if credential is not None:
            _check_credential(credential, place)
    if csrf is not None:
        check_url(csrf.token_endpoint_url, f"{subject}.requestAuth.csrf.tokenEndpointURL")
    for headers, place in (
        (auth.additional_headers, f"{subject}.additionalHeaders"),
        (csrf.additional_headers if csrf is not None else {}, f"{subject}.requestAuth.csrf.additionalHeaders"),
    ):
        _check_headers(headers, place)
    return auth


def hidden(value: Any) -> Any:
    """JSON with `***` where one of its members is secret."""
    if isinstance(value, list):
        return [hidden(each) for each in value]
    if not isinstance(value, dict):
        return value
    return {name: _hidden(name, each) for name, each in value.items()}


def settled(given: Any, kept: Any, *, subject: str) -> Any:
    """JSON of an `Auth` with the secrets that are kept where it says `***`.

    `kept` is JSON of the one that it stands in the place of, None for none. Raises Refused where nothing is kept there, and
    where the endpoint that would get it is at another origin than the one that it was given for.
    """
    if not isinstance(given, dict):
        return given
    before = kept if isinstance(kept, dict) else {}
    if MASK in secrets_in(given):
        for name in ("url", "tokenEndpointURL"):
            check_origin(before.get(name), given.get(name), f"{subject}.{name}")
    return {
        name: _kept(each, before.get(name), f"{subject}.{name}")
        if name in _MASKED
        else settled(each, before.get(name), subject=f"{subject}.{name}")
        for name, each in given.items()
    }


def secrets_in(value: Any, *, secret: bool = False) -> set[str]:
    """All texts that are secret in JSON of an `Auth`, or may be."""
    if isinstance(value, dict):
        parts = [secrets_in(each, secret=secret or name in _MASKED) for name, each in value.items()]
        return {each for part in parts for each in part}
    if isinstance(value, list):
        return {each for part in value for each in secrets_in(part, secret=secret)}
    return {value} if secret and isinstance(value, str) else set()


def check_origin(before: object, after: object, subject: str) -> None:
    """Raises Refused where a secret that is kept would go to another origin than it was given for."""
    if isinstance(before, str) and isinstance(after, str) and not url_origins.same(before, after):
        said = (
            f"leads to another origin: the secrets that are kept were given for {url_origins.origin(before)}, and "
            f"{url_origins.origin(after)} would get them; give them again"
        )
        raise Refused(Issue(subject=subject, description=said))


def check_url(url: str, subject: str, *, schemes: tuple[str, ...] = ("https", "http")) -> None:
    """Raises Refused for what is no absolute URL of these schemes (none: of any), or holds a user name or a password."""
    said = _url_fault(url, schemes)
    if said:
        raise Refused(Issue(subject=subject, description=said))


def converted(given: Mapping[str, Any], kind: type[T], subject: str) -> T:
    """JSON as a struct; raises Refused with the member's path behind `subject`."""
    try:
        return msgspec.convert(given, kind)
    except UnicodeEncodeError:
        raise Refused(Issue(subject=subject, description="holds half of a surrogate pair")) from None
    except msgspec.ValidationError as error:
        what, _, path = str(error).partition(" - at `")
        where = path.rstrip("`").removeprefix("$")
        # What was given is not repeated: it may be the secret.
        said = "is not of the form that it has here" if "matching regex" in what else _lowered(what)
        raise Refused(Issue(subject=subject + where, description=said)) from None


def _lowered(what: str) -> str:
    return what[:1].lower() + what[1:]


def _check_credential(credential: ApiCredential, subject: str) -> None:
    given = [each for each in (credential.basic, credential.oauth, credential.certificate_oauth) if each is not None]
    if len(given) != 1:
        said = f"has to have one of basic, oauth and certificateOAuth, and has {len(given)}"
        raise Refused(Issue(subject=subject, description=said))
    if isinstance(given[0], BasicCredential):
        if ":" in given[0].username:
            raise Refused(Issue(subject=f"{subject}.basic.username", description="must not hold a colon (RFC 7617)"))
        return
    check_url(given[0].url, f"{subject}.{'oauth' if isinstance(given[0], OAuthCredential) else 'certificateOAuth'}.url")


def _check_headers(headers: Mapping[str, Any], subject: str) -> None:
    for name, values in headers.items():
        if name.lower() in FRAMING:
            raise Refused(Issue(subject=f"{subject}.{name}", description="is a header that nobody may add"))
        if not all(each.isascii() and each == each.strip() for each in values):
            said = "must be ASCII, without white space at its ends"
            raise Refused(Issue(subject=f"{subject}.{name}", description=said))


def _url_fault(url: str, schemes: tuple[str, ...]) -> str:
    if any(each.isspace() or not each.isprintable() for each in url) or "\\" in url:
        return "the URL holds a space, a control character or a backslash"
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError as error:
        return f"the URL cannot be read: {error}"
    if not parts.scheme or not parts.hostname:
        return "must be an absolute URL with a host"
    if schemes and parts.scheme not in schemes:
        return f"must begin with {' or '.join(f'{each}://' for each in schemes)}"
    return "must not hold a user name or a password: they belong into auth" if "@" in parts.netloc else ""


def _hidden(name: str, value: Any) -> Any:
    if name == SETTINGS:
        return {each: text if harmless(each, text) else MASK for each, text in value.items()}
    return _masked(value) if name in SECRETS | BAGS else hidden(value)


def _masked(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _masked(each) for name, each in value.items()}
    return [_masked(each) for each in value] if isinstance(value, list) else MASK


def _kept(given: Any, kept: Any, subject: str) -> Any:
    if given == MASK:
        if not isinstance(kept, str) or kept == MASK:
            raise Refused(Issue(subject=subject, description=f"{MASK} stands for a secret that is kept, and none is"))
        return kept
    if isinstance(given, dict):
        before = kept if isinstance(kept, dict) else {}
        return {name: _kept(each, before.get(name), f"{subject}.{name}") for name, each in given.items()}
    if isinstance(given, list):
        standing = kept if isinstance(kept, list) else []
        return [
            _kept(each, standing[at] if at < len(standing) else None, f"{subject}[{at}]")
            for at, each in enumerate(given)
        ]
    return given

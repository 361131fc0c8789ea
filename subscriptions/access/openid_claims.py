"""What the claims of an outside issuer's token say of whoever it names.

Whether the token is good is left to `openid.py`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from subscriptions.access.access_tokens import Caller
from subscriptions.access.clients import LONGEST_NAME, WORKSPACE, Role
from subscriptions.access.doubts import invalid
from subscriptions.ground.errors import Forbidden, Issue


@dataclass(frozen=True, kw_only=True)
class TrustedIssuer:
    """What is believed of whom."""

    #: The `iss` of its tokens, to the letter; its configuration is found below it.
    issuer: str
    #: What `aud` has to hold.
    audience: str
    #: The claim that names the caller's workspace: 32 hexadecimal digits, or a UUID. A dot leads into an object.
    workspace_claim: str = "workspace_id"
    #: The claim that lists the caller's roles: an array, or a text that is one role.
    roles_claim: str = "roles"


def wished(trust: TrustedIssuer) -> tuple[str, ...]:
    """The claims to ask for by name (OpenID Connect Core 5.5); what lies in an object, with the whole of it."""
    return tuple(dict.fromkeys(name.partition(".")[0] for name in (trust.workspace_claim, trust.roles_claim)))


def caller(claims: Mapping[str, Any], trust: TrustedIssuer) -> Caller:
    """Whom the claims of a good token name; raises Forbidden where they name no workspace or no role of ours."""
    workspace, listed = _claim(claims, trust.workspace_claim), _claim(claims, trust.roles_claim)
    workspace_id = workspace.replace("-", "").lower() if isinstance(workspace, str) else ""
    if not WORKSPACE.match(workspace_id):
        raise _lacking(workspace, trust.workspace_claim, "names no workspace")
    roles = _roles(listed)
    if not roles:
        raise _lacking(listed, trust.roles_claim, f"holds none of {', '.join(Role)}")
    named = (claims.get(name) for name in ("name", "preferred_username", "email", "azp", "client_id", "sub"))
    name = next((text for text in named if isinstance(text, str) and text and text.isprintable()), "")
    return Caller(
        issuer=trust.issuer,
        client_id=_subject(claims),
        name=name[:LONGEST_NAME],
        workspace_id=workspace_id,
        roles=roles,
        any_workspace=claims.get("any_workspace") is True,
    )


def _subject(claims: Mapping[str, Any]) -> str:
    subject = claims["sub"]
    if not isinstance(subject, str) or not 1 <= len(subject) <= 255 or not subject.isprintable():
        raise invalid("its claim sub is not a readable name")
    return subject


def _claim(claims: Mapping[str, Any], name: str) -> object:
    """The claim of this name; else what its dotted path leads to, as in Keycloak's `realm_access.roles`."""
    if name in claims:
        return claims[name]
    first, _, rest = name.partition(".")
    inner = claims.get(first)
    return _claim(inner, rest) if rest and isinstance(inner, dict) else None


def _roles(claim: object) -> frozenset[Role]:
    """Roles that are not ours are another service's. A text is one role: `no operator` is not two of them."""
    words = [claim] if isinstance(claim, str) else claim
    listed = {word for word in words if isinstance(word, str)} if isinstance(words, list) else set()
    return frozenset(role for role in Role if role in listed)


def _lacking(claim: object, name: str, wrong: str) -> Forbidden:
    said = f"the token has no claim {name}" if claim is None else f"the token's claim {name} {wrong}"
    return Forbidden(Issue(subject="Authorization", description=said, source="header"))

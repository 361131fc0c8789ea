"""Cookies that say who is signed in, or about to be. Over https they are bound to this host and travel over nothing else.

What its token is worth is left to `subscriptions/access/sessions.py`.
"""

from starlette.requests import Request
from starlette.responses import Response

from service.services import services_of

#: RFC 6265bis 4.1.3.2: no other host and no other path can have set it. It needs https, which a laptop does not have.
SECURE, PLAIN = "__Host-hooklake", "hooklake_session"
#: What a browser keeps while its person is away at another issuer, and for how many seconds.
FLOW, AWAY = "hooklake_flow", 600


def token(request: Request) -> str:
    """The token of the session that the request names; empty: none."""
    return request.cookies.get(_name(request), "")


def give(request: Request, response: Response, value: str) -> None:
    """Has the browser keep the token of a session, for as long as one can last."""
    seconds = int(services_of(request).ground.session_lifetime)
    secure = _secure(request)
    response.set_cookie(_name(request), value, seconds, path="/", secure=secure, httponly=True, samesite="lax")


def take(request: Request, response: Response) -> None:
    """Has the browser forget it."""
    response.delete_cookie(_name(request), path="/", secure=_secure(request), httponly=True, samesite="lax")


def flow(request: Request) -> str:
    """What the browser kept of the sign-in that it has begun; empty: nothing."""
    return request.cookies.get(_flow_name(request), "")


def give_flow(request: Request, response: Response, value: str) -> None:
    """Has the browser keep what it has to bring back."""
    secure = _secure(request)
    # Lax: who comes back comes from another site, by a link.
    response.set_cookie(_flow_name(request), value, AWAY, path="/", secure=secure, httponly=True, samesite="lax")


def take_flow(request: Request, response: Response) -> None:
    """Has the browser forget it."""
    response.delete_cookie(_flow_name(request), path="/", secure=_secure(request), httponly=True, samesite="lax")


def _flow_name(request: Request) -> str:
    return f"__Host-{FLOW}" if _secure(request) else FLOW


def _name(request: Request) -> str:
    return SECURE if _secure(request) else PLAIN


def _secure(request: Request) -> bool:
    # Of a proxy that is trusted it is what the proxy was asked by (HOOKLAKE_TRUSTED_PROXIES).
    return request.url.scheme == "https"

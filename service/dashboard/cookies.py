"""The cookie that says who is signed in. Over https it is bound to this host, and travels over nothing else.

What its token is worth is left to `subscriptions/access/sessions.py`.
"""

from starlette.requests import Request
from starlette.responses import Response

from service.services import services_of

#: RFC 6265bis 4.1.3.2: no other host and no other path can have set it. It needs https, which a laptop does not have.
SECURE, PLAIN = "__Host-hooklake", "hooklake_session"


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


def _name(request: Request) -> str:
    return SECURE if _secure(request) else PLAIN


def _secure(request: Request) -> bool:
    # Of a proxy that is trusted it is what the proxy was asked by (HOOKLAKE_TRUSTED_PROXIES).
    return request.url.scheme == "https"

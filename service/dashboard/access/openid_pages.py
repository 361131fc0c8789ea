"""Signing in with another issuer: a browser is sent there, and comes back with a code.

What is asked of the issuer, and what is believed of its answer, is left to `subscriptions/access/openid_sign_in.py`.
"""

import logging
from urllib.parse import parse_qsl, urlencode

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from service.dashboard.access import signing_in
from service.dashboard.frame import cookies, visitors
from service.dashboard.frame.rendering import HEADERS
from service.services import services_of
from subscriptions.access.openid_sign_in import OpenIDSignIn, SignInFlow
from subscriptions.ground.errors import Absent, HooklakeError, Refused, Unauthorized, Unavailable

log = logging.getLogger("hooklake.access")

PATH = visitors.SIGN_IN + "/openid"
ANSWERED = PATH + "/answered"


async def begun(request: Request) -> Response:
    """GET /dashboard/sign-in/openid?next="""
    services = services_of(request)
    wanted = signing_in.following(request.query_params.get("next", ""))
    try:
        target, flow = await _sign_in(request).begin(services.clock())
    except Unavailable as error:
        return _refused(request, f"{error.dependency} does not answer at the moment: {error.cause}.", 503)
    response = RedirectResponse(target, 303, headers=HEADERS)
    kept = {"state": flow.state, "nonce": flow.nonce, "verifier": flow.verifier, "next": wanted}
    cookies.give_flow(request, response, urlencode(kept))
    return response


async def answered(request: Request) -> Response:
    """GET /dashboard/sign-in/openid/answered?code=&state="""
    services, address = services_of(request), visitors.address(request)
    kept = dict(parse_qsl(cookies.flow(request)))
    flow = SignInFlow(**{name: kept.get(name, "") for name in ("state", "nonce", "verifier")})
    sign_in = _sign_in(request)
    # Only what is asked of the issuer is counted: any page can send a browser here, with nothing of ours.
    if not flow.state or request.query_params.get("state", "") != flow.state:
        return _refused(
            request, "You are not signed in: it is the answer to another sign-in, or one that is too old.", 403
        )
    if seconds := services.sign_ins.begin(flow.state, address, services.clock()):
        return _refused(request, f"Too many sign-ins were tried from here. Try again in {seconds} s.", 429)
    try:
        outside = await sign_in.finish(flow, dict(request.query_params), services.clock())
        token = await services.people.vouched(outside, signing_in.browser(request), now=services.clock())
    except Unavailable as error:
        services.sign_ins.failed(flow.state, address, services.clock())
        return _refused(request, f"{error.dependency} could not be asked who you are: {error.cause}.", 503)
    except Absent:
        return _refused(request, "An operator has removed you: ask one to let you in again.", 403)
    except (Unauthorized, Refused) as error:
        services.sign_ins.failed(flow.state, address, services.clock())
        log.info("person.refused address=%s by=openid why=%r", address, str(error))
        return _refused(request, f"You are not signed in: {_why(error)}.", 403)
    response = await signing_in.entered(request, token, signing_in.following(kept.get("next", "")), by="openid")
    cookies.take_flow(request, response)
    return response


def _sign_in(request: Request) -> OpenIDSignIn:
    sign_in = services_of(request).openid_sign_in
    if sign_in is None:
        raise HTTPException(404, "No issuer signs people in here: HOOKLAKE_OIDC_CLIENT_ID is not set")
    return sign_in


def _why(error: HooklakeError) -> str:
    return error.issues[0].description if isinstance(error, Refused) else str(error)


def _refused(request: Request, error: str, status: int) -> Response:
    response = signing_in.drawn(request, status, error=error)
    cookies.take_flow(request, response)
    return response

"""Signing in and out: with a name and a password, or with a link that works once.

Signing in with another issuer is left to `openid_pages.py`; what a session is to `subscriptions/access/sessions.py`.
"""

import hashlib
import logging
from dataclasses import replace
from math import ceil
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from service.answers import AUDIENCE
from service.dashboard.frame import cookies, forms, navigation, visitors
from service.dashboard.frame.rendering import HEADERS, redirect, render
from service.dashboard.frame.visitors import SIGN_IN
from service.limits.addresses import household
from service.services import services_of
from subscriptions.access.people import folded
from subscriptions.access.sessions import Browser, DashboardSession
from subscriptions.ground.audience import STAYS
from subscriptions.ground.database import asked_by
from subscriptions.ground.errors import Busy, TooSoon, Unauthorized

log = logging.getLogger("hooklake.access")

HOME = "/dashboard"
SIGN_OUT = "/dashboard/sign-out"
TEMPLATE, LINK = "access/sign_in.html", "access/link.html"
#: Bytes of the form.
FORM_BYTES = 16384
LONGEST_NEXT = 2000


async def page(request: Request) -> Response:
    """GET /dashboard/sign-in?next=&link="""
    token = request.query_params.get("link", "")
    if token:
        return await _offered(request, token)
    wanted = following(request.query_params.get("next", ""))
    if cookies.token(request) and (known := await visitors.session_of(request, cookies.token(request))):
        return redirect(_landing(request, known, wanted))
    return drawn(request, wanted=wanted)


async def signed_in(request: Request) -> Response:
    """POST /dashboard/sign-in: `name` and `password`, or `link`; `next` is where to go then"""
    form = await forms.read(request, FORM_BYTES)
    if link := form.text("link"):
        return await _by_link(request, link)
    name, wanted = form.line("name"), following(form.text("next"))
    services, address, whom = services_of(request), visitors.address(request), _counted(form.line("name"))
    if seconds := services.sign_ins.begin(whom, address, services.clock()):
        return _refused(
            request, name, wanted, f"Too many passwords were tried from here. Try again in {seconds} s.", seconds
        )
    try:
        with asked_by(household(address), request.scope.get(AUDIENCE, STAYS)):
            asked = replace(browser(request), doubt=services.sign_ins.doubt(whom, address, services.clock()))
            token = await services.people.sign_in(name, form.text("password"), asked, now=services.clock())
    except (TooSoon, Busy) as error:
        seconds = ceil(getattr(error, "seconds", 2))
        return _refused(request, name, wanted, f"Too many sign in just now. Try again in {seconds} s.", seconds)
    except Unauthorized:
        services.sign_ins.failed(whom, address, services.clock())
        log.info("person.refused address=%s", address)
        return _refused(request, name, wanted, "The name or the password is wrong.")
    services.sign_ins.succeeded(whom, address)
    return await entered(request, token, wanted, by="password")


async def signed_out(request: Request) -> Response:
    """POST /dashboard/sign-out"""
    session = visitors.visitor(request).session
    await services_of(request).people.end(session.id, of=session.person.id)
    log.info("person.signed_out person=%s address=%s", session.person.id, visitors.address(request))
    response = redirect(SIGN_IN, said="You are signed out.")
    cookies.take(request, response)
    return response


async def entered(request: Request, token: str, wanted: str, *, by: str) -> Response:
    """Leads somebody in who has just signed in; a session that the browser had before ends."""
    services = services_of(request)
    before = cookies.token(request)
    if before and (old := await visitors.session_of(request, before)):
        await services.people.end(old.id, of=old.person.id)
    now = await visitors.session_of(request, token)
    log.info(
        "person.signed_in person=%s by=%s address=%s", now.person.id if now else "-", by, visitors.address(request)
    )
    response = redirect(_landing(request, now, wanted) if now else wanted)
    cookies.give(request, response, token)
    return response


def drawn(request: Request, status: int = 200, *, typed: str = "", wanted: str = HOME, error: str = "") -> Response:
    """The page, with what was typed as name, where to go then, and what went wrong."""
    other = services_of(request).openid_sign_in
    issuer = urlsplit(other.issuer).netloc if other else ""
    return render(request, TEMPLATE, status, typed=typed, wanted=wanted, error=error, issuer=issuer)


def browser(request: Request) -> Browser:
    """Where a request comes from."""
    return Browser(address=visitors.address(request), agent=request.headers.get("user-agent", ""))


def following(wanted: str) -> str:
    """Where to go after signing in: a page of the dashboard, whatever was asked for."""
    plain = wanted.startswith((HOME + "/", HOME + "?")) and len(wanted) <= LONGEST_NEXT
    # A browser takes a backslash for a slash, and some control characters for nothing.
    return wanted if plain and wanted.isprintable() and "\\" not in wanted and "//" not in wanted else HOME


def _landing(request: Request, session: DashboardSession, wanted: str) -> str:
    """Whoever asked for no page begins with the first that their roles let them see: of a publisher that is no overview."""
    return wanted if wanted != HOME else navigation.home(request, visitors.known_by(request, session)).path


async def _offered(request: Request, token: str) -> Response:
    """What a link leads to is a button: whoever looks at links before people do would use it up."""
    services = services_of(request)
    with asked_by(household(visitors.address(request)), request.scope.get(AUDIENCE, STAYS)):
        person = await services.people.linked(token, now=services.clock())
    if person is None:
        error = "The link was used, is too old, or a password was set since. Make another one with `hooklake people link NAME`."
        return drawn(request, 410, error=error)
    return render(request, LINK, token=token, person=person)


async def _by_link(request: Request, link: str) -> Response:
    services = services_of(request)
    try:
        with asked_by(household(visitors.address(request)), request.scope.get(AUDIENCE, STAYS)):
            token = await services.people.sign_in_by_link(link, browser(request), now=services.clock())
    except Unauthorized:
        return RedirectResponse(f"{SIGN_IN}?link=used", 303, headers=HEADERS)
    return await entered(request, token, HOME, by="link")


def _refused(request: Request, name: str, wanted: str, error: str, seconds: int = 0) -> Response:
    status = 429 if seconds else 400
    response = drawn(request, status, typed=name, wanted=wanted, error=error)
    if seconds:
        response.headers["Retry-After"] = str(seconds)
    return response


def _counted(name: str) -> str:
    """Whom failures are counted for: a name may be long."""
    return hashlib.blake2b(folded(name).encode(errors="surrogatepass"), digest_size=16).hexdigest()

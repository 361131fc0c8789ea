"""The visitor's own account: where they are signed in, and their password; operators see everybody's sessions.

When a session ends by itself is left to `subscriptions/access/sessions.py`.
"""

import logging
from uuid import UUID

from starlette.requests import Request
from starlette.responses import Response

from service import auth
from service.api import cursors, reading
from service.auth import Permission
from service.dashboard.access import agents
from service.dashboard.frame import forms, visitors
from service.dashboard.frame.rendering import redirect, render
from service.services import services_of
from subscriptions.access.sessions import Stretch
from subscriptions.ground.errors import Forbidden, Issue, Refused, Unauthorized

log = logging.getLogger("hooklake.access")

PATH = "/dashboard/sessions"
PAGE = 50
#: The query that shows everybody's.
EVERYBODY = "everybody"


async def listed(request: Request) -> Response:
    """GET /dashboard/sessions?everybody="""
    return await _page(request)


async def ended(request: Request) -> Response:
    """POST /dashboard/sessions/{id}/end: one's own, an operator anybody's"""
    visitor = visitors.visitor(request)
    wanted = reading.identifier(request, "id", "Session")
    operator = auth.may(visitor.caller, Permission.MANAGE_PEOPLE)
    await services_of(request).people.end(wanted, of=None if operator else visitor.person.id)
    log.info("session.ended session=%s by=%s", wanted, visitor.person.id)
    everybody = request.query_params.get(EVERYBODY) == "true"
    return redirect(f"{PATH}?{EVERYBODY}=true" if everybody else PATH, said="The session has ended.")


async def others_ended(request: Request) -> Response:
    """POST /dashboard/sessions/others/end: all of one's own but this one"""
    visitor = visitors.visitor(request)
    number = await services_of(request).people.end_all(visitor.person.id, but=visitor.session.id)
    log.info("session.ended_others number=%d by=%s", number, visitor.person.id)
    return redirect(PATH, said=f"{number} other session{'' if number == 1 else 's'} ended.")


async def password_set(request: Request) -> Response:
    """POST /dashboard/sessions/password: `current`, `password` and `again`; all other sessions end"""
    visitor, form, services = visitors.visitor(request), await forms.read(request), services_of(request)
    if visitor.person.issuer:
        said = f"is kept by {visitor.person.issuer}, who vouches for you"
        raise Forbidden(Issue(subject="password", description=said))
    address, whom = visitors.address(request), str(visitor.person.id)
    if form.text("password") != form.text("again"):
        return await _page(request, 400, wrong={"again": "The two passwords differ."})
    if form.text("password") == form.text("current"):
        return await _page(request, 400, wrong={"password": "It is the one that you have."})
    if seconds := services.sign_ins.begin(whom, address, services.clock()):
        said = f"Too many passwords were tried from here. Try again in {seconds} s."
        return await _page(request, 429, wrong={"current": said})
    try:
        await services.people.change_password(
            visitor.person.id, form.text("current"), form.text("password"), but=visitor.session.id
        )
    except Unauthorized:
        services.sign_ins.failed(whom, address, services.clock())
        return await _page(request, 400, wrong={"current": "This is not your password."})
    except Refused as error:
        return await _page(request, 400, wrong={"password": f"It {error.issues[0].description}."})
    log.info("person.password_set person=%s", visitor.person.id)
    return redirect(PATH, said="Your password is another one now, and your other sessions have ended.")


async def _page(request: Request, status: int = 200, wrong: dict[str, str] | None = None) -> Response:
    visitor, services = visitors.visitor(request), services_of(request)
    everybody = request.query_params.get(EVERYBODY) == "true" and auth.may(visitor.caller, Permission.MANAGE_PEOPLE)
    of: UUID | None = None if everybody else visitor.person.id
    stretch = Stretch(limit=PAGE + 1, after=cursors.read(request), of=of)
    found = await services.people.sessions(stretch, now=services.clock())
    last = found[PAGE - 1] if len(found) > PAGE else None
    return render(
        request,
        "access/sessions.html",
        status,
        sessions=found[:PAGE],
        everybody=everybody,
        next_page=cursors.written(last.created_at, last.id) if last else "",
        wrong=wrong or {},
        named=agents.named,
        idle=services.ground.session_idle,
        lifetime=services.ground.session_lifetime,
    )

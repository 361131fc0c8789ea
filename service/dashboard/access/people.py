"""People who may sign in, for operators: listed, let in, given other roles, removed.

How a person is kept is left to `subscriptions/access/people.py`.
"""

import logging
from collections.abc import AsyncIterator, Mapping

from starlette.requests import Request
from starlette.responses import Response

from service.api import cursors, reading
from service.dashboard.access import agents
from service.dashboard.frame import export, forms, visitors
from service.dashboard.frame.rendering import redirect, render
from service.dashboard.frame.visitors import SIGN_IN
from service.services import services_of
from subscriptions.access.clients import Role
from subscriptions.access.people import Person, PersonDraft
from subscriptions.access.people_store import LINK
from subscriptions.access.sessions import Stretch
from subscriptions.ground.errors import Conflicting, Issue, Refused

log = logging.getLogger("hooklake.access")

PATH = "/dashboard/people"
PAGE, FILE_PAGE = 50, 500
COLUMNS = ("Id", "Name", "Roles", "Workspace", "Signs in by", "Last signed in", "Since", "Removed")
#: Sessions that a person's page shows.
SHOWN = 20


async def listed(request: Request) -> Response:
    """GET /dashboard/people?workspace=&format="""
    if export.wanted(request):
        return export.answer(request, "people", COLUMNS, _rows(request))
    return await _page(request)


async def _rows(request: Request) -> AsyncIterator[export.Rows]:
    """All of them, a page at a time, in the order of COLUMNS."""
    workspace, after = visitors.visitor(request).workspace(request), None
    while found := await services_of(request).people.page(within=workspace, after=after, limit=FILE_PAGE):
        yield [
            (
                *(each.id, each.name, " ".join(sorted(each.roles)), each.workspace_id),
                *(each.issuer or ("password" if each.has_password else "link"), each.signed_in_at, each.created_at),
                each.removed_at,
            )
            for each in found
        ]
        after = found[-1].created_at, found[-1].id


async def added(request: Request) -> Response:
    """POST /dashboard/people: `name`, `workspace` and `role`s; they set a password when they first sign in, by a link"""
    form, services = await forms.read(request), services_of(request)
    typed = {"name": form.line("name"), "workspace": form.line("workspace"), "roles": form.every("role")}
    try:
        draft = PersonDraft(name=form.line("name"), workspace_id=form.line("workspace"), roles=_roles(form))
        person = await services.people.create(draft, None, now=services.clock())
    except Refused as error:
        wrong = {issue.subject: issue.description.capitalize() + "." for issue in error.issues}
        return await _page(request, 409 if isinstance(error, Conflicting) else 400, typed=typed, wrong=wrong)
    _tell("added", person, request)
    said = f"{person.name} may sign in, once they have a link."
    if await services.workspaces.unknown([person.workspace_id]):
        said += " No client and no webhook is of that workspace yet."
    return redirect(f"{PATH}/{person.id}", said=said)


async def shown(request: Request) -> Response:
    """GET /dashboard/people/{id}"""
    return await _person(request, await _found(request))


async def roles_set(request: Request) -> Response:
    """POST /dashboard/people/{id}/roles: `role`s, which hold from the next request on"""
    person, form = await _found(request), await forms.read(request)
    roles = _roles(form)
    if Role.OPERATOR not in roles:
        _not_oneself(request, person, "take the role operator from yourself")
    try:
        changed = await services_of(request).people.set_roles(person.id, roles)
    except Refused as error:
        return await _person(request, person, 400, wrong=error.issues[0].description.capitalize() + ".")
    _tell("roles_set", changed, request)
    return redirect(f"{PATH}/{person.id}", said=f"{person.name} has other roles from now on.")


async def linked(request: Request) -> Response:
    """POST /dashboard/people/{id}/link: shows a link that signs them in, this once"""
    person, services = await _found(request), services_of(request)
    token = await services.people.link(person.id, now=services.clock())
    _tell("linked", person, request)
    return await _person(request, person, link=f"{services.settings.url}{SIGN_IN}?link={token}")


async def removed(request: Request) -> Response:
    """POST /dashboard/people/{id}/remove: their sessions end"""
    person, services = await _found(request), services_of(request)
    _not_oneself(request, person, "remove yourself")
    await services.people.remove(person.id, now=services.clock())
    _tell("removed", person, request)
    return redirect(PATH, said=f"{person.name} may not sign in any more.")


async def _found(request: Request) -> Person:
    return await services_of(request).people.find(reading.identifier(request, "id", "Person"))


def _not_oneself(request: Request, person: Person, what: str) -> None:
    if person.id == visitors.visitor(request).person.id:
        said = f"you cannot {what}: another operator can, or `hooklake people`"
        raise Conflicting(Issue(subject="person", description=said))


def _roles(form: forms.FormFields) -> frozenset[Role]:
    return frozenset(role for role in Role if role in form.every("role"))


def _tell(what: str, person: Person, request: Request) -> None:
    log.info("person.%s person=%s by=%s", what, person.id, visitors.visitor(request).person.id)


async def _page(
    request: Request,
    status: int = 200,
    *,
    typed: Mapping[str, object] | None = None,
    wrong: dict[str, str] | None = None,
) -> Response:
    visitor = visitors.visitor(request)
    workspace = visitor.workspace(request)
    found = await services_of(request).people.page(within=workspace, after=cursors.read(request), limit=PAGE + 1)
    last = found[PAGE - 1] if len(found) > PAGE else None
    return render(
        request,
        "access/people.html",
        status,
        people=found[:PAGE],
        next_page=cursors.written(last.created_at, last.id) if last else "",
        typed=typed or {"name": "", "workspace": workspace or visitor.caller.workspace_id, "roles": [Role.VIEWER]},
        wrong=wrong or {},
        known_roles=list(Role),
    )


async def _person(request: Request, person: Person, status: int = 200, *, link: str = "", wrong: str = "") -> Response:
    services = services_of(request)
    sessions = await services.people.sessions(Stretch(limit=SHOWN, of=person.id), now=services.clock())
    return render(
        request,
        "access/person.html",
        status,
        person=person,
        sessions=sessions,
        named=agents.named,
        link_made=link,
        minutes=int(LINK.total_seconds() // 60),
        wrong=wrong,
        known_roles=list(Role),
    )

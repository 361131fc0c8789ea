"""Applications: the named publishers of a workspace, registered, changed and removed, with the URL that each posts its events to.

What a name may be is left to `subscriptions/catalogue/applications.py`.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from starlette.requests import Request
from starlette.responses import Response

from service import auth
from service.api import applications as api
from service.api import reading, workspaces
from service.api.kyma import EVENTS_V2
from service.auth import Permission
from service.dashboard.catalogue.event_types import PATH as TYPES
from service.dashboard.frame import forms, visitors
from service.dashboard.frame.forms import FormFields
from service.dashboard.frame.rendering import redirect, render
from service.dashboard.webhooks.webhook_actions import back
from service.services import services_of
from subscriptions.catalogue.application_apis import ApiPageKey
from subscriptions.catalogue.applications import (
    ApplicationChange,
    ApplicationDraft,
    RegisteredApplication,
    event_url,
)
from subscriptions.ground.errors import Conflicting, Forbidden, Issue, Refused
from subscriptions.webhooks.webhook_list import Sort, WebhookQuery

PATH = TYPES + "/applications"
#: Applications of a page, event APIs of one that are named, webhooks that one may be chosen from, characters of a description.
PAGE, NAMED, CHOICES, PROSE = 100, 50, 200, 2000
_UNSEEN = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")
BLANK: Mapping[str, str] = dict.fromkeys(("name", "description", "webhook"), "")


async def listed(request: Request) -> Response:
    """GET /dashboard/catalogue/applications?search=&offset="""
    return await _list(request, BLANK)


async def registered(request: Request) -> Response:
    """POST /dashboard/catalogue/applications: `name`, `description`, and the `webhook` that is told its event URL"""
    services, caller = services_of(request), visitors.visitor(request).caller
    auth.require(caller, Permission.CREATE_EVENT_TYPES)
    form = await forms.read(request)
    values = {name: form.line(name) for name in BLANK}
    workspace = visitors.visitor(request).workspace(request) or caller.workspace_id
    try:
        if workspace != caller.workspace_id:
            await workspaces.check(request, workspace)
        draft = ApplicationDraft(
            workspace_id=workspace,
            name=values["name"],
            description=_description(form),
            webhook=_webhook(values["webhook"]),
        )
        made = await services.event_urls.register(draft, by=auth.scope(caller))
    except Forbidden:
        raise
    except Refused as error:
        return await _list(request, values, error)
    api.tell("registered", made, request)
    return redirect(back(request, f"{PATH}/{made.id}"), said=f"{made.name} is registered.")


async def shown(request: Request) -> Response:
    """GET /dashboard/catalogue/applications/{id}"""
    return await _page(request, await _found(request))


async def changed(request: Request) -> Response:
    """POST /dashboard/catalogue/applications/{id}: `description` and `webhook`; its name is for good"""
    services, caller = services_of(request), visitors.visitor(request).caller
    auth.require(caller, Permission.UPDATE_EVENT_TYPES)
    of, form = await _found(request), await forms.read(request)
    values = {"description": form.line("description"), "webhook": form.line("webhook")}
    try:
        webhook = _webhook(values["webhook"])
        change = ApplicationChange(description=_description(form), webhook=webhook, without_webhook=webhook is None)
        after = await services.event_urls.change(of.id, change, by=auth.scope(caller))
    except Forbidden:
        raise
    except Refused as error:
        return await _page(request, of, values=values, error=error)
    api.tell("changed", after, request)
    return redirect(back(request, f"{PATH}/{of.id}"), said="Saved.")


async def removed(request: Request) -> Response:
    """POST /dashboard/catalogue/applications/{id}/remove: by `force` where it has event APIs"""
    caller = visitors.visitor(request).caller
    auth.require(caller, Permission.DELETE_EVENT_TYPES)
    of, form = await _found(request), await forms.given(request)
    try:
        await services_of(request).applications.remove(of.id, force=form.ticked("force"), by=auth.scope(caller))
    except Conflicting as error:
        return await _page(request, of, error=error)
    api.tell("removed", of, request)
    return redirect(back(request, PATH), said=f"{of.name} is removed.")


async def _found(request: Request) -> RegisteredApplication:
    wanted = reading.identifier(request, "id", "Application")
    return await services_of(request).applications.find(wanted, by=auth.scope(visitors.visitor(request).caller))


def _webhook(text: str) -> UUID | None:
    try:
        return UUID(text) if text else None
    except ValueError:
        raise Refused(Issue(subject="webhookId", description="is no id of a webhook")) from None


def _description(form: FormFields) -> str:
    text = form.line("description")
    if len(text) > PROSE or _UNSEEN.search(text):
        said = f"has at most {PROSE:,} characters, none of them a control character"
        raise Refused(Issue(subject="description", description=said))
    return text


async def _list(request: Request, values: Mapping[str, str], error: Refused | None = None) -> Response:
    services, visitor = services_of(request), visitors.visitor(request)
    search = reading.words(request, "search", most=api.SEARCH)
    _, offset = reading.paging(request, default=PAGE, most=PAGE)
    workspace = visitor.workspace(request)
    found, total = await services.applications.page(workspace_id=workspace, limit=PAGE, offset=offset, search=search)
    registers = auth.may(visitor.caller, Permission.CREATE_EVENT_TYPES)
    return render(
        request,
        "catalogue/applications.html",
        _status(error),
        applications=[(each, event_url(services.settings.url, each.name)) for each in found],
        search=search,
        total=total,
        offset=offset,
        following=offset + PAGE if offset + PAGE < total else None,
        registers=registers,
        webhooks=await _choices(request, workspace or visitor.caller.workspace_id) if registers else None,
        values=values,
        **_wrong(error),
    )


async def _page(
    request: Request,
    of: RegisteredApplication,
    *,
    values: Mapping[str, str] | None = None,
    error: Refused | None = None,
) -> Response:
    services, caller = services_of(request), visitors.visitor(request).caller
    key = ApiPageKey(workspace_id=of.workspace_id, application=of.name, limit=NAMED)
    apis = (await services.application_apis.pages([key]))[key]
    changes = auth.may(caller, Permission.UPDATE_EVENT_TYPES)
    standing = {"description": of.description, "webhook": "" if of.webhook is None else str(of.webhook)}
    return render(
        request,
        "catalogue/application.html",
        _status(error),
        application=of,
        own=f"{PATH}/{of.id}",
        url=event_url(services.settings.url, of.name),
        cloud_url=services.settings.url + EVENTS_V2.format(application=of.name),
        apis=apis.items,
        total=apis.total,
        changes=changes,
        removes=auth.may(caller, Permission.DELETE_EVENT_TYPES),
        webhooks=await _choices(request, of.workspace_id, standing["webhook"]) if changes else None,
        values=values or standing,
        **_wrong(error),
    )


async def _choices(request: Request, workspace: str, standing: str = "") -> Sequence[tuple[str, str]] | None:
    """Webhooks of the workspace as options of a field, what stands there among them; None for whoever may not read them."""
    if not auth.may(visitors.visitor(request).caller, Permission.READ_WEBHOOKS):
        return None
    query = WebhookQuery(workspace_id=workspace, sort=Sort.NAME, limit=CHOICES)
    page = await services_of(request).webhook_lifecycle.listed(query)
    known = {"": "None"} | {str(each.id): each.name for each in page.webhooks}
    return list(({standing: standing} | known).items())


def _wrong(error: Refused | None) -> dict[str, Any]:
    """What is wrong, beside its field, and the rest."""
    fields = {"name": "name", "description": "description", "webhookId": "webhook"}
    issues = () if error is None else error.issues
    wrong = {fields[each.subject]: each.description for each in issues if each.subject in fields}
    return {"wrong": wrong, "refused": "; ".join(each.description for each in issues if each.subject not in fields)}


def _status(error: Refused | None) -> int:
    return 200 if error is None else 409 if isinstance(error, Conflicting) else 400

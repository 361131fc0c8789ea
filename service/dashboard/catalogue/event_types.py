"""The catalogue: service managers, their API groups and event types; of each type an example, and who has subscribed to it.

Which types there are is left to `subscriptions/events`, what a test event says to `subscriptions/events/samples.py`.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from delivery.publishing.event_tester import TryOut
from service import auth
from service.api import public_catalogue, reading, testing, workspaces
from service.api.catalogue import LONGEST_SEARCH
from service.api.public_catalogue import VERSIONS
from service.api.testing import Broadcast, shown_data
from service.auth import Permission
from service.dashboard.catalogue import subscribers
from service.dashboard.frame import export, forms, visitors
from service.dashboard.frame.forms import FormFields
from service.dashboard.frame.rendering import redirect, render
from service.dashboard.webhooks.webhook_actions import SENT, back
from service.dashboard.webhooks.webhook_list import PATH as WEBHOOKS
from service.services import services_of
from subscriptions.catalogue.event_schemas import Misfits
from subscriptions.catalogue.misfit_report import MisfitCount
from subscriptions.events import catalogue, directory, json_text, samples
from subscriptions.events.event_type_rows import (
    CatalogueEntry,
)
from subscriptions.events.samples import SampleType
from subscriptions.ground import event_keys
from subscriptions.ground.errors import Absent, Forbidden, Refused
from subscriptions.webhooks.webhook_list import Sort, WebhookQuery

PATH = "/dashboard/catalogue"
#: Types of a page; webhooks that one may be chosen from.
PAGE, CHOICES = 200, 200
COLUMNS = ("Type", "Friendly name", "Category", "API group", "Service manager", "Subscribers", "Registered")


@dataclass(frozen=True, kw_only=True)
class ListedType:
    """An event type in the list."""

    id: str
    entry: CatalogueEntry
    category: str
    #: Webhooks that have subscribed to it, of those that the visitor sees; None where they may see none.
    subscribers: int | None
    #: Its events that did not fit its schema, of those that the visitor is told of; None: none.
    misfits: MisfitCount | None


@dataclass(frozen=True, kw_only=True)
class ShownMisfits:
    """Events of a type that did not fit, and one of them."""

    of: Misfits
    #: Its `id`, `source` and `at`, and its `faults`: each with `pointer` and `message`.
    sample: Mapping[str, Any]


async def listed(request: Request) -> Response:
    """GET /dashboard/catalogue?search=&offset="""
    search = reading.words(request, "search", most=LONGEST_SEARCH)
    _, offset = reading.paging(request, default=PAGE, most=PAGE)
    if export.wanted(request):
        return export.answer(request, "catalogue", COLUMNS, _pages(request, search))
    entries, total = await services_of(request).types.page(limit=PAGE, offset=offset, search=search)
    return render(
        request,
        "catalogue/list.html",
        groups=directory.grouped(await _types(request, entries), lambda each: each.entry),
        search=search,
        total=total,
        offset=offset,
        following=offset + PAGE if offset + PAGE < total else None,
    )


async def shown(request: Request) -> Response:
    """GET /dashboard/catalogue/{id}"""
    return await _page(request, await _found(request))


async def sent(request: Request) -> Response:
    """POST /dashboard/catalogue/{id}/send: a test event to one `webhook` only"""
    entry, form = await _found(request), await forms.read(request)
    asked = TryOut(webhook=_webhook(form.line("webhook")), event_type=entry.type, data=_data(form))
    try:
        made = await testing.send(services_of(request), visitors.visitor(request).caller, asked)
    except Forbidden:
        raise
    except Refused as error:
        return await _refused(request, entry, error, form)
    return redirect(
        back(request, f"{WEBHOOKS}/{asked.webhook}") + "#deliveries", said=SENT[made.state], of=made.event.key
    )


async def published(request: Request) -> Response:
    """POST /dashboard/catalogue/{id}/publish: a test event to all of a `workspace` who have subscribed"""
    entry, form = await _found(request), await forms.read(request)
    caller, workspace = visitors.visitor(request).caller, form.line("workspace")
    asked = Broadcast(event_type=entry.type, workspace_id=workspace or None, data=_data(form))
    try:
        if workspace and workspace != caller.workspace_id:
            await workspaces.check(request, workspace)
        receipt = await testing.publish(services_of(request), caller, asked)
    except Forbidden:
        raise
    except Refused as error:
        return await _refused(request, entry, error, form)
    said = f"A test event is published, and sent to {_many(receipt.matched)}."
    if receipt.matched == 0:
        said = "A test event is published; no webhook wants it, by what they have subscribed to and their filters."
    return redirect(back(request, f"{PATH}/{directory.type_id(entry.type)}"), said=said)


def _many(matched: int | None) -> str:
    return "many webhooks" if matched is None else f"{matched} webhook{'s' * (matched != 1)}"


async def _refused(request: Request, entry: CatalogueEntry, error: Refused, form: FormFields) -> Response:
    why = "; ".join(f"{issue.subject} {issue.description}" for issue in error.issues)
    return await _page(request, entry, 400, refused=f"No test event was sent: {why}.", data=form.text("data"))


def _webhook(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise Absent("Webhook", text) from None


def _data(form: FormFields) -> bytes | None:
    text = form.text("data").strip()
    return text.encode() if text else None


async def _pages(request: Request, search: str) -> AsyncIterator[list[list[object]]]:
    """All types that are found, a page at a time, in the order of COLUMNS."""
    offset, total = 0, 1
    while offset < total:
        entries, total = await services_of(request).types.page(limit=PAGE, offset=offset, search=search)
        offset += PAGE
        yield [_row(each) for each in await _types(request, entries)]


def _row(of: ListedType) -> list[object]:
    entry = of.entry
    said: list[object] = [entry.type, entry.friendly_name, of.category, entry.api_group, entry.service_manager]
    return [*said, of.subscribers, entry.created_at]


async def _found(request: Request) -> CatalogueEntry:
    return await services_of(request).directory.find(reading.identifier(request, "id", "Event type"))


async def _types(request: Request, entries: Sequence[CatalogueEntry]) -> list[ListedType]:
    services, visitor = services_of(request), visitors.visitor(request)
    counted: Mapping[str, int] | None = None
    if auth.may(visitor.caller, Permission.READ_SUBSCRIPTIONS):
        names = [each.type for each in entries]
        counted = await services.subscription_store.subscribers(visitor.workspace(request), names)
    found = await services.misfit_report.counts(auth.scope(visitor.caller), types=[each.type for each in entries])
    misfits = {each.event_type: each for each in found}
    return [
        ListedType(
            id=str(directory.type_id(each.type)),
            entry=each,
            category=_category(request, each.type),
            subscribers=None if counted is None else counted.get(each.type, 0),
            misfits=misfits.get(each.type),
        )
        for each in entries
    ]


def _category(request: Request, event_type: str) -> str:
    return str(catalogue.category(event_type, prefix=services_of(request).ground.type_prefix))


async def _page(
    request: Request, entry: CatalogueEntry, status: int = 200, *, refused: str = "", data: str = ""
) -> Response:
    services, visitor = services_of(request), visitors.visitor(request)
    workspace = visitor.workspace(request)
    named, more = await subscribers.named(request, event_type=entry.type)
    tries = auth.may(visitor.caller, Permission.UPDATE_WEBHOOKS)
    _, offset = reading.paging(request, default=VERSIONS, most=VERSIONS)
    versions = await services.described_types.newest(entry.type, VERSIONS + 1, offset)
    readable, following = public_catalogue.page(versions, offset)
    choices = WebhookQuery(workspace_id=workspace, sort=Sort.NAME, limit=CHOICES)
    page = await services.webhook_lifecycle.listed(choices) if tries else None
    return render(
        request,
        "catalogue/type.html",
        status,
        entry=entry,
        category=_category(request, entry.type),
        versions=readable,
        misfits=await _misfits(request, entry),
        following=following,
        example=_example(request, entry, workspace or visitor.caller.workspace_id, shown_data(versions)),
        subscribers=named,
        more=more,
        webhooks=page.webhooks if page else [],
        publishes=auth.may(visitor.caller, Permission.TEST_EVENTS),
        subscribes=auth.may(visitor.caller, Permission.READ_SUBSCRIPTIONS),
        own=workspace or visitor.caller.workspace_id,
        refused=refused,
        data=data,
        id=str(directory.type_id(entry.type)),
    )


async def _misfits(request: Request, entry: CatalogueEntry) -> ShownMisfits | None:
    """Of the visitor's own events, where the type is theirs; of all for operators."""
    scope = auth.scope(visitors.visitor(request).caller)
    if scope not in (None, entry.workspace_id):
        return None
    found = await services_of(request).schemas.misfits(entry.type, scope)
    return None if found is None else ShownMisfits(of=found, sample=json_text.load(found.sample))


def _example(request: Request, entry: CatalogueEntry, workspace: str, data: bytes | None) -> str:
    """An event of the type, indented; empty for one that nobody may look like."""
    services = services_of(request)
    now = services.clock()
    of = SampleType(type=entry.type, workspace_id=workspace, naming=services.naming)
    try:
        ours = catalogue.reserved(entry.type, prefix=services.ground.type_prefix)
        made = samples.made(of, key=event_keys.new(now), now=now, data=None if ours else data)
    except Refused:
        return ""
    return msgspec.json.format(made.body, indent=2).decode()

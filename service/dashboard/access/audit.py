"""The audit log as a page, and as a file: who changed what, newest first.

What leaves an entry is left to `subscriptions/ground/audit.py`.
"""

from collections.abc import AsyncIterator
from dataclasses import replace

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from service.api import audit as api
from service.api import reading
from service.auth import scope
from service.dashboard.frame import export, visitors
from service.dashboard.frame.rendering import HEADERS, render
from service.services import services_of
from subscriptions.access.audit_log import CATEGORIES, READ, AuditEntry, AuditQuery

PATH = "/dashboard/audit"
PAGE, FILE_PAGE = 50, 1000
FILTERS = ("actor", "action", "subject", "since", "until")
COLUMNS = ("At", "Who", "Kind", "Roles", "Address", "Action", "Thing", "Id", "Workspace", "Changes")


async def listed(request: Request) -> Response:
    """GET /dashboard/audit?actor=&action=&subject=&since=&until=&after=&format="""
    query = api.asked(request.query_params, visitors.visitor(request).workspace(request), limit=PAGE)
    if export.wanted(request):
        return export.answer(request, "audit-log", COLUMNS, _rows(request, query))
    if request.query_params.get("format") == "json":
        return await _json(request, query)
    page = await services_of(request).audit_log.page(query)
    kept = {name: request.query_params.get(name, "") for name in FILTERS}
    return render(
        request,
        "access/audit.html",
        page=page,
        kept=kept,
        filtered=any(kept.values()),
        names=sorted(CATEGORIES),
        kinds=[(name, name.replace("-", " ").capitalize()) for name in sorted(CATEGORIES)],
        read=READ,
    )


async def shown(request: Request) -> Response:
    """GET /dashboard/audit/{id}"""
    wanted = reading.identifier(request, "id", "Audit log entry")
    entry = await services_of(request).audit_log.find(scope(visitors.visitor(request).caller), wanted)
    return render(request, "access/audit_entry.html", entry=entry, written=_written)


async def _rows(request: Request, query: AuditQuery) -> AsyncIterator[export.Rows]:
    async for entries in _pages(request, query):
        yield [
            (
                each.at,
                each.actor_name,
                each.actor_kind,
                " ".join(each.roles),
                each.address,
                each.action,
                each.name,
                each.subject,
                each.workspace_id,
                _written([{"field": name, "before": old, "after": new} for name, old, new in each.changes]),
            )
            for each in entries
        ]


async def _json(request: Request, query: AuditQuery) -> Response:
    """As many as the API has in a page; the rest is the API's."""
    page = await services_of(request).audit_log.page(replace(query, limit=FILE_PAGE))
    body = {"items": [api.shown(each) for each in page.entries], "count": len(page.entries)}
    headers = {**HEADERS, "Content-Disposition": 'attachment; filename="audit-log.json"'}
    return Response(
        msgspec.json.encode(body | ({"next": str(page.next)} if page.next else {})), 200, headers, "application/json"
    )


async def _pages(request: Request, query: AuditQuery) -> AsyncIterator[list[AuditEntry]]:
    query = replace(query, limit=FILE_PAGE)
    while True:
        page = await services_of(request).audit_log.page(query)
        yield list(page.entries)
        if page.next is None:
            return
        query = replace(query, after=page.next)


def _written(value: object) -> str:
    """A value as JSON; a text as it is."""
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()

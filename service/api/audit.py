"""The audit log over HTTP: who changed what, newest first, in the form of GreenLake's audit log (greenlake.md 1.14).

How entries are kept and found is left to `subscriptions/access/audit_log.py`.
"""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import TypeVar
from uuid import UUID

from starlette.requests import Request
from starlette.responses import Response

from service import auth
from service.api import reading, workspaces, writing
from service.services import services_of
from subscriptions.access.audit_log import AuditEntry, AuditQuery
from subscriptions.ground.errors import Issue, Refused

T = TypeVar("T")

PATH = "/audit-log/v1/logs"
#: Entries of a page.
PAGE = 200
#: Characters of what is asked for.
LONGEST = 200


async def listed(request: Request) -> Response:
    """`GET /audit-log/v1/logs`: `items`, `count`, and `next` where there may be more"""
    limit, _ = reading.paging(request, default=PAGE, most=PAGE)
    query = asked(request.query_params, await workspaces.within(request), limit=limit)
    page = await services_of(request).audit_log.page(query)
    body: dict[str, object] = {"items": [shown(each) for each in page.entries], "count": len(page.entries)}
    return writing.json(body if page.next is None else {**body, "next": str(page.next)})


async def read(request: Request) -> Response:
    """`GET /audit-log/v1/logs/{id}`"""
    wanted = reading.identifier(request, "id", "Audit log entry")
    scope = auth.scope(auth.caller(request))
    return writing.json(shown(await services_of(request).audit_log.find(scope, wanted)))


def asked(query: Mapping[str, str], workspace: str | None, *, limit: int) -> AuditQuery:
    """Which entries a query asks for, for the API and for pages alike; raises Refused, which names each parameter."""
    issues: list[Issue] = []

    def given(name: str, read: Callable[[str], T], wrong: str) -> T | None:
        text = query.get(name, "").strip()
        try:
            return read(text) if text else None
        except (ValueError, OverflowError):
            issues.append(Issue(subject=name, description=f"{wrong}: {text[:50]!r}", source="query.parameter"))
            return None

    found = AuditQuery(
        workspace_id=workspace,
        actor=given("actor", _text, "is too long") or "",
        action=given("action", _text, "is too long") or "",
        subject=given("subject", _text, "is too long") or "",
        since=given("since", _moment, "is no time such as 2026-11-28T14:00:00Z"),
        until=given("until", _moment, "is no time such as 2026-11-28T14:00:00Z"),
        after=given("after", UUID, "is none that a page of this list has named"),
        limit=limit,
    )
    if issues:
        raise Refused(*issues)
    return found


def shown(entry: AuditEntry) -> dict[str, object]:
    """An entry as GreenLake's audit log has it; who, what and how it changed beside it."""
    return {
        "id": str(entry.id),
        "type": "audit-log/log",
        "resourceUri": f"{PATH}/{entry.id}",
        "user": {"username": entry.actor_name},
        "workspace": {"id": entry.workspace_id},
        "category": entry.category,
        "description": entry.description,
        "createdAt": writing.moment(entry.at),
        "ipAddress": entry.address,
        "action": entry.action,
        "subject": {"id": entry.subject, "name": entry.name},
        "actor": {
            "kind": entry.actor_kind,
            "id": entry.actor,
            "workspaceId": entry.actor_workspace,
            "roles": list(entry.roles),
        },
        "changes": [{"field": name, "before": before, "after": after} for name, before, after in entry.changes],
    }


def _text(text: str) -> str:
    if len(text) > LONGEST or "\0" in text:
        raise ValueError(text)
    return text


def _moment(text: str) -> datetime:
    when = datetime.fromisoformat(text)
    # A field of a page has no offset.
    when = when if when.tzinfo else when.replace(tzinfo=UTC)
    if not 1970 < when.year < 9000:
        raise ValueError(text)
    return when

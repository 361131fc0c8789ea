"""Issues over HTTP: listed, read, acknowledged, snoozed and reopened (ours).

How they come to be and end is left to `delivery/upkeep/issue_watch.py`, words for them to `delivery/reports/issue_words.py`.
"""

import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from delivery.issue_kinds import IssueKind, IssueState
from delivery.reports.issue_members import members
from delivery.reports.issues import After, IssueSearch, ListedIssue
from delivery.upkeep.issue_handling import Handled
from service import auth
from service.api import reading, workspaces, writing
from service.auth import Permission
from service.services import Services, services_of
from subscriptions.access.access_tokens import Caller
from subscriptions.ground.errors import Issue, Refused

log = logging.getLogger("hooklake.service")

PATH = "/events/v1beta1/issues"
LIMIT, MOST = 50, 200

Move = Literal["acknowledge", "snooze", "reopen"]


class IssueNoteInput(msgspec.Struct, forbid_unknown_fields=True, rename="camel", frozen=True, kw_only=True):
    """What somebody says of an issue."""

    until: datetime | None = None
    note: str = ""


@dataclass(frozen=True, kw_only=True)
class Word:
    """What somebody makes of an issue."""

    move: Move
    until: datetime | None = None
    note: str = ""


async def listed(request: Request) -> Response:
    """`GET /events/v1beta1/issues`"""
    search = query(request, await workspaces.within(request))
    limit, _ = reading.paging(request, default=LIMIT, most=MOST)
    page = await services_of(request).issues.page(msgspec.structs.replace(search, limit=limit))
    return writing.json(
        {
            "items": [shown(each) for each in page.items],
            "count": len(page.items),
            "next": None if page.after is None else cursor(page.after),
        }
    )


async def read(request: Request) -> Response:
    """`GET /events/v1beta1/issues/{id}`"""
    wanted = reading.identifier(request, "id", "Issue")
    return writing.json(shown(await services_of(request).issues.one(auth.scope(auth.caller(request)), wanted)))


def handling(move: Move) -> Callable[[Request], Awaitable[Response]]:
    """`POST /events/v1beta1/issues/{id}/acknowledge`, `.../snooze` or `.../reopen`"""

    async def handled(request: Request) -> Response:
        wanted = reading.identifier(request, "id", "Issue")
        given = reading.decode(await reading.body(request), IssueNoteInput)
        word = Word(move=move, until=given.until, note=given.note)
        return writing.json(shown(await handle(services_of(request), auth.caller(request), wanted, word)))

    return handled


acknowledge, snooze, reopen = handling("acknowledge"), handling("snooze"), handling("reopen")


async def handle(services: Services, caller: Caller, id: UUID, word: Word) -> ListedIssue:
    """Does it. Raises Forbidden, Refused, Absent, Conflicting."""
    auth.require(caller, Permission.UPDATE_WEBHOOKS)
    of = Handled(id=id, workspace_id=auth.scope(caller), by=caller.name, said=word.note)
    door = services.issue_handling
    if word.move == "reopen":
        if word.until is not None:
            raise Refused(Issue(subject="until", description="says nothing of an issue that is reopened"))
        issue = await door.reopen(of)
    elif word.move == "acknowledge":
        issue = await door.acknowledge(of, word.until)
    elif word.until is None:
        raise Refused(Issue(subject="until", description="is required: an issue is snoozed until then"))
    else:
        issue = await door.snooze(of, word.until)
    log.info("issue.handled issue=%s move=%s until=%s by=%s", id, word.move, word.until, caller.client_id)
    return issue


def query(request: Request, workspace: str | None) -> IssueSearch:
    """`webhookId`, `state`s, `kind`s and `after`, of which an empty one asks for nothing; raises Refused."""
    asked = request.query_params
    webhook = asked.get("webhookId", "")
    try:
        of = UUID(webhook) if webhook else None
    except ValueError:
        raise _refused("webhookId", f"is no UUID: {webhook[:50]!r}") from None
    return IssueSearch(
        workspace_id=workspace,
        webhook=of,
        states=tuple(IssueState(each) for each in _words(request, "state", [str(state) for state in IssueState])),
        kinds=tuple(IssueKind(each) for each in _words(request, "kind", [str(kind) for kind in IssueKind])),
        after=_after(asked.get("after", "")),
        limit=LIMIT,
    )


def cursor(after: After) -> str:
    """Where the next page begins."""
    return f"{after.rank}.{after.id}"


def _after(text: str) -> After | None:
    if not text:
        return None
    rank, _, key = text.partition(".")
    try:
        if not (rank.isascii() and rank.isdigit() and len(rank) < 3):
            raise ValueError(rank)
        return After(int(rank), UUID(key))
    except ValueError:
        raise _refused("after", "has to be the next of a page of this list") from None


def _words(request: Request, name: str, known: list[str]) -> list[str]:
    given = [each for each in request.query_params.getlist(name) if each]
    for each in given:
        if each not in known:
            raise _refused(name, f"must be one of {', '.join(known)}, and is {each[:50]!r}")
    return given


def _refused(name: str, said: str) -> Refused:
    return Refused(Issue(subject=name, description=said, source="query.parameter"))


def shown(issue: ListedIssue) -> dict[str, object]:
    """An issue as the contract has it."""
    body: dict[str, object] = members(issue) | {
        "state": issue.state,
        "affectedEvents": issue.events,
        "openedAt": writing.moment(issue.opened_at),
        "firstSeenAt": writing.moment(issue.first_at),
        "lastSeenAt": writing.moment(issue.last_at),
        "handledBy": issue.acted_by,
        "note": issue.said,
    }
    if issue.workspace_id:
        body["workspaceId"] = issue.workspace_id
    moments = {"handledAt": issue.acted_at, "until": issue.until, "resolvedAt": issue.resolved_at}
    return body | {name: writing.moment(at) for name, at in moments.items() if at is not None}

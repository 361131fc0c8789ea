"""Issues: what is wrong, the worst first; one of them with what it affects, what was answered last, and what can be done.

What makes and ends an issue is left to `delivery/upkeep/issue_watch.py`, its words to `delivery/reports/issue_words.py`.
"""

from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta
from urllib.parse import urlencode

from msgspec.structs import replace
from starlette.requests import Request
from starlette.responses import Response

from delivery.delivery_filter import DeliveryId
from delivery.issue_kinds import OF_ATTEMPTS, IssueKind, IssueState
from delivery.lifecycle import State
from delivery.reports import issue_words
from delivery.reports.issues import AffectedDelivery, IssueSearch, ListedIssue, ending
from delivery.reports.one_delivery import OneAttempt
from service import auth
from service.api import inspection, reading
from service.api import issues as api
from service.auth import Permission
from service.dashboard.attention import concerns
from service.dashboard.frame import export, forms, payloads, visitors, webhook_choices
from service.dashboard.frame.rendering import redirect, render
from service.dashboard.frame.visitors import NAME
from service.services import services_of
from subscriptions.ground.errors import Absent, Conflicting, Issue, Refused

PATH = "/dashboard/issues"
PAGE = 50
COLUMNS = (
    *("Id", "Kind", "State", "What is wrong", "What to do", "Webhook", "Workspace", "Cause", "Last seen as"),
    *("Failed attempts", "Given up", "First seen", "Last seen", "Handled by", "Until", "Note", "Resolved"),
)
#: What is shown where nothing is asked for.
USUAL = (IssueState.OPEN,)
STATES = (
    ("", "Open"),
    (str(IssueState.ACKNOWLEDGED), "Acknowledged"),
    (str(IssueState.SNOOZED), "Snoozed"),
    (str(IssueState.RESOLVED), "Resolved"),
    ("any", "Any"),
)
KINDS = (("", "Any"), *((str(kind), issue_words.name(kind)) for kind in IssueKind))
#: Kinds that a right answer to a challenge ends: whoever sees the webhook may ask for one.
VERIFIED = frozenset({IssueKind.VERIFICATION, IssueKind.HALTED})
#: For how long an issue can be snoozed with one click.
SNOOZES = (("hour", "1 hour", timedelta(hours=1)), ("day", "1 day", timedelta(days=1)))


async def listed(request: Request) -> Response:
    """GET /dashboard/issues?state=&kind=&webhookId=&after="""
    services, visitor = services_of(request), visitors.visitor(request)
    workspace = visitor.workspace(request)
    if elsewhere := await webhook_choices.by_id(request):
        return redirect(elsewhere)
    search = _search(request, workspace)
    if export.wanted(request):
        return export.answer(request, "issues", COLUMNS, _pages(request, search))
    page = await services.issues.page(search)
    asked = request.query_params
    operator = auth.scope(visitor.caller) is None
    # While nothing is carried nothing fails either.
    late = () if page.items else list(concerns.of_carriers(await services.carriers.look(), operator=operator))
    return render(
        request,
        "issues/list.html",
        issues=page.items,
        late=late,
        following=None if page.after is None else api.cursor(page.after),
        counts=await services.issues.counts(workspace),
        query={name: asked.get(name, "") for name in ("state", "kind", "webhookId", "after")},
        asked=bool(asked.get("kind") or asked.get("webhookId")),
        states=STATES,
        kinds=KINDS,
        webhooks=await webhook_choices.choices(request),
    )


async def shown(request: Request) -> Response:
    """GET /dashboard/issues/{id}"""
    return await _page(request, await _found(request))


async def acknowledged(request: Request) -> Response:
    """POST /dashboard/issues/{id}/acknowledge: `note`, and `until` where it is not for good"""
    form = await forms.read(request)
    return await _handled(
        request,
        form,
        "acknowledge",
        "It is acknowledged: it stands under Acknowledged, and asks for nobody's attention.",
    )


async def snoozed(request: Request) -> Response:
    """POST /dashboard/issues/{id}/snooze: `for` an hour or a day, or `until`; and `note`"""
    return await _handled(request, await forms.read(request), "snooze", "It is snoozed, and open again then.")


async def reopened(request: Request) -> Response:
    """POST /dashboard/issues/{id}/reopen"""
    return await _handled(request, forms.FormFields({}), "reopen", "It is open again.")


async def _handled(request: Request, form: forms.FormFields, move: api.Move, said: str) -> Response:
    issue, services = await _found(request), services_of(request)
    typed = {"until": form.line("until"), "note": form.line("note")}
    try:
        until = None if move == "reopen" else _until(form, services.clock())
        word = api.Word(move=move, until=until, note=form.line("note") if move != "reopen" else "")
        await api.handle(services, visitors.visitor(request).caller, issue.id, word)
    except Refused as error:
        status = 409 if isinstance(error, Conflicting) else 400
        wrong = {each.subject: f"It {each.description}." for each in error.issues}
        return await _page(request, await _found(request), status, typed=typed, wrong=wrong)
    return redirect(_path(request, issue), said=said)


def _until(form: forms.FormFields, now: datetime) -> datetime | None:
    """What was clicked, or typed in UTC; raises Refused."""
    for name, _, span in SNOOZES:
        if form.line("for") == name:
            return now + span
    text = form.line("until")
    if not text:
        return None
    try:
        typed = datetime.fromisoformat(text)
    except ValueError:
        raise Refused(Issue(subject="until", description="is no moment such as 2026-11-28T14:00")) from None
    return typed if typed.tzinfo else typed.replace(tzinfo=UTC)


async def _found(request: Request) -> ListedIssue:
    wanted = reading.identifier(request, "id", "Issue")
    return await services_of(request).issues.one(visitors.visitor(request).workspace(request), wanted)


def _search(request: Request, workspace: str | None) -> IssueSearch:
    """As the API has it; open ones where no state is asked for, and all with `any`."""
    if request.query_params.get("state") == "any":
        scope = {**request.scope, "query_string": urlencode(_without_state(request)).encode()}
        return replace(api.query(Request(scope), workspace), limit=PAGE)
    search = api.query(request, workspace)
    return replace(search, states=search.states or USUAL, limit=PAGE)


def _without_state(request: Request) -> Sequence[tuple[str, str]]:
    return [(name, value) for name, value in request.query_params.multi_items() if name != "state"]


async def _pages(request: Request, search: IssueSearch) -> AsyncIterator[list[list[object]]]:
    """All that are found, a page at a time, in the order of COLUMNS."""
    while True:
        page = await services_of(request).issues.page(search)
        yield [_row(each) for each in page.items]
        if page.after is None:
            return
        search = replace(search, after=page.after)


def _row(of: ListedIssue) -> list[object]:
    cells: list[object] = [
        of.id,
        of.kind_name,
        of.state,
        of.wrong,
        of.to_do,
        of.webhook_name,
        of.workspace_id,
        of.cause,
    ]
    cells += [of.reason, of.attempts, of.given_up, of.first_at, of.last_at, of.acted_by, of.until, of.said]
    return [*cells, of.resolved_at]


async def _page(
    request: Request,
    issue: ListedIssue,
    status: int = 200,
    *,
    typed: dict[str, str] | None = None,
    wrong: dict[str, str] | None = None,
) -> Response:
    services, visitor = services_of(request), visitors.visitor(request)
    affected = await services.issues.affected(issue)
    answer = await _answer(request, affected, issue)
    return render(
        request,
        "issues/one.html",
        status,
        issue=issue,
        own=f"{PATH}/{issue.id}",
        affected=affected,
        answer=answer,
        body=payloads.laid_out(answer.response_body) if answer else "",
        step=step(issue),
        verify=f"/dashboard/webhooks/{issue.webhook}" if issue.webhook and issue.kind in VERIFIED else "",
        again=again(issue) if auth.may(visitor.caller, Permission.UPDATE_WEBHOOKS) else None,
        ending=ending(issue, services.assembly.settings.issue_quiet),
        of_attempts=issue.kind in OF_ATTEMPTS,
        may_handle=auth.may(visitor.caller, Permission.UPDATE_WEBHOOKS) and issue.state is not IssueState.RESOLVED,
        snoozes=SNOOZES,
        # Who changes a note goes on from the one that there is.
        typed=typed or {"until": "", "note": issue.said if issue.state is not IssueState.OPEN else ""},
        wrong=wrong or {},
    )


async def _answer(request: Request, affected: Sequence[AffectedDelivery], issue: ListedIssue) -> OneAttempt | None:
    """The newest attempt that failed, as the visitor may see it; None where none is kept."""
    tried = [each for each in affected if each.started_at is not None]
    if not tried or issue.webhook is None:
        return None
    newest = max(tried, key=lambda each: each.started_at or datetime.min.replace(tzinfo=UTC))
    visitor = visitors.visitor(request)
    id = DeliveryId(newest.event, issue.webhook, newest.round)
    try:
        one = await inspection.details(services_of(request), visitor.caller, id, visitor.workspace(request))
    except Absent:
        return None
    failed = [each for each in one.attempts if not each.success]
    return failed[-1] if failed else None


def step(issue: ListedIssue) -> tuple[str, str, dict[str, str]] | None:
    """What to click to do what is to be done: its words, the page, and that page's query; None where nothing leads there."""
    if issue.webhook is None:
        return None
    webhook = f"/dashboard/webhooks/{issue.webhook}"
    match issue.kind:
        case IssueKind.VERIFICATION:
            return "Get a handler that answers", f"{webhook}/handler", {}
        case IssueKind.CREDENTIALS:
            return "Look at its credentials", f"{webhook}/edit", {}
        case IssueKind.CERTIFICATE:
            return "Give it another certificate", f"{webhook}/edit#tls", {}
        case IssueKind.STUCK | IssueKind.BACKLOG:
            return "See what waits", "/dashboard/deliveries", {"webhookId": str(issue.webhook), "state": "owed"}
        case IssueKind.HALTED | IssueKind.DISABLED:
            return "Go to the webhook", webhook, {}
    return "See its deliveries", "/dashboard/deliveries", {"webhookId": str(issue.webhook)}


def again(issue: ListedIssue) -> tuple[str, dict[str, str]] | None:
    """What of its deliveries can be sent again, in words, and the query of that replay; None where there is nothing to send.

    That is what the issue gave up or, of attempts that fail, what still waits to be tried again.
    """
    if issue.webhook is None or issue.kind not in OF_ATTEMPTS:
        return None
    if not issue.given_up:
        return "Retry all…", {"webhookId": str(issue.webhook), "state": str(State.OWED)}
    since = issue.first_at.astimezone(UTC).replace(microsecond=0).isoformat().replace("+00:00", "Z")
    return "Send its deliveries again", {
        "webhookId": str(issue.webhook),
        "state": str(State.FAILED),
        "endedSince": since,
    }


def _path(request: Request, issue: ListedIssue) -> str:
    chosen = request.query_params.get(NAME, "")
    return f"{PATH}/{issue.id}" + (f"?{NAME}={chosen}" if chosen else "")

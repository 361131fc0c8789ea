"""One webhook: its state and what needs somebody, what it has subscribed to, what it was sent, its secrets and certificates.

Changing it is left to `webhook_forms.py` and `webhook_actions.py`.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from delivery.issue_kinds import IssueKind, IssueState
from delivery.judgement import breaker
from delivery.judgement.breaker import Status
from delivery.reports import backlogs, state_words
from delivery.reports.figures import Scope
from delivery.reports.issues import Ending, IssueSearch, ListedIssue
from delivery.reports.recent_deliveries import RecentDelivery
from delivery.settings import DeliverySettings
from service import auth
from service.api import reading
from service.api.redaction import redacted
from service.auth import Permission
from service.dashboard.frame import visitors
from service.dashboard.frame.rendering import render
from service.dashboard.webhooks import webhook_attention, webhook_figures
from service.dashboard.webhooks.webhook_attention import WebhookStanding
from service.dashboard.webhooks.webhook_list import PATH
from service.services import services_of
from subscriptions.catalogue.api_report import VersionChoice
from subscriptions.events import catalogue
from subscriptions.events.event_type_rows import (
    CatalogueEntry,
)
from subscriptions.webhooks import certificates
from subscriptions.webhooks.subscription_list import Subscription, SubscriptionQuery
from subscriptions.webhooks.webhook import Webhook

#: Deliveries on the page, subscriptions, and past states.
RECENT, SUBSCRIPTIONS, HISTORY = 10, 100, 12
#: Issues on the page: of kinds that nothing else there tells.
ISSUES = 5
TOLD = (IssueKind.STUCK, IssueKind.GIVEN_UP, IssueKind.CREDENTIALS, IssueKind.FAILURES, IssueKind.BACKLOG)


async def shown(request: Request) -> Response:
    """GET /dashboard/webhooks/{id}"""
    return await page(request, await found(request))


async def found(request: Request) -> Webhook:
    """The webhook of the path, if the visitor sees it; raises Absent."""
    scope = auth.scope(visitors.visitor(request).caller)
    return await services_of(request).webhook_lifecycle.find(scope, reading.identifier(request, "id", "Webhook"))


async def subscribed(request: Request, webhook: Webhook) -> list[Subscription]:
    """What it has subscribed to, by what the types are called."""
    query = SubscriptionQuery(workspace_id=webhook.workspace_id, webhook=webhook.id, limit=SUBSCRIPTIONS)
    listed, _ = await services_of(request).subscription_store.listed(query)
    return sorted(listed, key=lambda each: (each.friendly_name, each.event_type))


def path_of(webhook: Webhook) -> str:
    """Its page."""
    return f"{PATH}/{webhook.id}"


async def page(request: Request, webhook: Webhook, status: int = 200, **more: Any) -> Response:
    """The webhook's page; `more` are values of the template beside its own."""
    services, caller = services_of(request), visitors.visitor(request).caller
    backlog = (await services.backlogs.of([webhook.id], most=backlogs.ONE))[webhook.id]
    probes = await services.backlogs.probes([webhook.id]) if webhook.status == Status.ERROR else {}
    subscriptions = await subscribed(request, webhook)
    recent, total = await services.history.recent(auth.scope(caller), webhook.id, limit=RECENT, offset=0)
    bundle, certificate = certificates.shown(webhook.ca_bundle), certificates.shown(webhook.client_certificate)[:1]
    seen = await services.receivers.certificate(webhook.id)
    standing = WebhookStanding(
        webhook=webhook,
        backlog=backlog,
        subscriptions=subscriptions,
        certificates=[*bundle, *certificate],
        receiver_until=seen.until if seen else None,
        probe_at=probes.get(webhook.id),
        issues=await _issues(request, webhook),
        quiet=services.assembly.settings.issue_quiet,
        arrived_at=next((each.updated_at for each in recent if each.success and not challenge(each)), None),
        unsent=(await services.carriers.look()).unsent,
        calm=_calm(webhook, services.assembly.settings),
    )
    values = {
        "webhook": webhook,
        "own": path_of(webhook),
        "backlog": backlog,
        "most": backlogs.ONE,
        "subscriptions": subscriptions,
        "categories": _categories(subscriptions, services.ground.type_prefix),
        "recent": recent if auth.may(caller, Permission.UPDATE_WEBHOOKS) else [redacted(each) for each in recent],
        "tried": total,
        "again": _again(recent),
        "bundle": bundle,
        "receiver": seen,
        "certificate": certificate[0] if certificate else None,
        "may": may(request),
        "trial": {"type": "", "data": "", "why": ""},
        "verifiable": webhook.challenge_request_enabled or services.assembly.settings.require_proof != "never",
    }
    return render(request, "webhooks/one.html", status, **{**values, **await _told(request, standing), **more})


def _calm(of: Webhook, settings: DeliverySettings) -> Ending | None:
    """Of one that warns and had a success since its last failure; a challenge that failed is no such warning."""
    last = of.last_failure_at
    if of.status != Status.WARNING or of.failures or last is None or state_words.of_challenge(of.state_reason):
        return None
    return Ending(since=last, at=breaker.calm_at(last, of.failures, rules=breaker.rules(settings)))


async def _told(request: Request, standing: WebhookStanding) -> dict[str, Any]:
    """How it stands, in words and in numbers."""
    now = services_of(request).clock()
    words: dict[str, Any] = {
        "verdict": webhook_attention.verdict(standing, now),
        "attention": webhook_attention.needed(standing, now),
    }
    words["deprecated"] = await _deprecated(request, standing.subscriptions)
    return words | await _numbers(request, standing.webhook)


async def _numbers(request: Request, of: Webhook) -> dict[str, Any]:
    services, seen = services_of(request), webhook_figures.span(request)
    numbers = await services.figures.over(seen, Scope.of(None, of.id))
    return {
        "span": seen,
        "spans": webhook_figures.SPANS,
        "numbers": numbers,
        "drawn": webhook_figures.plots(numbers),
        "history": (await services.standing.states(of.id))[:HISTORY],
    }


def challenge(of: RecentDelivery) -> bool:
    """Whether it is a question whether the destination wants events, and no event."""
    return of.type.endswith(".webhooks.verification") or of.type == "OPTIONS"


def _again(recent: Sequence[RecentDelivery]) -> tuple[str, str] | None:
    """What of them can be sent again together: its words, and the state that finds it; None where nothing failed."""
    missing = [each for each in recent if each.undelivered and not challenge(each)]
    if any(not each.retrying for each in missing):
        return "Send again what failed", "failed"
    return ("Retry all…", "owed") if missing else None


def _categories(subscriptions: Sequence[Subscription], prefix: str) -> Mapping[str, str]:
    """By type."""
    return {each.event_type: str(catalogue.category(each.event_type, prefix=prefix)) for each in subscriptions}


async def _deprecated(request: Request, subscriptions: Sequence[Subscription]) -> Mapping[str, VersionChoice]:
    """By type, the version that is received, where it is deprecated: the one that is pinned, or the current one."""
    known = await services_of(request).api_report.pinnable([each.event_type for each in subscriptions])
    return {
        each.event_type: one
        for each in subscriptions
        for one in known.get(each.event_type, ())
        if one.deprecated and (one.version == each.version if each.version else one.current)
    }


async def _issues(request: Request, of: Webhook) -> list[ListedIssue]:
    """The open ones that its status and certificates do not tell already."""
    search = IssueSearch(
        workspace_id=of.workspace_id, webhook=of.id, states=(IssueState.OPEN,), kinds=TOLD, limit=ISSUES
    )
    return list((await services_of(request).issues.page(search)).items)


def may(request: Request) -> dict[str, bool]:
    """What of a webhook's page the visitor may do."""
    caller = visitors.visitor(request).caller
    asked = {
        "change": Permission.UPDATE_WEBHOOKS,
        "remove": Permission.DELETE_WEBHOOKS,
        "subscribe": Permission.CREATE_SUBSCRIPTIONS,
        "unsubscribe": Permission.DELETE_SUBSCRIPTIONS,
        "resubscribe": Permission.UPDATE_SUBSCRIPTIONS,
    }
    return {name: auth.may(caller, permission) for name, permission in asked.items()}


async def types(request: Request) -> list[CatalogueEntry]:
    """The catalogue's types, as far as a choice on a page goes."""
    listed, _ = await services_of(request).types.page(limit=1000, offset=0)
    return listed

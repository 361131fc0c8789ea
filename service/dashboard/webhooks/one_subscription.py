"""One subscription of a webhook: its filter and the version that is understood are changed, or it is ended.

Which may stand is left to `subscriptions/webhooks/subscription_store.py`, what a filter may say to `filters/grammar.py`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from starlette.requests import Request
from starlette.responses import Response

from service import auth
from service.api import reading, subscriptions
from service.api.webhooks import owner
from service.auth import Permission
from service.dashboard.frame import forms, visitors
from service.dashboard.frame.rendering import redirect, render
from service.dashboard.webhooks import webhook_page
from service.dashboard.webhooks.webhook_actions import back
from service.services import services_of
from subscriptions.catalogue.api_report import VersionChoice
from subscriptions.ground.errors import Absent, Forbidden, Refused
from subscriptions.webhooks.filters import grammar
from subscriptions.webhooks.subscription_list import Subscription, SubscriptionRequest
from subscriptions.webhooks.subscription_store import Replacement
from subscriptions.webhooks.webhook import Webhook

#: Values and words of a field.
Options = Sequence[tuple[str, str]]
#: Why a version cannot be understood alone, as the API says it.
UNTOLD = "it says no dataschema, so that its events cannot be told from the current version's"


@dataclass(frozen=True, kw_only=True)
class TypedSubscription:
    """What the form of one subscription was sent with, or is first shown."""

    text: str
    #: Empty: any.
    version: str
    #: What is wrong with the filter.
    wrong: str = ""
    #: Why nothing was done.
    refused: str = ""


async def shown(request: Request) -> Response:
    """GET /dashboard/webhooks/{id}/subscriptions/{subscription}: its filter and version"""
    found = await webhook_page.found(request)
    one = await _one(request, found)
    return await _filter(request, found, one, TypedSubscription(text=one.event_filter, version=one.version))


async def changed(request: Request) -> Response:
    """POST /dashboard/webhooks/{id}/subscriptions/{subscription}: another filter or version, or none"""
    services, caller = services_of(request), visitors.visitor(request).caller
    auth.require(caller, Permission.UPDATE_SUBSCRIPTIONS)
    found, form = await webhook_page.found(request), await forms.read(request)
    one = await _one(request, found)
    # Of a type that has no versions the form does not ask.
    version = form.line("version") if form.ticked("version") else one.version
    asked = TypedSubscription(text=form.line("filter"), version=version)
    if wrong := fault(asked.text, services.ground.max_filter_conditions):
        return await _filter(request, found, one, replace(asked, wrong=wrong))
    order = SubscriptionRequest(
        event_type=one.event_type, webhook=found.id, event_filter=asked.text, version=asked.version
    )
    try:
        made = await services.subscription_store.replace(
            [Replacement(subscription=one.id, order=order)],
            owner(caller),
            within=auth.scope(caller),
            now=services.clock(),
        )
    except Forbidden:
        raise
    except Refused as error:
        said = "; ".join(issue.description for issue in error.issues)
        return await _filter(request, found, one, replace(asked, refused=f"Nothing was changed: {said}."))
    subscriptions.tell("replaced", made, caller.client_id)
    said = f"What is asked of {one.friendly_name} holds for what is published from now on."
    return redirect(back(request, webhook_page.path_of(found)) + "#subscriptions", said=said)


async def ended(request: Request) -> Response:
    """POST /dashboard/webhooks/{id}/subscriptions/{subscription}/end"""
    services, caller = services_of(request), visitors.visitor(request).caller
    auth.require(caller, Permission.DELETE_SUBSCRIPTIONS)
    found = await webhook_page.found(request)
    one = await _one(request, found)
    await services.subscription_store.remove(auth.scope(caller), [one.id])
    subscriptions.tell_removed([one.id], caller.client_id)
    return redirect(
        back(request, webhook_page.path_of(found)) + "#subscriptions",
        said=f"{one.friendly_name} is not sent to it any more.",
    )


async def _one(request: Request, of: Webhook) -> Subscription:
    wanted = reading.identifier(request, "subscription", "Subscription")
    found = [each for each in await webhook_page.subscribed(request, of) if each.id == wanted]
    if not found:
        raise Absent("Subscription", str(wanted))
    return found[0]


def fault(text: str, conditions: int) -> str:
    """Why this cannot be a filter; empty where it can, or is none."""
    try:
        if text:
            grammar.parse(text, conditions=conditions)
    except Refused as refused:
        return refused.issues[0].description
    return ""


async def _filter(request: Request, of: Webhook, one: Subscription, asked: TypedSubscription) -> Response:
    known = await services_of(request).api_report.pinnable([one.event_type])
    return render(
        request,
        "webhooks/filter.html",
        400 if asked.wrong or asked.refused else 200,
        webhook=of,
        subscription=one,
        asked=asked,
        versions=options(known.get(one.event_type, ()), one.version),
        untold=untold(known.get(one.event_type, ()), one.version),
    )


def untold(versions: Sequence[VersionChoice], standing: str = "") -> Sequence[str]:
    """The options that nobody can choose; what stands now stays chosen, so that the page says why it gets nothing."""
    return [each.version for each in versions if not each.distinct and each.version != standing]


def _words(choice: VersionChoice) -> str:
    known = [word for word, so in (("current", choice.current), ("deprecated", choice.deprecated)) if so]
    return ", ".join(known if choice.distinct else [*known, UNTOLD])


def options(versions: Sequence[VersionChoice], standing: str = "") -> Options:
    """The versions that may be chosen, and what stands now; empty where there is nothing to choose."""
    if not versions and not standing:
        return ()
    words = {each.version: _words(each) for each in versions}
    gone = [] if standing in ("", *words) else [(standing, f"{standing}, described no more")]
    return [("", "Any"), *((name, f"{name}, {word}" if word else name) for name, word in words.items()), *gone]

"""What a webhook subscribes to: event types are chosen, each with a filter and a version or without, and subscription sets.

Which may stand is left to `subscriptions/webhooks/subscription_store.py`; changing and ending one to `one_subscription.py`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from starlette.requests import Request
from starlette.responses import Response

from service import auth
from service.api import subscription_sets, subscriptions
from service.api.webhooks import owner
from service.auth import Permission
from service.dashboard.frame import forms, visitors
from service.dashboard.frame.rendering import redirect, render
from service.dashboard.webhooks import one_subscription, webhook_page
from service.dashboard.webhooks.webhook_actions import STEPS, back, onward
from service.services import Services, services_of
from subscriptions.catalogue.api_report import VersionChoice
from subscriptions.catalogue.builtin.shipped import SubscriptionSet
from subscriptions.events import catalogue, directory
from subscriptions.events.directory import GroupedTypes
from subscriptions.events.event_type_rows import (
    CatalogueEntry,
)
from subscriptions.ground.errors import LimitReached, Refused
from subscriptions.webhooks.subscription_list import Subscription, SubscriptionRequest
from subscriptions.webhooks.webhook import Webhook

#: What a form's fields are called that hold the filter of a type, and the version of it that is understood.
FILTER, VERSION = "filter:", "version:"


@dataclass(frozen=True, kw_only=True)
class TypeChoice:
    """An event type that can be chosen."""

    entry: CatalogueEntry
    category: str
    taken: bool
    #: Those that can be understood alone, as options of a field; empty: there is none.
    versions: one_subscription.Options
    #: Those of them that cannot be chosen.
    untold: Sequence[str]


@dataclass(frozen=True, kw_only=True)
class SetChoice:
    """A subscription set that can be chosen."""

    of: SubscriptionSet
    #: What people call its types.
    types: Sequence[str]
    #: Whether the webhook has subscribed to it.
    has: bool
    #: Whether it has subscribed to each of its types, by the set or without.
    whole: bool


@dataclass(frozen=True, kw_only=True)
class Typed:
    """What a form was sent with, and what is wrong with it."""

    chosen: Sequence[str] = ()
    #: By type.
    filters: Mapping[str, str] = field(default_factory=dict)
    #: By type, the one version that is understood; empty: any.
    versions: Mapping[str, str] = field(default_factory=dict)
    #: What is wrong with the filter of a type.
    wrong: Mapping[str, str] = field(default_factory=dict)
    #: Why nothing was done.
    refused: str = ""
    #: The steps that it is one of (`webhook_actions.STEPS`).
    then: str = ""


async def choosing(request: Request) -> Response:
    """GET /dashboard/webhooks/{id}/subscribe?type="""
    asked = request.query_params
    typed = Typed(chosen=asked.getlist("type"), then=asked.get("then", ""))
    return await _choices(request, await webhook_page.found(request), typed)


async def added(request: Request) -> Response:
    """POST /dashboard/webhooks/{id}/subscriptions: `type`s, each with its filter and version"""
    services, caller = services_of(request), visitors.visitor(request).caller
    auth.require(caller, Permission.CREATE_SUBSCRIPTIONS)
    found, form = await webhook_page.found(request), await forms.read(request)
    chosen, then = [each for each in form.every("type") if each], form.line("then")
    filters = {each: form.line(FILTER + each) for each in chosen}
    typed = Typed(
        chosen=chosen, filters=filters, versions={each: form.line(VERSION + each) for each in chosen}, then=then
    )
    wrong = {
        each: fault
        for each in chosen
        if (fault := one_subscription.fault(filters[each], services.ground.max_filter_conditions))
    }
    if not chosen:
        return await _choices(request, found, replace(typed, refused="Choose at least one event type."))
    if wrong:
        return await _choices(request, found, replace(typed, wrong=wrong))
    wanted = [
        SubscriptionRequest(event_type=each, webhook=found.id, event_filter=filters[each], version=typed.versions[each])
        for each in chosen
    ]
    try:
        subscriptions.bounded(wanted)
        made = await services.subscription_store.add(
            wanted, owner(caller), within=auth.scope(caller), now=services.clock()
        )
    except (Refused, LimitReached) as error:
        said = "; ".join(issue.description for issue in error.issues)
        return await _choices(request, found, replace(typed, refused=f"Nothing was changed: {said}."))
    subscriptions.tell("created", made, caller.client_id)
    said = f"{len(made)} event {'type is' if len(made) == 1 else 'types are'} sent to it from now on."
    path = onward(request, webhook_page.path_of(found), form)
    return redirect(path if then in STEPS else path + "#subscriptions", said=said)


async def added_set(request: Request) -> Response:
    """POST /dashboard/webhooks/{id}/subscription-sets: the `set`, in one go"""
    services, caller = services_of(request), visitors.visitor(request).caller
    auth.require(caller, Permission.CREATE_SUBSCRIPTIONS)
    found, form = await webhook_page.found(request), await forms.read(request)
    wanted = subscription_sets.named(services, form.line("set"))
    try:
        made = await subscription_sets.add(services, caller, wanted, found.id)
    except (Refused, LimitReached) as error:
        said = "; ".join(issue.description for issue in error.issues)
        return await _choices(request, found, Typed(refused=f"Nothing was changed: {said}.", then=form.line("then")))
    said = f"{wanted.title}: {len(made)} event {'type is' if len(made) == 1 else 'types are'} sent to it from now on."
    path, then = onward(request, webhook_page.path_of(found), form), form.line("then")
    return redirect(path if then in STEPS else path + "#subscriptions", said=said)


async def ended_set(request: Request) -> Response:
    """POST /dashboard/webhooks/{id}/subscription-sets/end: what it has by the `set`"""
    services, caller = services_of(request), visitors.visitor(request).caller
    auth.require(caller, Permission.DELETE_SUBSCRIPTIONS)
    found, form = await webhook_page.found(request), await forms.read(request)
    wanted = subscription_sets.named(services, form.line("set"))
    await subscription_sets.remove(services, caller, wanted, found.id)
    said = f"{wanted.title}: nothing of it is sent to it any more."
    return redirect(back(request, webhook_page.path_of(found)) + "#subscriptions", said=said)


def _sets(services: Services, standing: Sequence[Subscription], types: Sequence[CatalogueEntry]) -> list[SetChoice]:
    taken = {each.event_type for each in standing}
    called = {each.type: each.friendly_name for each in types}
    return [
        SetChoice(
            of=each,
            types=[called.get(name, name) for name in each.types],
            has=any(one.subscription_set == each.name for one in standing),
            whole=taken.issuperset(each.types),
        )
        for each in sorted(subscription_sets.known(services).values(), key=lambda each: each.title)
    ]


async def _choices(request: Request, of: Webhook, typed: Typed) -> Response:
    services = services_of(request)
    standing = await webhook_page.subscribed(request, of)
    most = services.ground.max_subscriptions_per_webhook
    types = await webhook_page.types(request)
    known = await services.api_report.pinnable([each.type for each in types])
    return render(
        request,
        "webhooks/subscribe.html",
        400 if typed.wrong or typed.refused else 200,
        webhook=of,
        groups=_grouped(types, standing, known, services.ground.type_prefix),
        sets=_sets(services, standing, types),
        may_end=auth.may(visitors.visitor(request).caller, Permission.DELETE_SUBSCRIPTIONS),
        typed=typed,
        most=most,
        left=most - counted(standing),
    )


def counted(standing: Sequence[Subscription]) -> int:
    """As how many a webhook's subscriptions count: those of one set are one."""
    sets = {each.subscription_set for each in standing if each.subscription_set}
    return len(sets) + sum(not each.subscription_set for each in standing)


def _grouped(
    types: Sequence[CatalogueEntry],
    standing: Sequence[Subscription],
    known: Mapping[str, Sequence[VersionChoice]],
    prefix: str,
) -> list[GroupedTypes[TypeChoice]]:
    taken = {each.event_type for each in standing}
    choices = [
        TypeChoice(
            entry=each,
            category=str(catalogue.category(each.type, prefix=prefix)),
            taken=each.type in taken,
            versions=one_subscription.options(known.get(each.type, ())),
            untold=one_subscription.untold(known.get(each.type, ())),
        )
        for each in types
    ]
    return directory.grouped(choices, lambda each: each.entry)

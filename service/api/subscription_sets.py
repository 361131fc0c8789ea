"""Subscription sets over HTTP: the event types of a shipped catalogue that one consumer receives, subscribed to in one go.

Which sets there are is left to `subscriptions/catalogue/builtin/shipped.py`, that they count as one to
`subscriptions/webhooks/subscription_room.py`.
"""

from collections.abc import Mapping
from uuid import UUID

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from service import auth
from service.api import reading, subscriptions, webhooks, writing
from service.api.subscriptions import Target
from service.services import Services, services_of
from subscriptions.access.access_tokens import Caller
from subscriptions.catalogue.builtin import shipped
from subscriptions.catalogue.builtin.shipped import SubscriptionSet
from subscriptions.ground.errors import Absent, Issue, Refused
from subscriptions.webhooks.subscription_list import Subscription, SubscriptionQuery, SubscriptionRequest

PATH = "/events/v1beta1/subscription-sets"
#: Subscriptions of a webhook that are looked through for those of a set.
MOST = 1000


class SetTarget(msgspec.Struct, forbid_unknown_fields=True, rename="camel", frozen=True, kw_only=True):
    """Which webhook subscribes to a set."""

    webhook: Target


async def listed(request: Request) -> Response:
    """`GET /events/v1beta1/subscription-sets`: those of the catalogues that are switched on, by name"""
    limit, offset = reading.paging(request, default=200, most=200)
    found = sorted(known(services_of(request)).values(), key=lambda each: each.name)
    items = (_set(each) for each in found[offset : offset + limit])
    return await writing.page(request, items, offset=offset, total=len(found))


async def subscribe(request: Request) -> Response:
    """`POST /events/v1beta1/subscription-sets/{name}/subscriptions`: 201 with what is new, an array"""
    services, caller = services_of(request), auth.caller(request)
    wanted = named(services, request.path_params["name"])
    given = reading.decode(await reading.body(request), SetTarget)
    made = await add(services, caller, wanted, _webhook(given.webhook.resource_uri))
    return writing.json([subscriptions.shown(each, services.ground.type_prefix) for each in made], 201)


async def end(request: Request) -> Response:
    """`DELETE /events/v1beta1/subscription-sets/{name}/subscriptions?webhookId=`: 204; what the set did not make stays"""
    services, caller = services_of(request), auth.caller(request)
    wanted = named(services, request.path_params["name"])
    try:
        webhook = UUID(request.query_params.get("webhookId", ""))
    except ValueError:
        said = "is required: the UUID of the webhook"
        raise Refused(Issue(subject="webhookId", description=said, source="query.parameter")) from None
    await remove(services, caller, wanted, webhook)
    return Response(status_code=204)


def known(services: Services) -> Mapping[str, SubscriptionSet]:
    """The sets of the catalogues that are switched on, by name."""
    return shipped.sets(services.ground.catalogues, prefix=services.ground.type_prefix)


def named(services: Services, name: str) -> SubscriptionSet:
    """The set of this name; raises Absent, also where its catalogue is not switched on."""
    found = known(services).get(name)
    if found is None:
        raise Absent("Subscription set", name)
    return found


async def add(services: Services, caller: Caller, wanted: SubscriptionSet, webhook: UUID) -> list[Subscription]:
    """Subscribes a webhook of the caller's workspace to what it has not of a set; raises Refused, LimitReached."""
    orders = [
        SubscriptionRequest(event_type=each, webhook=webhook, subscription_set=wanted.name) for each in wanted.types
    ]
    made = await services.subscription_store.add(
        orders, webhooks.owner(caller), within=auth.scope(caller), now=services.clock()
    )
    subscriptions.tell("created", made, caller.client_id)
    return made


async def remove(services: Services, caller: Caller, wanted: SubscriptionSet, webhook: UUID) -> None:
    """Ends the subscriptions that a webhook has by a set; raises Absent where it has none."""
    query = SubscriptionQuery(workspace_id=auth.scope(caller), webhook=webhook, limit=MOST)
    found, _ = await services.subscription_store.listed(query)
    ids = [each.id for each in found if each.subscription_set == wanted.name]
    if not ids:
        raise Absent("Subscription set of the webhook", wanted.name)
    await services.subscription_store.remove(auth.scope(caller), ids)
    subscriptions.tell_removed(ids, caller.client_id)


def _webhook(uri: str) -> UUID:
    prefix, _, text = uri.rpartition("/")
    try:
        if prefix == webhooks.PATH:
            return UUID(text)
    except ValueError:
        pass
    said = f"must be {webhooks.PATH}/<id of the webhook>"
    raise Refused(Issue(subject="webhook.resourceUri", description=said))


def _set(each: SubscriptionSet) -> dict[str, object]:
    return {
        "name": each.name,
        "type": "events/subscription-set",
        "title": each.title,
        "description": each.description,
        "eventTypes": list(each.types),
        "resourceUri": f"{PATH}/{each.name}",
    }

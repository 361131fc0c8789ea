"""Subscriptions over HTTP, in GreenLake's forms (greenlake.md 1.6).

Which orders stand, and what they may ask for, is left to `subscriptions/orders.py`.
"""

import re
from uuid import UUID

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from service import auth
from service.api import reading, webhooks, writing
from service.doors import doors_of
from subscriptions.errors import Issue, Refused
from subscriptions.orders import Order, Subscription

PATH = "/events/v1beta1/subscriptions"
#: GreenLake's default and maximum; its own clients ask for 100 and get 10.
LIMIT = 10

_FILTER = re.compile(r"\s*webhookId\s+eq\s+'([^']*)'\s*\Z")


class Target(msgspec.Struct, forbid_unknown_fields=True, rename="camel", frozen=True, kw_only=True):
    """Which webhook."""

    resource_uri: str


class Input(msgspec.Struct, forbid_unknown_fields=True, rename="camel", frozen=True, kw_only=True):
    """SubscriptionInput; of `eventFilter` only the empty one is taken so far."""

    event_type: str
    webhook: Target
    event_filter: str = ""


async def create(request: Request) -> Response:
    """`POST /events/v1beta1/subscriptions`: an array or one object, answered by an array (greenlake.md D.2)"""
    orders = _orders(await reading.body(request))
    doors, caller = doors_of(request), auth.caller(request)
    async with doors.database.transaction() as connection:
        made = await doors.orders.add(
            connection, orders, webhooks.owner(caller), within=auth.scope(caller), now=doors.clock()
        )
    return writing.json([_shown(each) for each in made], 201, {"Location": f"{PATH}/{made[0].id}"})


async def listed(request: Request) -> Response:
    """`GET /events/v1beta1/subscriptions?filter=`, newest first; without a filter, those of the whole workspace"""
    limit, offset = reading.paging(request, default=LIMIT, most=LIMIT)
    webhook = _filtered(request)
    doors, scope = doors_of(request), auth.scope(auth.caller(request))
    async with doors.database.transaction() as connection:
        found, total = await doors.orders.listed(connection, scope, webhook=webhook, limit=limit, offset=offset)
    return writing.page([_shown(each) for each in found], offset=offset, total=total)


async def remove(request: Request) -> Response:
    """`DELETE /events/v1beta1/subscriptions?id=...&id=...`: all of them or none"""
    ids = [_identifier(text) for text in request.query_params.getlist("id")]
    if not ids:
        raise Refused(Issue(subject="id", description="names the subscriptions to delete", source="query.parameter"))
    doors, scope = doors_of(request), auth.scope(auth.caller(request))
    async with doors.database.transaction() as connection:
        await doors.orders.remove(connection, scope, ids)
    return Response(status_code=204)


def _orders(body: bytes) -> list[Order]:
    if body.lstrip(b" \t\r\n")[:1] != b"[":
        return [_order(reading.decode(body, Input), "")]
    given = reading.decode(body, list[Input])
    if not given:
        raise Refused(Issue(subject="body", description="must hold at least one subscription"))
    return [_order(one, f"[{index}].") for index, one in enumerate(given)]


def _order(given: Input, at: str) -> Order:
    if given.event_filter.strip():
        said = "filters are not available yet: leave it out to get every event of the type"
        raise Refused(Issue(subject=f"{at}eventFilter", description=said))
    prefix, _, text = given.webhook.resource_uri.rpartition("/")
    webhook = _uuid(text)
    if prefix != webhooks.PATH or webhook is None:
        said = f"must be {webhooks.PATH}/<id of the webhook>"
        raise Refused(Issue(subject=f"{at}webhook.resourceUri", description=said))
    return Order(event_type=given.event_type, webhook=webhook, at=at)


def _filtered(request: Request) -> UUID | None:
    """The webhook that the one documented filter names; None without a filter."""
    text = request.query_params.get("filter", "")
    if not text.strip():
        return None
    match = _FILTER.match(text)
    webhook = _uuid(match[1]) if match else None
    if webhook is None:
        said = f"must be webhookId eq '<uuid>', and is {text[:200]!r}"
        raise Refused(Issue(subject="filter", description=said, source="query.parameter"))
    return webhook


def _identifier(text: str) -> UUID:
    found = _uuid(text)
    if found is None:
        said = f"must be the UUID of a subscription, and is {text[:50]!r}"
        raise Refused(Issue(subject="id", description=said, source="query.parameter"))
    return found


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


def _shown(subscription: Subscription) -> dict[str, object]:
    """SubscriptionResponse; `eventFilter` where there is one, `description` that of the event type."""
    body: dict[str, object] = {
        "id": str(subscription.id),
        "type": "events/subscription",
        "serviceManager": subscription.service_manager,
        "apiGroup": subscription.api_group,
        "eventType": subscription.event_type,
        "friendlyName": subscription.friendly_name,
        "description": subscription.description,
        "resourceUri": f"{PATH}/{subscription.id}",
        "webhook": {"resourceUri": f"{webhooks.PATH}/{subscription.webhook}"},
        "hpePrincipal": subscription.hpe_principal,
        "createdBy": subscription.created_by,
        "createdAt": writing.moment(subscription.created_at),
        "updatedBy": subscription.updated_by,
        "updatedAt": writing.moment(subscription.updated_at),
        "generation": subscription.generation,
    }
    return body | ({"eventFilter": subscription.event_filter} if subscription.event_filter else {})

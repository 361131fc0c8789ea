"""The system API: webhooks and subscriptions that services register for themselves, in reduced forms (greenlake.md 1.9).

They are webhooks and subscriptions like any other, of the operator's own workspace; what keeps them is left to
`subscriptions`. No challenge is asked of them. The input has no secret, so one is made that nobody is told: signatures go
out all the same, and an operator who wants to check them sets a secret by PATCH /events/v1beta1/webhooks/{id}.
"""

import logging
import secrets
from collections.abc import Sequence
from uuid import UUID

import msgspec
from msgspec import UNSET, UnsetType
from starlette.requests import Request
from starlette.responses import Response

from service import auth
from service.api import reading, subscriptions, webhooks, writing
from service.services import services_of
from subscriptions.ground.errors import Issue, Refused
from subscriptions.webhooks.subscription_list import Subscription, SubscriptionRequest
from subscriptions.webhooks.subscription_store import Replacement
from subscriptions.webhooks.system_webhooks import SystemSubscription, SystemWebhook
from subscriptions.webhooks.webhook import Change, Registration

log = logging.getLogger("hooklake.service")

WEBHOOKS = "/events/v1beta1/system-webhooks"
SUBSCRIPTIONS = "/events/v1beta1/system-subscriptions"
SECRET_BYTES = 32


class SystemWebhookInput(msgspec.Struct, forbid_unknown_fields=True, rename="camel", frozen=True, kw_only=True):
    """A system webhook as it is asked for."""

    name: str
    destination: str


class SystemWebhookUpdate(msgspec.Struct, forbid_unknown_fields=True, rename="camel", frozen=True, kw_only=True):
    """What a system webhook is to become."""

    name: str | UnsetType = UNSET
    destination: str | UnsetType = UNSET


class SystemSubscriptionInput(msgspec.Struct, forbid_unknown_fields=True, rename="camel", frozen=True, kw_only=True):
    """A system subscription as it is asked for."""

    event_type: str
    webhook: subscriptions.Target


class SubscriptionUpdate(
    SystemSubscriptionInput, forbid_unknown_fields=True, rename="camel", frozen=True, kw_only=True
):
    """What a system subscription is to become."""

    subscription_id: str


async def create(request: Request) -> Response:
    """`POST /events/v1beta1/system-webhooks`: not challenged, so ACTIVE at once unless a proof is wanted"""
    given = reading.decode(await reading.body(request), SystemWebhookInput)
    registration = Registration(
        name=given.name,
        destination=given.destination,
        secret=secrets.token_urlsafe(SECRET_BYTES),
        challenge_request_enabled=False,
    )
    owner = webhooks.owner(auth.caller(request))
    made = await services_of(request).system_webhooks.register(registration, owner)
    log.info("webhook.registered webhook=%s workspace=%s by=%s", made.id, owner.workspace_id, owner.principal)
    return writing.json(_webhook(made), 201, {"Location": f"{WEBHOOKS}/{made.id}"})


async def listed(request: Request) -> Response:
    """`GET /events/v1beta1/system-webhooks`, newest first"""
    limit, offset = reading.paging(request, default=webhooks.LIMIT, most=webhooks.MOST)
    found, total = await services_of(request).system_webhooks.listed(limit=limit, offset=offset)
    return await writing.page(request, (_webhook(each) for each in found), offset=offset, total=total)


async def read(request: Request) -> Response:
    """`GET /events/v1beta1/system-webhooks/{id}`"""
    wanted = reading.identifier(request, "id", "Webhook")
    return writing.json(_webhook(await services_of(request).system_webhooks.find(wanted)))


async def change(request: Request) -> Response:
    """`PATCH /events/v1beta1/system-webhooks/{id}`"""
    wanted = reading.identifier(request, "id", "Webhook")
    given = msgspec.structs.asdict(reading.decode(await reading.body(request), SystemWebhookUpdate))
    fields = {name: value for name, value in given.items() if value is not UNSET}
    owner = webhooks.owner(auth.caller(request))
    changed = await services_of(request).system_webhooks.change(wanted, Change(**fields), owner)
    log.info("webhook.changed webhook=%s fields=%s by=%s", wanted, ",".join(sorted(fields)), owner.principal)
    return writing.json(_webhook(changed))


async def remove(request: Request) -> Response:
    """`DELETE /events/v1beta1/system-webhooks/{id}?force=`"""
    wanted = reading.identifier(request, "id", "Webhook")
    await services_of(request).system_webhooks.remove(wanted, force=reading.flag(request, "force"))
    log.info("webhook.removed webhook=%s by=%s", wanted, webhooks.owner(auth.caller(request)).principal)
    return Response(status_code=204)


async def subscribe(request: Request) -> Response:
    """`POST /events/v1beta1/system-subscriptions`: an array or one object, answered by an array"""
    body = await reading.body(request)
    many = body.lstrip(b" \t\r\n")[:1] == b"["
    given = (
        reading.decode(body, list[SystemSubscriptionInput]) if many else [reading.decode(body, SystemSubscriptionInput)]
    )
    subscriptions.bounded(given)
    services, owner = services_of(request), webhooks.owner(auth.caller(request))
    made = await services.subscription_store.add(
        _orders(given, many), owner, within=None, now=services.clock(), system=True
    )
    subscriptions.tell("created", made, owner.principal)
    return writing.json([_subscription(each) for each in made], 201, {"Location": f"{SUBSCRIPTIONS}/{made[0].id}"})


async def subscribed(request: Request) -> Response:
    """`GET /events/v1beta1/system-subscriptions?filter=`, newest first; without a filter, those of all system webhooks"""
    limit, offset = reading.paging(request, default=subscriptions.LIMIT, most=subscriptions.MOST)
    webhook = subscriptions.filtered(request)
    found, total = await services_of(request).system_webhooks.subscribed(webhook=webhook, limit=limit, offset=offset)
    return await writing.page(request, (_subscription(each) for each in found), offset=offset, total=total)


async def replace(request: Request) -> Response:
    """`PATCH /events/v1beta1/system-subscriptions`: an array, all of them or none, answered by an array"""
    given = reading.decode(await reading.body(request), list[SubscriptionUpdate])
    subscriptions.bounded(given)
    orders = _orders(given, True)
    wanted = [
        _identifier(each.subscription_id, f"{order.at}subscriptionId")
        for each, order in zip(given, orders, strict=True)
    ]
    services, owner = services_of(request), webhooks.owner(auth.caller(request))
    replacements = [Replacement(subscription=each, order=order) for each, order in zip(wanted, orders, strict=True)]
    changed = await services.subscription_store.replace(
        replacements, owner, within=None, now=services.clock(), system=True
    )
    subscriptions.tell("replaced", changed, owner.principal)
    return writing.json([_subscription(each) for each in changed])


async def unsubscribe(request: Request) -> Response:
    """`DELETE /events/v1beta1/system-subscriptions?id=...&id=...`: all of them or none"""
    ids = [_identifier(text, "id", "query.parameter") for text in request.query_params.getlist("id")]
    if not ids:
        raise Refused(
            Issue(subject="id", description="is required: it names a subscription to delete", source="query.parameter")
        )
    await services_of(request).subscription_store.remove(None, ids, system=True)
    subscriptions.tell_removed(ids, webhooks.owner(auth.caller(request)).principal)
    return Response(status_code=204)


def _orders(given: Sequence[SystemSubscriptionInput], many: bool) -> list[SubscriptionRequest]:
    if not given:
        raise Refused(Issue(subject="body", description="must hold at least one subscription"))
    return [_order(each, f"[{index}]." if many else "") for index, each in enumerate(given)]


def _order(given: SystemSubscriptionInput, at: str) -> SubscriptionRequest:
    prefix, _, text = given.webhook.resource_uri.rpartition("/")
    subject = f"{at}webhook.resourceUri"
    if prefix != WEBHOOKS:
        raise Refused(Issue(subject=subject, description=f"must be {WEBHOOKS}/<id of the webhook>"))
    return SubscriptionRequest(event_type=given.event_type, webhook=_identifier(text, subject), at=at)


def _identifier(text: str, subject: str, source: str = "field") -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise Refused(
            Issue(subject=subject, description=f"must be a UUID, and is {text[:50]!r}", source=source)
        ) from None


def _webhook(webhook: SystemWebhook) -> dict[str, object]:
    return {
        "id": str(webhook.id),
        "name": webhook.name,
        "type": "events/webhook",
        "destination": webhook.destination,
        "resourceUri": f"{WEBHOOKS}/{webhook.id}",
        "generation": webhook.generation,
        **_made(webhook),
    }


def _subscription(subscription: Subscription | SystemSubscription) -> dict[str, object]:
    return {
        "id": str(subscription.id),
        "type": "events/subscription",
        "eventType": subscription.event_type,
        "resourceUri": f"{SUBSCRIPTIONS}/{subscription.id}",
        "webhook": {"resourceUri": f"{WEBHOOKS}/{subscription.webhook}"},
        "generation": subscription.generation,
        **_made(subscription),
    }


def _made(thing: SystemWebhook | SystemSubscription | Subscription) -> dict[str, object]:
    return {
        "hpePrincipal": thing.hpe_principal,
        "createdBy": thing.created_by,
        "createdAt": writing.moment(thing.created_at),
        "updatedBy": thing.updated_by,
        "updatedAt": writing.moment(thing.updated_at),
    }

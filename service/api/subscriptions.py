"""Subscriptions over HTTP, in GreenLake's forms (greenlake.md 1.6).

Which orders stand, and what they may ask for, is left to `subscriptions/webhooks/subscription_store.py`.
"""

import asyncio
import logging
from collections.abc import Iterator, Sequence
from dataclasses import replace as but
from typing import Annotated, NoReturn, TypeVar
from uuid import UUID

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from service import auth
from service.api import reading, searches, webhooks, workspaces, writing
from service.services import services_of
from subscriptions.events import attributes, catalogue
from subscriptions.ground.errors import Issue, Refused, TooLarge
from subscriptions.webhooks.filters import grammar, lexer
from subscriptions.webhooks.subscription_list import Subscription, SubscriptionQuery, SubscriptionRequest
from subscriptions.webhooks.subscription_store import Replacement

log = logging.getLogger("hooklake.service")

Item = TypeVar("Item", bound="SubscriptionInput")

PATH = "/events/v1beta1/subscriptions"
#: GreenLake's default; its maximum is the same, yet HPE's PowerShell module asks for 100 and steps by 100.
LIMIT, MOST = 10, 100
#: Faults of a request that are named before the rest of it is looked at.
MOST_ISSUES = 10


class Target(msgspec.Struct, forbid_unknown_fields=True, rename="camel", frozen=True, kw_only=True):
    """Which webhook."""

    resource_uri: str


class SubscriptionInput(msgspec.Struct, forbid_unknown_fields=True, rename="camel", frozen=True, kw_only=True):
    """SubscriptionInput."""

    event_type: str
    webhook: Target
    event_filter: str | None = None
    version: Annotated[str, msgspec.Meta(max_length=200)] | None = None


class Replacing(SubscriptionInput, forbid_unknown_fields=True, rename="camel", frozen=True, kw_only=True):
    """SubscriptionUpdate: type and filter stand in the place of what was there; without `eventFilter` there is none."""

    subscription_id: str


async def create(request: Request) -> Response:
    """`POST /events/v1beta1/subscriptions`: an array or one object, answered by an array (greenlake.md D.2)"""
    services, caller = services_of(request), auth.caller(request)
    wanted = await _orders(await reading.body(request), services.ground.max_filter_conditions)
    made = await services.subscription_store.add(
        wanted, webhooks.owner(caller), within=auth.scope(caller), now=services.clock()
    )
    tell("created", made, caller.client_id)
    prefix = services.ground.type_prefix
    return writing.json([shown(each, prefix) for each in made], 201, {"Location": f"{PATH}/{made[0].id}"})


async def listed(request: Request) -> Response:
    """`GET /events/v1beta1/subscriptions?filter=&eventType=`, newest first; without either, those of the whole workspace"""
    limit, offset = reading.paging(request, default=LIMIT, most=MOST)
    webhook = filtered(request)
    services, within = services_of(request), await workspaces.within(request)
    event_type = reading.words(request, "eventType", most=attributes.MAX_TYPE)
    searches.spelled([event_type], "eventType", services.ground.type_prefix)
    query = SubscriptionQuery(
        workspace_id=within,
        webhook=webhook,
        event_type=event_type,
        limit=limit,
        offset=offset,
    )
    found, total = await services.subscription_store.listed(query)
    every = auth.scope(auth.caller(request)) is None
    prefix = services.ground.type_prefix
    items = (shown(each, prefix) | ({"workspaceId": each.workspace_id} if every else {}) for each in found)
    return await writing.page(request, items, offset=offset, total=total)


async def replace(request: Request) -> Response:
    """`PATCH /events/v1beta1/subscriptions`: an array of replacements, all of them or none, answered by an array"""
    services, caller = services_of(request), auth.caller(request)
    items = reading.decode(await reading.body(request), list[Replacing])
    given = await _vetted(items, services.ground.max_filter_conditions)
    replacements = [Replacement(subscription=UUID(one.subscription_id), order=_order(one, at)) for at, one in given]
    changed = await services.subscription_store.replace(
        replacements, webhooks.owner(caller), within=auth.scope(caller), now=services.clock()
    )
    tell("replaced", changed, caller.client_id)
    return writing.json([shown(each, services.ground.type_prefix) for each in changed])


async def remove(request: Request) -> Response:
    """`DELETE /events/v1beta1/subscriptions?id=...&id=...`: all of them or none"""
    ids = [_identifier(text) for text in request.query_params.getlist("id")]
    if not ids:
        raise Refused(
            Issue(subject="id", description="is required: it names a subscription to delete", source="query.parameter")
        )
    services, caller = services_of(request), auth.caller(request)
    await services.subscription_store.remove(auth.scope(caller), ids)
    tell_removed(ids, caller.client_id)
    return Response(status_code=204)


def tell(what: str, made: Sequence[Subscription], by: str) -> None:
    """Logs what stands from now on."""
    for each in made:
        log.info("subscription.%s id=%s webhook=%s type=%s by=%s", what, each.id, each.webhook, each.event_type, by)


def tell_removed(ids: Sequence[UUID], by: str) -> None:
    """Logs what stands no more."""
    for each in ids:
        log.info("subscription.removed id=%s by=%s", each, by)


async def _orders(body: bytes, conditions: int) -> list[SubscriptionRequest]:
    if body.lstrip(b" \t\r\n")[:1] == b"[":
        given = await _vetted(reading.decode(body, list[SubscriptionInput]), conditions)
        return [_order(one, at) for at, one in given]
    one = reading.decode(body, SubscriptionInput)
    if issues := list(_issues(one, "", conditions)):
        raise Refused(*issues)
    return [_order(one, "")]


async def _vetted(given: Sequence[Item], conditions: int) -> list[tuple[str, Item]]:
    """Each item with its place; raises Refused with what is wrong with any of them, as far as `MOST_ISSUES`."""
    if not given:
        raise Refused(Issue(subject="body", description="must hold at least one subscription"))
    bounded(given)
    placed = [(f"[{index}].", one) for index, one in enumerate(given)]
    issues: list[Issue] = []
    for at, one in placed:
        issues += _issues(one, at, conditions)
        if len(issues) >= MOST_ISSUES:
            break
        # A filter takes up to three milliseconds to read: others get their turn between two.
        await asyncio.sleep(0)
    if issues:
        raise Refused(*issues)
    return placed


def bounded(given: Sequence[object]) -> None:
    """Raises TooLarge for more subscriptions than one request may hold, before any of them is looked at."""
    if len(given) > MOST:
        said = f"holds {len(given)} subscriptions; at most {MOST} are taken at once"
        raise TooLarge(Issue(subject="body", description=said))


def _issues(given: SubscriptionInput, at: str, conditions: int) -> Iterator[Issue]:
    """What is wrong with an item by itself, its place before the field's name."""
    if isinstance(given, Replacing) and _uuid(given.subscription_id) is None:
        said = f"must be the UUID of a subscription, and is {given.subscription_id[:50]!r}"
        yield Issue(subject=f"{at}subscriptionId", description=said)
    if _webhook(given) is None:
        said = f"must be {webhooks.PATH}/<id of the webhook>"
        yield Issue(subject=f"{at}webhook.resourceUri", description=said)
    try:
        if text := _filter(given):
            # Not compiled: what is not kept yet may take no room from filters that are.
            grammar.parse(text, conditions=conditions)
    except Refused as refused:
        yield from (but(issue, subject=f"{at}{issue.subject}") for issue in refused.issues)


def _order(given: SubscriptionInput, at: str) -> SubscriptionRequest:
    """Of an item with nothing wrong."""
    webhook = _webhook(given)
    assert webhook is not None
    return SubscriptionRequest(
        event_type=given.event_type, webhook=webhook, event_filter=_filter(given), version=given.version or "", at=at
    )


def _webhook(given: SubscriptionInput) -> UUID | None:
    prefix, _, text = given.webhook.resource_uri.rpartition("/")
    return _uuid(text) if prefix == webhooks.PATH else None


def _filter(given: SubscriptionInput) -> str:
    """As it was given, but for one that is only white space."""
    return given.event_filter if given.event_filter and given.event_filter.strip() else ""


def filtered(request: Request) -> UUID | None:
    """The webhook that `?filter=webhookId eq '<uuid>'` names; None without a filter, Refused for any other one."""
    text = request.query_params.get("filter", "")
    if not text.strip():
        return None
    try:
        found = lexer.read(text)
    except Refused as refused:
        _refuse(refused.issues[0].description)
    # The end, which is after the last, is none of these.
    for token, right in zip(found, ("webhookId", "eq"), strict=False):
        if token.text != right:
            _refuse(f"{token} stands where `{right}` should be")
    named = found[2]
    webhook = _uuid(named.value) if isinstance(named.value, str) else None
    if webhook is None:
        _refuse(f"{named} stands where the id of a webhook in single quotes should be")
    if found[3].kind != "end":
        _refuse(f"{found[3]} stands where the end should be")
    return webhook


def _refuse(what: str) -> NoReturn:
    said = f"{what}; a list is filtered by webhookId eq '<uuid>'"
    raise Refused(Issue(subject="filter", description=said, source="query.parameter"))


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


def shown(subscription: Subscription, prefix: str) -> dict[str, object]:
    """SubscriptionResponse; `eventFilter` where there is one, `description` that of the event type; `category` and
    `subscriptionSet` are ours."""
    body: dict[str, object] = {
        "id": str(subscription.id),
        "type": "events/subscription",
        "serviceManager": subscription.service_manager,
        "apiGroup": subscription.api_group,
        "eventType": subscription.event_type,
        "friendlyName": subscription.friendly_name,
        "category": catalogue.category(subscription.event_type, prefix=prefix),
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
    if subscription.version:
        body["version"] = subscription.version
    if subscription.subscription_set:
        body["subscriptionSet"] = subscription.subscription_set
    return body | ({"eventFilter": subscription.event_filter} if subscription.event_filter else {})

"""`GET /asyncapi.json`: what the webhooks of a workspace can receive, as an AsyncAPI document.

How it is written is left to `subscriptions/catalogue/received.py`.
"""

from collections.abc import Mapping, Sequence
from importlib import metadata
from uuid import UUID

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from delivery.publishing import event_urls
from service import auth
from service.api import long_work, reading, workspaces
from service.services import Services, services_of
from subscriptions.catalogue.envelopes import SentType
from subscriptions.catalogue.received import ReceivedDocument
from subscriptions.catalogue.receiving import ReceivingWebhook, ReceivingWorkspace
from subscriptions.events import catalogue, samples
from subscriptions.events.event import Naming
from subscriptions.ground.errors import Absent
from subscriptions.webhooks.subscription_list import Subscription, SubscriptionQuery
from subscriptions.webhooks.webhook import Webhook
from subscriptions.webhooks.webhook_list import Sort, WebhookQuery

PATH = "/asyncapi.json"
#: Where schemas are served, by their ids.
SCHEMA_PATH = "/events/v1beta1/schemas"
#: Webhooks of one document, and those whose subscriptions are read in one statement; subscriptions, and the bytes of their
#: types' schemas and examples as a part of the document's: they stand in it once more, and what is around them.
WEBHOOKS, TOGETHER, SUBSCRIPTIONS, SCHEMAS = 1000, 100, 10_000, 0.5
#: What the documents of ours are (https://www.asyncapi.com/docs/reference/specification/v3.0.0, media types).
MEDIA_TYPE = "application/vnd.aai.asyncapi+json;version=3.0.0"


async def served(request: Request) -> Response:
    """`GET /asyncapi.json?workspaceId=&webhookId=&eventType=`: as JSON, new with each request"""
    services = services_of(request)
    within = await workspaces.within(request)
    of = await _receiving(request, within or auth.caller(request).workspace_id)
    document = ReceivedDocument(of, most=services.settings.asyncapi_bytes)
    hold = reading.hold(request)
    for _ in document.written():
        # Before it is there: many at once would be much in the memory of the process.
        hold.answer(document.size)
        await long_work.turn(request)
    text = msgspec.json.encode(document.whole(metadata.version("hooklake")))
    headers = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
    return Response(text, media_type=MEDIA_TYPE, headers=headers)


async def _receiving(request: Request, workspace_id: str) -> ReceivingWorkspace:
    """The workspace, as much of it as a document describes: one webhook and some types, where the query names them."""
    services, only = services_of(request), request.query_params.getlist("eventType")
    webhooks, total = await _webhooks(request, workspace_id)
    subscriptions, described = await _subscriptions(services, workspace_id, webhooks)
    if only:
        subscriptions = [each for each in subscriptions if each.event_type in only]
    types = {each.event_type: each for each in subscriptions}
    size, taking = services.settings.asyncapi_bytes * SCHEMAS, reading.hold(request).answer
    known = await services.described_types.of(types, size=size, taking=taking)
    of_own = _event_url(services.naming, services.settings.url)
    own = await services.applications.webhooks(workspace_id) if not only or of_own.type in only else set()
    of_webhook: dict[UUID, list[Subscription]] = {}
    for each in subscriptions:
        of_webhook.setdefault(each.webhook, []).append(each)
    return ReceivingWorkspace(
        id=workspace_id,
        webhooks=[
            _webhook(each, of_webhook.get(each.id, ()), unasked=[of_own.type] if each.id in own else [])
            for each in webhooks[:described]
        ],
        types={name: _sent(each, services.naming) for name, each in types.items()} | {of_own.type: of_own},
        versions=known.versions,
        challenge=_challenge(services.naming),
        unread=known.unread,
        unread_webhooks=total - described,
        schemas=services.settings.url + SCHEMA_PATH,
    )


async def _webhooks(request: Request, workspace_id: str) -> tuple[list[Webhook], int]:
    """By name, and how many there are; the one that the query names: raises Absent."""
    lifecycle, named = services_of(request).webhook_lifecycle, request.query_params.get("webhookId")
    if named is not None:
        try:
            return [await lifecycle.find(workspace_id, UUID(named))], 1
        except ValueError:
            raise Absent("Webhook", named[:100]) from None
    page = await lifecycle.listed(WebhookQuery(workspace_id=workspace_id, sort=Sort.NAME, limit=WEBHOOKS))
    return page.webhooks, page.total


async def _subscriptions(
    services: Services, workspace_id: str, webhooks: Sequence[Webhook]
) -> tuple[list[Subscription], int]:
    """Those of the first webhooks, up to SUBSCRIPTIONS or a few more, and how many webhooks these are."""
    found: list[Subscription] = []
    described = 0
    while described < len(webhooks) and len(found) < SUBSCRIPTIONS:
        some = [each.id for each in webhooks[described : described + TOGETHER]]
        query = SubscriptionQuery(workspace_id=workspace_id, among=some, limit=TOGETHER * SUBSCRIPTIONS)
        found += (await services.subscription_store.listed(query))[0]
        described += len(some)
    return found, described


def _webhook(webhook: Webhook, subscriptions: Sequence[Subscription], *, unasked: Sequence[str]) -> ReceivingWebhook:
    """`unasked` are types that it is sent without a subscription."""
    return ReceivingWebhook(
        id=str(webhook.id),
        name=webhook.name,
        description=webhook.description,
        destination=webhook.destination,
        content_mode=webhook.content_mode,
        batching=webhook.batching,
        dual_secret=webhook.dual_secret,
        challenged=webhook.challenge_request_enabled,
        subscriptions={each.event_type: each.event_filter for each in subscriptions} | dict.fromkeys(unasked, ""),
        pinned={each.event_type: each.version for each in subscriptions if each.version},
    )


def _sent(of: Subscription, naming: Naming) -> SentType:
    category = catalogue.category(of.event_type, prefix=naming.prefix)
    parts = catalogue.parse(of.event_type, prefix=naming.prefix)
    group = parts.api_group if parts else catalogue.OURS
    return SentType(
        type=of.event_type,
        friendly_name=of.friendly_name,
        description=of.description,
        category=str(category),
        source=f"//global.{naming.host}/{group}",
        schema=samples.outline(of.event_type, naming=naming),
    )


def _event_url(naming: Naming, url: str) -> SentType:
    """What a webhook is sent that is an application's own."""
    identity = "5b0a5a3e-6f0e-4f0c-9d6e-0a6f1f2b7c11"
    example = {
        "id": identity,
        "type": "events/application",
        "resourceUri": f"{event_urls.PATH}/{identity}",
        "name": "shop",
        "eventUrl": f"{url}/shop/v1/events",
    }
    text: Mapping[str, object] = {"type": "string"}
    return SentType(
        type=catalogue.build(event_urls.PARTS, prefix=naming.prefix),
        friendly_name="Event URL",
        description="Where the application posts its events whose own webhook this is; it is sent without a subscription.",
        category=str(catalogue.Category.CUSTOM),
        source=f"//global.{naming.host}/{catalogue.OURS}",
        schema={"type": "object", "required": list(example), "properties": dict.fromkeys(example, text)},
        example=example,
    )


def _challenge(naming: Naming) -> SentType:
    question: Mapping[str, object] = {
        "type": "object",
        "required": ["challengeRequest"],
        "properties": {"challengeRequest": {"type": "string", "format": "uuid"}},
    }
    return SentType(
        type=f"{naming.prefix}.{catalogue.OURS}.v1beta1{catalogue.CHALLENGE}",
        friendly_name="Challenge",
        description="Asks for a proof that the secret is known: the answer holds `verification`, the HMAC of `challengeRequest`.",
        category=str(catalogue.Category.CUSTOM),
        source=f"https://global.{naming.host}/{catalogue.OURS}",
        schema=dict(question),
        example={"challengeRequest": "8cbecfea-d708-4706-bba3-669225084a10"},
    )

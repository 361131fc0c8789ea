"""`GET /asyncapi.json`: what the webhooks of a workspace can receive, as an AsyncAPI document.

How it is written is left to `subscriptions/catalogue/received.py`.
"""

from collections.abc import Mapping, Sequence
from importlib import metadata

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from service import auth
from service.api import workspaces
from service.services import Services, services_of
from subscriptions.catalogue import received
from subscriptions.catalogue.envelopes import SentType
from subscriptions.catalogue.received import ReceivingWebhook, ReceivingWorkspace
from subscriptions.events import catalogue, samples
from subscriptions.events.event import Naming
from subscriptions.ground.errors import Issue, Refused
from subscriptions.webhooks.subscription_list import Subscription, SubscriptionQuery
from subscriptions.webhooks.webhook import Webhook
from subscriptions.webhooks.webhook_list import Sort, WebhookQuery

PATH = "/asyncapi.json"
#: Webhooks and subscriptions that one document describes.
WEBHOOKS, SUBSCRIPTIONS = 1000, 10_000
#: What the documents of ours are (https://www.asyncapi.com/docs/reference/specification/v3.0.0, media types).
MEDIA_TYPE = "application/vnd.aai.asyncapi+json;version=3.0.0"


async def served(request: Request) -> Response:
    """`GET /asyncapi.json?workspaceId=`: as JSON, new with each request"""
    services = services_of(request)
    within = await workspaces.within(request)
    document = await written(services, within or auth.caller(request).workspace_id)
    headers = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
    return Response(msgspec.json.encode(document), media_type=MEDIA_TYPE, headers=headers)


async def written(services: Services, workspace_id: str) -> received.Json:
    """The document of a workspace; raises Refused for one with more webhooks than a document describes."""
    asked = WebhookQuery(workspace_id=workspace_id, sort=Sort.NAME, limit=WEBHOOKS + 1)
    webhooks = (await services.webhook_lifecycle.listed(asked)).webhooks
    query = SubscriptionQuery(workspace_id=workspace_id, limit=SUBSCRIPTIONS + 1)
    subscriptions, total = await services.subscription_store.listed(query)
    if len(webhooks) > WEBHOOKS or total > SUBSCRIPTIONS:
        said = f"has more webhooks ({WEBHOOKS}) or subscriptions ({SUBSCRIPTIONS}) than one document describes"
        raise Refused(Issue(subject=workspaces.NAME, description=said, source="query.parameter"))
    types = {each.event_type: each for each in subscriptions}
    of = ReceivingWorkspace(
        id=workspace_id,
        webhooks=[_webhook(each, subscriptions) for each in webhooks],
        types={name: _sent(each, services.naming) for name, each in types.items()},
        versions=await services.described_types.of(types),
        challenge=_challenge(services.naming),
    )
    return received.document(of, version=metadata.version("hooklake"))


def _webhook(webhook: Webhook, subscriptions: Sequence[Subscription]) -> ReceivingWebhook:
    own = [each for each in subscriptions if each.webhook == webhook.id]
    return ReceivingWebhook(
        id=str(webhook.id),
        name=webhook.name,
        description=webhook.description,
        destination=webhook.destination,
        content_mode=webhook.content_mode,
        batching=webhook.batching,
        dual_secret=webhook.dual_secret,
        challenged=webhook.challenge_request_enabled,
        subscriptions={each.event_type: each.event_filter for each in own},
        pinned={each.event_type: each.version for each in own if each.version},
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

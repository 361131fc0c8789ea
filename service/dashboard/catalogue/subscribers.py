"""Webhooks that have subscribed to a type, or to those of an event API: as far as the visitor sees them."""

from dataclasses import dataclass
from uuid import UUID

from starlette.requests import Request

from service import auth
from service.auth import Permission
from service.dashboard.frame import visitors
from service.services import services_of
from subscriptions.webhooks.subscription_list import Subscription, SubscriptionQuery
from subscriptions.webhooks.webhook import Webhook
from subscriptions.webhooks.webhook_list import WebhookQuery

#: Subscriptions that are named.
NAMED = 100


@dataclass(frozen=True, kw_only=True)
class SubscribedHook:
    """A webhook that has subscribed."""

    subscription: Subscription
    webhook: Webhook


async def named(
    request: Request, *, event_type: str = "", event_api: UUID | None = None
) -> tuple[list[SubscribedHook], int]:
    """Those that are named, by name, and how many more there are; none for whoever may see no subscriptions."""
    services, visitor = services_of(request), visitors.visitor(request)
    if not auth.may(visitor.caller, Permission.READ_SUBSCRIPTIONS):
        return [], 0
    workspace = visitor.workspace(request)
    query = SubscriptionQuery(workspace_id=workspace, event_type=event_type, event_api=event_api, limit=NAMED)
    found, total = await services.subscription_store.listed(query)
    ids = list({each.webhook for each in found})
    page = await services.webhook_lifecycle.listed(WebhookQuery(workspace_id=workspace, among=ids, limit=NAMED))
    known = {each.id: each for each in page.webhooks}
    hooks = [SubscribedHook(subscription=each, webhook=known[each.webhook]) for each in found if each.webhook in known]
    return sorted(hooks, key=lambda each: (each.webhook.name, each.subscription.event_type)), total - len(found)

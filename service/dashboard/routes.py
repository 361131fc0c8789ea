"""Every page on one screen: its path, what draws it, and the permission that it asks for.

What the pages show is left to their modules.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from starlette.routing import BaseRoute, Route

from service.auth import Handler, Permission
from service.dashboard.access import audit, openid_pages, people, sessions, signing_in
from service.dashboard.attention import issues, overview
from service.dashboard.catalogue import applications, event_api_forms, event_api_list, event_api_page, event_types
from service.dashboard.deliveries import delivery_list, delivery_page, event_pages, replay_forms, replays, saved_views
from service.dashboard.frame import assets, finding, refusals, streaming
from service.dashboard.frame.endpoints import Open, PageEndpoint
from service.dashboard.frame.visitors import SIGN_IN
from service.dashboard.webhooks import (
    one_subscription,
    webhook_actions,
    webhook_forms,
    webhook_handler,
    webhook_list,
    webhook_page,
    webhook_secrets,
    webhook_subscriptions,
)


@dataclass(frozen=True)
class PageRoute:
    """One method of one path."""

    method: str
    path: str
    handler: Handler
    #: None: whoever is signed in.
    permission: Permission | None


WEBHOOK = webhook_list.PATH + "/{id}"
APPLICATION = applications.PATH + "/{id}"
EVENT_API = event_api_list.PATH + "/{id}"
SUBSCRIPTIONS = WEBHOOK + "/subscriptions"
SUBSCRIPTION = SUBSCRIPTIONS + "/{subscription}"

#: For whoever is signed in and has the permission.
PAGES: Sequence[PageRoute] = (
    PageRoute("GET", overview.PATH, overview.shown, Permission.READ_WEBHOOKS),
    PageRoute("GET", issues.PATH, issues.listed, Permission.READ_WEBHOOKS),
    PageRoute("GET", issues.PATH + "/{id}", issues.shown, Permission.READ_WEBHOOKS),
    PageRoute("POST", issues.PATH + "/{id}/acknowledge", issues.acknowledged, Permission.UPDATE_WEBHOOKS),
    PageRoute("POST", issues.PATH + "/{id}/snooze", issues.snoozed, Permission.UPDATE_WEBHOOKS),
    PageRoute("POST", issues.PATH + "/{id}/reopen", issues.reopened, Permission.UPDATE_WEBHOOKS),
    PageRoute("GET", replays.PATH, replays.listed, Permission.READ_WEBHOOKS),
    PageRoute("POST", replays.PATH, replay_forms.created, Permission.UPDATE_WEBHOOKS),
    PageRoute("GET", replay_forms.NEW, replay_forms.page, Permission.UPDATE_WEBHOOKS),
    PageRoute("GET", replays.PATH + "/{id}", replays.shown, Permission.READ_WEBHOOKS),
    PageRoute("POST", replays.PATH + "/{id}/pause", replays.paused, Permission.UPDATE_WEBHOOKS),
    PageRoute("POST", replays.PATH + "/{id}/resume", replays.resumed, Permission.UPDATE_WEBHOOKS),
    PageRoute("POST", replays.PATH + "/{id}/cancel", replays.cancelled, Permission.UPDATE_WEBHOOKS),
    PageRoute("GET", finding.PATH, finding.found, None),
    PageRoute("GET", streaming.PATH, streaming.live, Permission.READ_WEBHOOKS),
    PageRoute("POST", signing_in.SIGN_OUT, signing_in.signed_out, None),
    PageRoute("GET", sessions.PATH, sessions.listed, None),
    PageRoute("POST", sessions.PATH + "/others/end", sessions.others_ended, None),
    PageRoute("POST", sessions.PATH + "/password", sessions.password_set, None),
    PageRoute("POST", sessions.PATH + "/{id}/end", sessions.ended, None),
    PageRoute("GET", audit.PATH, audit.listed, Permission.READ_AUDIT),
    PageRoute("GET", audit.PATH + "/{id}", audit.shown, Permission.READ_AUDIT),
    PageRoute("GET", delivery_list.PATH, delivery_list.listed, Permission.READ_WEBHOOKS),
    PageRoute("GET", delivery_page.ONE, delivery_page.shown, Permission.READ_WEBHOOKS),
    PageRoute("POST", delivery_page.ONE + "/retry", delivery_page.retry, Permission.UPDATE_WEBHOOKS),
    PageRoute("POST", delivery_page.ONE + "/resend", delivery_page.resend, Permission.UPDATE_WEBHOOKS),
    PageRoute("POST", delivery_page.ONE + "/cancel", delivery_page.cancel, Permission.UPDATE_WEBHOOKS),
    PageRoute("POST", saved_views.PATH, saved_views.saved, None),
    PageRoute("POST", saved_views.PATH + "/{id}/remove", saved_views.removed, None),
    PageRoute("GET", event_pages.PATH, event_pages.listed, Permission.READ_WEBHOOKS),
    PageRoute("GET", event_pages.PATH + "/{key}", event_pages.shown, Permission.READ_WEBHOOKS),
    PageRoute("GET", people.PATH, people.listed, Permission.MANAGE_PEOPLE),
    PageRoute("POST", people.PATH, people.added, Permission.MANAGE_PEOPLE),
    PageRoute("GET", people.PATH + "/{id}", people.shown, Permission.MANAGE_PEOPLE),
    PageRoute("POST", people.PATH + "/{id}/roles", people.roles_set, Permission.MANAGE_PEOPLE),
    PageRoute("POST", people.PATH + "/{id}/link", people.linked, Permission.MANAGE_PEOPLE),
    PageRoute("POST", people.PATH + "/{id}/remove", people.removed, Permission.MANAGE_PEOPLE),
    PageRoute("GET", event_types.PATH, event_types.listed, Permission.READ_EVENT_TYPES),
    PageRoute("GET", event_api_list.PATH, event_api_list.listed, Permission.READ_EVENT_TYPES),
    PageRoute("POST", event_api_list.PATH, event_api_forms.registered, Permission.CREATE_EVENT_TYPES),
    PageRoute("GET", event_api_list.PATH + "/new", event_api_forms.new, Permission.CREATE_EVENT_TYPES),
    PageRoute("GET", EVENT_API, event_api_page.shown, Permission.READ_EVENT_TYPES),
    PageRoute("POST", EVENT_API, event_api_forms.changed, Permission.UPDATE_EVENT_TYPES),
    PageRoute("GET", EVENT_API + "/edit", event_api_forms.editing, Permission.UPDATE_EVENT_TYPES),
    PageRoute("GET", EVENT_API + "/document", event_api_page.document, Permission.READ_EVENT_TYPES),
    PageRoute("POST", EVENT_API + "/refetch", event_api_forms.refetched, Permission.UPDATE_EVENT_TYPES),
    PageRoute("POST", EVENT_API + "/life", event_api_forms.deprecated, Permission.UPDATE_EVENT_TYPES),
    PageRoute("POST", EVENT_API + "/remove", event_api_forms.removed, Permission.DELETE_EVENT_TYPES),
    PageRoute("GET", applications.PATH, applications.listed, Permission.READ_EVENT_TYPES),
    PageRoute("POST", applications.PATH, applications.registered, Permission.CREATE_EVENT_TYPES),
    PageRoute("GET", APPLICATION, applications.shown, Permission.READ_EVENT_TYPES),
    PageRoute("POST", APPLICATION, applications.changed, Permission.UPDATE_EVENT_TYPES),
    PageRoute("POST", APPLICATION + "/remove", applications.removed, Permission.DELETE_EVENT_TYPES),
    PageRoute("GET", event_types.PATH + "/{id}", event_types.shown, Permission.READ_EVENT_TYPES),
    PageRoute("POST", event_types.PATH + "/{id}/send", event_types.sent, Permission.UPDATE_WEBHOOKS),
    PageRoute("POST", event_types.PATH + "/{id}/publish", event_types.published, Permission.TEST_EVENTS),
    PageRoute("GET", webhook_list.PATH, webhook_list.listed, Permission.READ_WEBHOOKS),
    PageRoute("POST", webhook_list.PATH, webhook_forms.registered, Permission.CREATE_WEBHOOKS),
    PageRoute("GET", webhook_list.PATH + "/new", webhook_forms.new, Permission.CREATE_WEBHOOKS),
    PageRoute("GET", webhook_list.PATH + "/check", webhook_forms.checked, Permission.CREATE_WEBHOOKS),
    PageRoute("GET", WEBHOOK, webhook_page.shown, Permission.READ_WEBHOOKS),
    PageRoute("POST", WEBHOOK, webhook_forms.changed, Permission.UPDATE_WEBHOOKS),
    PageRoute("GET", WEBHOOK + "/edit", webhook_forms.editing, Permission.UPDATE_WEBHOOKS),
    PageRoute("GET", WEBHOOK + "/handler", webhook_handler.shown, Permission.READ_WEBHOOKS),
    PageRoute("GET", WEBHOOK + "/secrets", webhook_secrets.shown, Permission.UPDATE_WEBHOOKS),
    PageRoute("POST", WEBHOOK + "/secrets", webhook_secrets.changed, Permission.UPDATE_WEBHOOKS),
    PageRoute("POST", WEBHOOK + "/verify", webhook_actions.verified, Permission.READ_WEBHOOKS),
    PageRoute("POST", WEBHOOK + "/pause", webhook_actions.paused, Permission.UPDATE_WEBHOOKS),
    PageRoute("POST", WEBHOOK + "/resume", webhook_actions.resumed, Permission.UPDATE_WEBHOOKS),
    PageRoute("POST", WEBHOOK + "/unregister", webhook_actions.removed, Permission.DELETE_WEBHOOKS),
    PageRoute("POST", WEBHOOK + "/test", webhook_actions.tried, Permission.UPDATE_WEBHOOKS),
    PageRoute("POST", WEBHOOK + "/failures/{failure}/retry", webhook_actions.retried, Permission.UPDATE_WEBHOOKS),
    PageRoute("GET", WEBHOOK + "/subscribe", webhook_subscriptions.choosing, Permission.CREATE_SUBSCRIPTIONS),
    PageRoute("POST", SUBSCRIPTIONS, webhook_subscriptions.added, Permission.CREATE_SUBSCRIPTIONS),
    PageRoute("POST", WEBHOOK + "/subscription-sets", webhook_subscriptions.added_set, Permission.CREATE_SUBSCRIPTIONS),
    PageRoute(
        "POST", WEBHOOK + "/subscription-sets/end", webhook_subscriptions.ended_set, Permission.DELETE_SUBSCRIPTIONS
    ),
    PageRoute("GET", SUBSCRIPTION, one_subscription.shown, Permission.UPDATE_SUBSCRIPTIONS),
    PageRoute("POST", SUBSCRIPTION, one_subscription.changed, Permission.UPDATE_SUBSCRIPTIONS),
    PageRoute("POST", SUBSCRIPTION + "/end", one_subscription.ended, Permission.DELETE_SUBSCRIPTIONS),
)

#: For everybody: what pages load, and how one gets in.
OPEN: Sequence[tuple[str, str, Handler]] = (
    ("GET", assets.PREFIX + "/{digest}/{name:path}", assets.served),
    ("GET", SIGN_IN, signing_in.page),
    ("POST", SIGN_IN, signing_in.signed_in),
    ("GET", openid_pages.PATH, openid_pages.begun),
    ("GET", openid_pages.ANSWERED, openid_pages.answered),
)


def routes(pages: Sequence[PageRoute] = PAGES) -> list[BaseRoute]:
    """The table as Starlette takes it: one route per path, and the last for all paths that there are not."""
    paths: dict[str, dict[str, tuple[Handler, Permission | None] | Open]] = {}
    for page in pages:
        paths.setdefault(page.path, {})[page.method] = (page.handler, page.permission)
    for method, path, handler in OPEN:
        paths.setdefault(path, {})[method] = Open(handler=handler)
    paths["/dashboard/{rest:path}"] = {method: Open(handler=refusals.missing) for method in ("GET", "POST")}
    return [Route(path, PageEndpoint(handlers)) for path, handlers in paths.items()]

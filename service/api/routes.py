"""Every path on one screen: what answers it, and the permission it asks for.

What the handlers do is left to their modules.
"""

from collections.abc import Mapping, Sequence
from functools import cache, partial

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route
from starlette.types import Receive, Scope, Send

from service.api import (
    applications,
    asyncapi,
    audit,
    catalogue,
    clients,
    consent,
    deliveries,
    endpoints,
    erasures,
    event_apis,
    event_traces,
    events,
    graphql,
    health,
    inspection,
    issues,
    kyma,
    metrics,
    onap,
    openapi,
    people,
    public_catalogue,
    reading,
    reference,
    replays,
    schemas,
    subscription_sets,
    subscriptions,
    system,
    testing,
    tokens,
    webhooks,
)
from service.api.contract.operation import JSON
from service.api.endpoints import Endpoint
from service.auth import Handler, Permission, guarded
from subscriptions.catalogue.applications import RESERVED
from subscriptions.ground.database import repeating

EVENTS = "/events/v1beta1"
WEBHOOK = EVENTS + "/webhooks/{id}"
#: A type of another prefix may hold slashes.
EVENT_TYPE = EVENTS + "/event-types/{eventType:path}"
OAUTH = "/authorization/v2"
SUBSCRIPTION_SET = subscription_sets.PATH + "/{name}/subscriptions"

#: Asked for nothing: these are how one gets in, and how one sees that there is somebody in.
OPEN: Sequence[tuple[str, str, Handler]] = (
    ("POST", OAUTH + "/oauth2/{workspaceId}/token", tokens.token),
    ("GET", OAUTH + "/jwks", tokens.jwks),
    ("GET", "/health/live", health.live),
    ("GET", "/health/ready", health.ready),
    ("GET", "/health/workers", health.workers),
    ("GET", "/openapi.json", openapi.served),
    ("GET", "/docs", reference.served),
    ("GET", public_catalogue.PATH, public_catalogue.listed),
    ("GET", public_catalogue.PATH + "/{eventTypeId}", public_catalogue.one),
)

#: The busiest first: they are tried in this order. None: any good token will do.
GUARDED: Sequence[tuple[str, str, Handler, Permission | None]] = (
    ("POST", EVENTS + "/occurrences", events.publish_occurrences, Permission.PUBLISH),
    ("POST", EVENTS + "/cloudevents", events.publish_cloudevents, Permission.PUBLISH),
    ("POST", onap.PATH, onap.publish, Permission.PUBLISH),
    ("GET", EVENTS + "/events/{id:path}", event_traces.read_event, Permission.READ_EVENTS),
    ("DELETE", EVENTS + "/events/{id:path}", erasures.event, Permission.ERASE),
    ("DELETE", EVENTS + "/events", erasures.workspace, Permission.ERASE),
    ("POST", EVENTS + "/test-events", testing.to_all, Permission.TEST_EVENTS),
    ("POST", EVENTS + "/event-types", catalogue.register, Permission.CREATE_EVENT_TYPES),
    ("GET", EVENTS + "/event-types", catalogue.listed, Permission.READ_EVENT_TYPES),
    ("PUT", EVENT_TYPE + "/schema", schemas.put, Permission.UPDATE_EVENT_TYPES),
    ("GET", EVENT_TYPE + "/schema", schemas.read, Permission.READ_EVENT_TYPES),
    ("DELETE", EVENT_TYPE + "/schema", schemas.remove, Permission.UPDATE_EVENT_TYPES),
    ("GET", schemas.PATH + "/{id}", schemas.served, Permission.READ_EVENT_TYPES),
    ("GET", EVENT_TYPE, catalogue.read, Permission.READ_EVENT_TYPES),
    ("PATCH", EVENT_TYPE, catalogue.change, Permission.UPDATE_EVENT_TYPES),
    ("DELETE", EVENT_TYPE, catalogue.retire, Permission.DELETE_EVENT_TYPES),
    ("POST", event_apis.PATH, event_apis.register, Permission.CREATE_EVENT_TYPES),
    ("GET", event_apis.PATH, event_apis.listed, Permission.READ_EVENT_TYPES),
    ("GET", event_apis.PATH + "/{id}", event_apis.read, Permission.READ_EVENT_TYPES),
    ("GET", event_apis.PATH + "/{id}/document", event_apis.document, Permission.READ_EVENT_TYPES),
    ("GET", event_apis.PATH + "/{id}/events", event_apis.events, Permission.READ_EVENT_TYPES),
    ("POST", event_apis.PATH + "/{id}/refetch", event_apis.refetch, Permission.UPDATE_EVENT_TYPES),
    ("PATCH", event_apis.PATH + "/{id}", event_apis.change, Permission.UPDATE_EVENT_TYPES),
    ("DELETE", event_apis.PATH + "/{id}", event_apis.remove, Permission.DELETE_EVENT_TYPES),
    ("POST", applications.PATH, applications.register, Permission.CREATE_EVENT_TYPES),
    ("GET", applications.PATH, applications.listed, Permission.READ_EVENT_TYPES),
    ("GET", applications.PATH + "/{id}", applications.read, Permission.READ_EVENT_TYPES),
    ("PATCH", applications.PATH + "/{id}", applications.change, Permission.UPDATE_EVENT_TYPES),
    ("DELETE", applications.PATH + "/{id}", applications.remove, Permission.DELETE_EVENT_TYPES),
    # Which permissions are asked for stands at each field (`graphql/fields.py`), and whether anything changes in the body.
    ("POST", graphql.PATH, graphql.posted, None),
    ("GET", graphql.PATH, graphql.got, None),
    ("POST", EVENTS + "/webhooks", webhooks.create, Permission.CREATE_WEBHOOKS),
    ("GET", EVENTS + "/webhooks", webhooks.listed, Permission.READ_WEBHOOKS),
    ("GET", WEBHOOK, webhooks.read, Permission.READ_WEBHOOKS),
    ("PATCH", WEBHOOK, webhooks.change, Permission.UPDATE_WEBHOOKS),
    ("DELETE", WEBHOOK, webhooks.remove, Permission.DELETE_WEBHOOKS),
    ("POST", WEBHOOK + "/verify", webhooks.verify, Permission.READ_WEBHOOKS),
    ("POST", WEBHOOK + "/promote-secret", webhooks.promote, Permission.UPDATE_WEBHOOKS),
    ("POST", WEBHOOK + "/test", testing.to_one, Permission.UPDATE_WEBHOOKS),
    ("GET", WEBHOOK + "/states", metrics.states, Permission.READ_WEBHOOKS),
    ("GET", metrics.PATH, metrics.read, Permission.READ_WEBHOOKS),
    ("GET", inspection.PATH, inspection.found, Permission.READ_WEBHOOKS),
    ("GET", inspection.PATH + "/{id}", inspection.read, Permission.READ_WEBHOOKS),
    ("POST", inspection.PATH + "/{id}/retry", inspection.retry, Permission.UPDATE_WEBHOOKS),
    ("POST", inspection.PATH + "/{id}/resend", inspection.resend, Permission.UPDATE_WEBHOOKS),
    ("POST", inspection.PATH + "/{id}/cancel", inspection.cancel, Permission.UPDATE_WEBHOOKS),
    ("GET", EVENTS + "/events", inspection.events_found, None),
    ("GET", EVENTS + "/event-audiences/{messageId}", inspection.audience, Permission.READ_WEBHOOKS),
    ("GET", WEBHOOK + "/recent-deliveries", deliveries.recent, Permission.READ_WEBHOOKS),
    ("POST", WEBHOOK + "/delivery-failures/{failureId}/retry", deliveries.retry, Permission.UPDATE_WEBHOOKS),
    ("GET", issues.PATH, issues.listed, Permission.READ_WEBHOOKS),
    ("GET", issues.PATH + "/{id}", issues.read, Permission.READ_WEBHOOKS),
    ("POST", issues.PATH + "/{id}/acknowledge", issues.acknowledge, Permission.UPDATE_WEBHOOKS),
    ("POST", issues.PATH + "/{id}/snooze", issues.snooze, Permission.UPDATE_WEBHOOKS),
    ("POST", issues.PATH + "/{id}/reopen", issues.reopen, Permission.UPDATE_WEBHOOKS),
    ("POST", EVENTS + "/subscriptions", subscriptions.create, Permission.CREATE_SUBSCRIPTIONS),
    ("GET", EVENTS + "/subscriptions", subscriptions.listed, Permission.READ_SUBSCRIPTIONS),
    ("PATCH", EVENTS + "/subscriptions", subscriptions.replace, Permission.UPDATE_SUBSCRIPTIONS),
    ("DELETE", EVENTS + "/subscriptions", subscriptions.remove, Permission.DELETE_SUBSCRIPTIONS),
    ("GET", asyncapi.PATH, asyncapi.served, Permission.READ_SUBSCRIPTIONS),
    ("GET", subscription_sets.PATH, subscription_sets.listed, Permission.READ_EVENT_TYPES),
    ("POST", SUBSCRIPTION_SET, subscription_sets.subscribe, Permission.CREATE_SUBSCRIPTIONS),
    ("DELETE", SUBSCRIPTION_SET, subscription_sets.end, Permission.DELETE_SUBSCRIPTIONS),
    ("POST", replays.PATH, replays.create, Permission.UPDATE_WEBHOOKS),
    ("GET", replays.PATH, replays.listed, Permission.READ_WEBHOOKS),
    ("GET", replays.PATH + "/{id}", replays.read, Permission.READ_WEBHOOKS),
    ("POST", replays.PATH + "/{id}/pause", replays.pause, Permission.UPDATE_WEBHOOKS),
    ("POST", replays.PATH + "/{id}/resume", replays.resume, Permission.UPDATE_WEBHOOKS),
    ("POST", replays.PATH + "/{id}/cancel", replays.cancel, Permission.UPDATE_WEBHOOKS),
    ("GET", EVENTS + "/service-managers", catalogue.service_managers, None),
    ("GET", EVENTS + "/service-managers/{serviceManagerId}/api-groups", catalogue.api_groups, None),
    ("GET", EVENTS + "/api-groups/{apiGroupId}/events", catalogue.group_events, None),
    ("POST", system.WEBHOOKS, system.create, Permission.SYSTEM),
    ("GET", system.WEBHOOKS, system.listed, Permission.SYSTEM),
    ("GET", system.WEBHOOKS + "/{id}", system.read, Permission.SYSTEM),
    ("PATCH", system.WEBHOOKS + "/{id}", system.change, Permission.SYSTEM),
    ("DELETE", system.WEBHOOKS + "/{id}", system.remove, Permission.SYSTEM),
    ("POST", system.SUBSCRIPTIONS, system.subscribe, Permission.SYSTEM),
    ("GET", system.SUBSCRIPTIONS, system.subscribed, Permission.SYSTEM),
    ("PATCH", system.SUBSCRIPTIONS, system.replace, Permission.SYSTEM),
    ("DELETE", system.SUBSCRIPTIONS, system.unsubscribe, Permission.SYSTEM),
    ("GET", audit.PATH, audit.listed, Permission.READ_AUDIT),
    ("GET", audit.PATH + "/{id}", audit.read, Permission.READ_AUDIT),
    ("POST", people.PATH, people.create, Permission.MANAGE_PEOPLE),
    ("GET", people.PATH, people.listed, Permission.MANAGE_PEOPLE),
    ("GET", people.PATH + "/{id}", people.read, Permission.MANAGE_PEOPLE),
    ("PATCH", people.PATH + "/{id}", people.change, Permission.MANAGE_PEOPLE),
    ("DELETE", people.PATH + "/{id}", people.remove, Permission.MANAGE_PEOPLE),
    ("POST", people.PATH + "/{id}/link", people.link, Permission.MANAGE_PEOPLE),
    ("GET", people.SESSIONS, people.sessions, Permission.MANAGE_PEOPLE),
    ("DELETE", people.SESSIONS + "/{id}", people.end, Permission.MANAGE_PEOPLE),
    ("POST", OAUTH + "/clients", clients.create, Permission.MANAGE_CLIENTS),
    ("GET", OAUTH + "/clients", clients.listed, Permission.MANAGE_CLIENTS),
    ("GET", OAUTH + "/clients/{id}", clients.read, Permission.MANAGE_CLIENTS),
    ("DELETE", OAUTH + "/clients/{id}", clients.revoke, Permission.MANAGE_CLIENTS),
    ("POST", OAUTH + "/clients/{id}/rotate", clients.rotate, Permission.MANAGE_CLIENTS),
    ("POST", kyma.PUBLISH, kyma.publish, Permission.PUBLISH),
    ("POST", kyma.LEGACY, kyma.publish_legacy, Permission.PUBLISH),
    ("GET", kyma.SUBSCRIBED, kyma.subscribed, Permission.READ_EVENTS),
    ("POST", kyma.EVENTS, kyma.publish, Permission.PUBLISH),
    ("POST", kyma.EVENTS_V2, kyma.publish, Permission.PUBLISH),
)

#: The query parameters of each operation, as the contract names them; True: an array, each of whose items is one.
_QUERIES: Mapping[tuple[str, str], Mapping[str, bool]] = {
    (one.method, one.path): {each["name"]: each["schema"].get("type") == "array" for each in one.query}
    for one in openapi.OPERATIONS
}
#: And the media types of its body.
_BODIES = {(one.method, one.path): one.body for one in openapi.OPERATIONS}


@cache
def routes() -> list[BaseRoute]:
    """The tables as Starlette takes them, but for the paths of applications."""
    return [each for each in _every() if not each.path.startswith(kyma.APPLICATION)]


def of_applications() -> list[BaseRoute]:
    """The paths that begin with the name of an application: to be tried last, for any first part fits them."""
    return [each for each in _every() if each.path.startswith(kyma.APPLICATION)]


@cache
def _every() -> list[Route]:
    """One route per path, so that a 405 names all methods that the path has."""
    paths: dict[str, dict[str, Handler]] = {}
    for method, path, handler, asks in GUARDED:
        named = _QUERIES[method, path.replace(":path", "")]
        taken = consent.only if asks is Permission.PUBLISH else partial(reading.only, names=named)
        # Publications are committed by the group, and made again there.
        again = handler if asks is Permission.PUBLISH else repeating(handler)
        vetted, serves = _vetted(method, path, again), path == graphql.PATH
        entrance = guarded(vetted, asks, taken, serves=serves)
        paths.setdefault(path, {})[method] = kyma.FORMS[path](entrance) if path in kyma.FORMS else entrance
        if asks is Permission.PUBLISH:
            paths[path]["OPTIONS"] = consent.options
    for method, path, handler in OPEN:
        paths.setdefault(path, {})[method] = repeating(handler)
    # No part of the contract: where a person begins.
    paths["/"] = {"GET": reference.pointed}
    return [
        Route(path, (Named if path.startswith(kyma.APPLICATION) else Endpoint)(handlers))
        for path, handlers in paths.items()
    ]


class Named(Endpoint):
    """A path that begins with the name of an application: what no application can be called there is not."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request."""
        reserved = scope["path_params"]["application"].lower() in RESERVED
        await (nowhere if reserved else super().__call__)(scope, receive, send)


def _vetted(method: str, path: str, handler: Handler) -> Handler:
    """The handler behind what a head may say of its method: the media type of its body, a condition that cannot hold.

    Changes are sent in two media types (greenlake.md 1.1); of what is made only what plainly is no JSON is a 415.
    """
    # Kyma's doors ask for no label.
    posts = method == "POST" and path not in kyma.FORMS and JSON in _BODIES[method, path.replace(":path", "")]
    if not posts and method not in ("PATCH", "DELETE"):
        return handler

    async def answer(request: Request) -> Response:
        if posts:
            reading.labelled(request)
        else:
            reading.unconditional(request)
            if method == "PATCH":
                reading.media_type(request, "application/merge-patch+json", "application/json")
        return await handler(request)

    return answer


async def nowhere(scope: Scope, receive: Receive, send: Send) -> None:
    """Answers for all paths that there are not."""
    await endpoints.answer(_missing, scope, receive, send)


async def _missing(request: Request) -> Response:
    """404, with the path that was probably meant; `OPTIONS *` asks whether anybody is there (RFC 9110 9.3.7)."""
    path: str = request.scope["path"]
    if path == "*" and request.method == "OPTIONS":
        return Response(status_code=204)
    if path.strip("/") == "health":
        raise HTTPException(404, "Not Found: there are /health/live, /health/ready and /health/workers")
    # A path is told as one of ours, and only if it is: what a request said is no part of it.
    plain = "/" + "/".join(part for part in path.split("/") if part)
    if plain != path and any(route.path_regex.match(plain) for route in routes() if isinstance(route, Route)):
        raise HTTPException(404, "Not Found: there is such a path without an empty part (`//`, or `/` at the end)")
    raise HTTPException(404)

"""Every route with the ids of another workspace: whoever asks learns no more than that there is nothing."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest

from delivery.lifecycle import State
from service.api.routes import EVENT_TYPE, EVENTS, GUARDED, OAUTH, OPEN, WEBHOOK
from service.auth import PERMISSIONS
from service.services import Services
from subscriptions.access.clients import Role
from tests.builders import Builder, Result
from tests.service.callers import OTHER_WORKSPACE, WORKSPACE, Callers
from tests.service.rows import AUDIT, NOBODY

HOOK = f"{EVENTS}/webhooks/{{webhook}}"
SUBSCRIPTIONS = f"{EVENTS}/subscriptions"
DELIVERY = f"{EVENTS}/deliveries/{{event}}.{{webhook}}.0"
REPLAY, ISSUE = f"{EVENTS}/replays/{{replay}}", f"{EVENTS}/issues/{{issue}}"
APPLICATION = f"{EVENTS}/applications/{{application}}"
TOMORROW = f"{datetime.now(UTC) + timedelta(days=1):%Y-%m-%dT%H:%M:%SZ}"
RUNTIME = '{ applicationsForRuntime(runtimeID: "{webhook}") { totalCount } }'
TARGET = {"eventType": AUDIT, "webhook": {"resourceUri": HOOK}}


@dataclass(frozen=True, kw_only=True)
class Case:
    """What a stranger sends to a route, and how he is answered."""

    path: str
    body: Any = None
    role: Role = Role.SUBSCRIBER
    status: int = 404


@dataclass(frozen=True, kw_only=True)
class NoId:
    """Why a route can be asked for nothing of another workspace."""

    why: str


OWN = NoId(why="makes or lists what is the caller's own; nothing in it names anything else")
SHARED = NoId(why="the catalogue is everybody's")
OPERATORS = NoId(why="only operators may, who see all workspaces")

#: A new route has to have its line here.
ROUTES: dict[tuple[str, str], Case | NoId] = {
    ("POST", EVENTS + "/occurrences"): Case(
        path=EVENTS + "/occurrences",
        body={"apiGroup": "a", "apiVersion": "v1", "event": "b", "data": {}, "workspaceId": WORKSPACE},
        role=Role.PUBLISHER,
        status=403,
    ),
    ("POST", EVENTS + "/cloudevents"): OWN,
    ("POST", EVENTS + "/onap"): OWN,
    ("POST", EVENTS + "/test-events"): Case(
        path=EVENTS + "/test-events",
        body={"eventType": AUDIT, "workspaceId": WORKSPACE},
        role=Role.PUBLISHER,
        status=403,
    ),
    ("GET", EVENTS + "/metrics"): Case(path=EVENTS + "/metrics?webhookId={webhook}"),
    ("GET", EVENTS + "/events/{id:path}"): Case(path=f"{EVENTS}/events/{{event}}", role=Role.PUBLISHER),
    ("DELETE", EVENTS + "/events/{id:path}"): OPERATORS,
    ("DELETE", EVENTS + "/events"): OPERATORS,
    ("POST", EVENTS + "/event-types"): SHARED,
    ("GET", EVENTS + "/event-types"): SHARED,
    ("PUT", EVENT_TYPE + "/schema"): SHARED,
    ("GET", EVENT_TYPE + "/schema"): SHARED,
    ("DELETE", EVENT_TYPE + "/schema"): SHARED,
    ("GET", EVENTS + "/schemas/{id}"): SHARED,
    ("GET", EVENT_TYPE): SHARED,
    ("PATCH", EVENT_TYPE): SHARED,
    ("DELETE", EVENT_TYPE): SHARED,
    ("POST", EVENTS + "/event-apis"): OWN,
    ("GET", EVENTS + "/event-apis"): SHARED,
    ("GET", EVENTS + "/event-apis/{id}"): SHARED,
    ("GET", EVENTS + "/event-apis/{id}/document"): SHARED,
    ("GET", EVENTS + "/event-apis/{id}/events"): SHARED,
    ("POST", EVENTS + "/event-apis/{id}/refetch"): SHARED,
    ("PATCH", EVENTS + "/event-apis/{id}"): SHARED,
    ("DELETE", EVENTS + "/event-apis/{id}"): SHARED,
    ("POST", EVENTS + "/applications"): Case(
        path=EVENTS + "/applications", body={"name": "mine", "webhookId": "{webhook}"}, role=Role.PUBLISHER, status=400
    ),
    ("GET", EVENTS + "/applications"): OWN,
    ("GET", EVENTS + "/applications/{id}"): Case(path=APPLICATION),
    ("PATCH", EVENTS + "/applications/{id}"): Case(path=APPLICATION, body={"description": "x"}, role=Role.PUBLISHER),
    ("DELETE", EVENTS + "/applications/{id}"): Case(path=APPLICATION + "?force=true", role=Role.PUBLISHER),
    ("POST", "/graphql"): Case(path="/graphql", body={"query": RUNTIME}, status=200),
    ("GET", "/graphql"): Case(path=f"/graphql?query={RUNTIME}", status=200),
    ("POST", EVENTS + "/webhooks"): OWN,
    ("GET", EVENTS + "/webhooks"): OWN,
    ("GET", WEBHOOK): Case(path=HOOK),
    ("PATCH", WEBHOOK): Case(path=HOOK, body={"name": "mine"}),
    ("DELETE", WEBHOOK): Case(path=HOOK + "?force=true"),
    ("POST", WEBHOOK + "/verify"): Case(path=HOOK + "/verify"),
    ("POST", WEBHOOK + "/promote-secret"): Case(path=HOOK + "/promote-secret"),
    ("POST", WEBHOOK + "/test"): Case(path=HOOK + "/test", body={"eventType": AUDIT}),
    ("GET", WEBHOOK + "/states"): Case(path=HOOK + "/states"),
    ("GET", WEBHOOK + "/recent-deliveries"): Case(path=HOOK + "/recent-deliveries"),
    ("POST", WEBHOOK + "/delivery-failures/{failureId}/retry"): Case(
        path=HOOK + "/delivery-failures/{event}/retry",
    ),
    ("POST", SUBSCRIPTIONS): Case(path=SUBSCRIPTIONS, body=[TARGET], status=400),
    ("GET", SUBSCRIPTIONS): Case(path=f"{SUBSCRIPTIONS}?filter=webhookId%20eq%20'{{webhook}}'", status=200),
    ("PATCH", SUBSCRIPTIONS): Case(path=SUBSCRIPTIONS, body=[{"subscriptionId": "{subscription}", **TARGET}]),
    ("DELETE", SUBSCRIPTIONS): Case(path=SUBSCRIPTIONS + "?id={subscription}"),
    ("GET", "/asyncapi.json"): OWN,
    ("GET", EVENTS + "/subscription-sets"): SHARED,
    ("POST", EVENTS + "/subscription-sets/{name}/subscriptions"): Case(
        path=f"{EVENTS}/subscription-sets/acm.inventory/subscriptions", body={"webhook": {"resourceUri": HOOK}}
    ),
    ("DELETE", EVENTS + "/subscription-sets/{name}/subscriptions"): Case(
        path=f"{EVENTS}/subscription-sets/acm.inventory/subscriptions?webhookId={{webhook}}"
    ),
    ("GET", EVENTS + "/service-managers"): SHARED,
    ("GET", EVENTS + "/service-managers/{serviceManagerId}/api-groups"): SHARED,
    ("GET", EVENTS + "/api-groups/{apiGroupId}/events"): SHARED,
    ("GET", EVENTS + "/events"): OWN,
    ("GET", EVENTS + "/event-audiences/{messageId}"): Case(path=EVENTS + "/event-audiences/{event}"),
    ("GET", EVENTS + "/deliveries"): Case(path=EVENTS + "/deliveries?webhookId={webhook}", status=200),
    ("GET", EVENTS + "/deliveries/{id}"): Case(path=DELIVERY),
    ("POST", EVENTS + "/deliveries/{id}/retry"): Case(path=DELIVERY + "/retry"),
    ("POST", EVENTS + "/deliveries/{id}/resend"): Case(path=DELIVERY + "/resend"),
    ("POST", EVENTS + "/deliveries/{id}/cancel"): Case(path=DELIVERY + "/cancel"),
    ("POST", EVENTS + "/replays"): Case(path=EVENTS + "/replays", body={"webhookIds": ["{webhook}"]}),
    ("GET", EVENTS + "/replays"): OWN,
    ("GET", EVENTS + "/replays/{id}"): Case(path=REPLAY),
    ("POST", EVENTS + "/replays/{id}/pause"): Case(path=REPLAY + "/pause"),
    ("POST", EVENTS + "/replays/{id}/resume"): Case(path=REPLAY + "/resume"),
    ("POST", EVENTS + "/replays/{id}/cancel"): Case(path=REPLAY + "/cancel"),
    ("GET", EVENTS + "/issues"): Case(path=EVENTS + "/issues?webhookId={webhook}", status=200),
    ("GET", EVENTS + "/issues/{id}"): Case(path=ISSUE),
    ("POST", EVENTS + "/issues/{id}/acknowledge"): Case(path=ISSUE + "/acknowledge", body={}),
    ("POST", EVENTS + "/issues/{id}/snooze"): Case(path=ISSUE + "/snooze", body={"until": TOMORROW}),
    ("POST", EVENTS + "/issues/{id}/reopen"): Case(path=ISSUE + "/reopen", body={}),
    ("GET", "/audit-log/v1/logs"): OWN,
    ("GET", "/audit-log/v1/logs/{id}"): Case(path="/audit-log/v1/logs/{entry}"),
    ("POST", "/publish"): OWN,
    ("POST", "/{application}/v1/events"): OWN,
    ("GET", "/{application}/v1/events/subscribed"): OWN,
    ("POST", "/{application}/events"): OWN,
    ("POST", "/{application}/v2/events"): OWN,
    **{(method, path): OPERATORS for method, path, *_ in GUARDED if "/system-" in path or path.startswith(OAUTH)},
}
CASES = [(method, case) for (method, _), case in ROUTES.items() if isinstance(case, Case)]


def test_every_route_has_its_line() -> None:
    """A route that is added is thought about."""
    assert ROUTES.keys() == {(method, path) for method, path, *_ in GUARDED}


def test_what_is_for_operators_is_permitted_to_nobody_else() -> None:
    """What is said to be for operators is permitted to nobody else."""
    asked = {permission for method, path, _, permission in GUARDED if ROUTES[method, path] is OPERATORS}

    assert {role for role in Role if PERMISSIONS[role] & asked} == {Role.OPERATOR}


def test_open_routes() -> None:
    """What asks for no token names nobody's things, except a workspace together with its client's secret."""
    assert [path for _, path, _ in OPEN if "{" in path] == [
        OAUTH + "/oauth2/{workspaceId}/token",
        "/docs/events/{eventTypeId}",
    ]


@pytest.fixture
async def things(api: httpx.AsyncClient, callers: Callers, builder: Builder, services: Services) -> dict[str, str]:
    """A webhook, its subscription, an event whose delivery failed, a replay of it, the issue that this is; an application."""
    owner = await callers.headers(Role.SUBSCRIBER)
    asked = {
        "name": "hook",
        "destination": "https://127.0.0.1:9/",
        "secret": "s3cr3t",
        "challengeRequestEnabled": False,
    }
    made = (await api.post(f"{EVENTS}/webhooks", json=asked, headers=owner)).json()
    wanted = {"eventType": AUDIT, "webhook": {"resourceUri": made["resourceUri"]}}
    [ordered] = (await api.post(SUBSCRIPTIONS, json=[wanted], headers=owner)).json()
    publisher = await callers.headers(Role.PUBLISHER)
    application = (await api.post(f"{EVENTS}/applications", json={"name": "shop"}, headers=publisher)).json()
    event = builder.event(workspace_id=WORKSPACE)
    await builder.tried(event, UUID(made["id"]), Result(state=State.FAILED, status=503, reason="503", cause="503"))
    asked = {"webhookIds": [made["id"]]}
    replay = (await api.post(f"{EVENTS}/replays", json=asked, headers=owner)).json()
    await services.assembly.issue_watch.fold()
    [_, issue] = (await api.get(f"{EVENTS}/issues", headers=owner)).json()["items"]
    [entry, *_] = (await api.get("/audit-log/v1/logs", headers=owner)).json()["items"]
    return {
        "entry": entry["id"],
        "webhook": made["id"],
        "subscription": ordered["id"],
        "event": str(event.key),
        "replay": replay["id"],
        "issue": issue["id"],
        "application": application["id"],
    }


def filled(value: Any, names: dict[str, str]) -> Any:
    """The value with ids in place of their names."""
    if isinstance(value, str):
        for name, identifier in names.items():
            value = value.replace(f"{{{name}}}", identifier)
        return value
    if isinstance(value, dict):
        return {key: filled(each, names) for key, each in value.items()}
    return [filled(each, names) for each in value] if isinstance(value, list) else value


@pytest.mark.parametrize(("method", "case"), CASES, ids=lambda value: value if isinstance(value, str) else value.path)
async def test_another_workspaces_id_is_as_good_as_none(
    method: str, case: Case, api: httpx.AsyncClient, things: dict[str, str], callers: Callers
) -> None:
    """An id of another workspace is answered to the letter as one that nothing has, by whatever role, and nothing changes."""
    owner = await callers.headers(Role.SUBSCRIBER, Role.PUBLISHER)
    stranger = await callers.headers(case.role, workspace=OTHER_WORKSPACE)

    async def asked(names: dict[str, str]) -> tuple[int, str]:
        body = filled(case.body, names)
        response = await api.request(method, filled(case.path, names), json=body, headers=stranger)
        shown = response.text
        for identifier in names.values():
            shown = shown.replace(identifier, "-")
        told = response.json()
        return response.status_code, shown.replace(told.get("debugId", "-"), "")

    async def seen() -> list[Any]:
        paths = (APPLICATION, HOOK, HOOK + "/recent-deliveries", SUBSCRIPTIONS, f"{EVENTS}/events/{{event}}")
        return [(await api.get(filled(path, things), headers=owner)).json() for path in paths]

    before = await seen()
    theirs, nobodys = await asked(things), await asked(dict.fromkeys(things, NOBODY))

    assert theirs == nobodys
    assert theirs[0] == case.status
    assert await seen() == before

"""What people and strangers may ask of the pages, and what a workspace may change in an hour."""

from collections.abc import Hashable
from dataclasses import replace

import httpx
import pytest
from starlette.applications import Starlette

from service.dashboard.routes import routes
from service.limits.addresses import household
from service.server.pieces import LongWork
from service.services import Services
from service.settings import ServiceSettings
from subscriptions.access.audit_log import AuditQuery
from subscriptions.access.clients import Role
from subscriptions.ground.audience import Audience
from tests.builders import Builder
from tests.clock import Clock
from tests.dashboard.conftest import Visit
from tests.service import conftest as stage
from tests.service.callers import OTHER_WORKSPACE, WORKSPACE, Callers

WEBHOOKS = "/events/v1beta1/webhooks"

api = stage.api


@pytest.fixture
def entrance() -> ServiceSettings:
    """Some requests of an hour, and fewer changes."""
    return ServiceSettings(requests_per_hour=12, changes_per_hour=3)


async def test_pages_count_to_a_persons_hour(visit: Visit, clock: Clock) -> None:
    """Beyond it a page says when to come back, whoever else looks; the hour over, pages are there again."""
    viewer, other = await visit(Role.VIEWER), await visit(Role.VIEWER)

    answers = [await viewer.get("/dashboard/webhooks") for _ in range(13)]

    assert [each.status_code for each in answers] == [200] * 12 + [429]
    assert answers[-1].headers["retry-after"] == "3600"
    assert "All 12 requests of your hour are used up" in answers[-1].text
    assert (await other.get("/dashboard/webhooks")).status_code == 200
    clock.advance(3600)
    assert (await viewer.get("/dashboard/webhooks")).status_code == 200


async def test_changes_count_to_a_workspaces_hour(
    visit: Visit, api: httpx.AsyncClient, callers: Callers, builder: Builder, services: Services, clock: Clock
) -> None:
    """By whomever of the workspace and whichever way: one more is refused (429), changes nothing and leaves no entry; reading,
    operators, other workspaces and what is one's own go on."""
    hook = await builder.webhook()
    person = await visit(Role.SUBSCRIBER)
    program, elsewhere = (
        await callers.headers(Role.SUBSCRIBER),
        await callers.headers(Role.SUBSCRIBER, workspace=OTHER_WORKSPACE),
    )
    path = f"{WEBHOOKS}/{hook.id}"

    async def described(text: str, headers: dict[str, str] = program) -> int:
        clock.advance(0.01)
        return (await api.patch(path, json={"description": text}, headers=headers)).status_code

    # What stays as it was is no change.
    said = [await described(text) for text in ("one", "one", "two")]
    paused = await person.post(f"/dashboard/webhooks/{hook.id}/pause")
    refused = await api.patch(path, json={"description": "three"}, headers=program)
    page = await person.post(f"/dashboard/webhooks/{hook.id}/resume")
    kept = (await api.get(path, headers=program)).json()

    assert (said, paused.status_code) == ([200, 200, 200], 303)
    assert (refused.status_code, refused.headers["retry-after"]) == (429, "3600")
    assert "All 3 changes of this workspace's hour are made (HOOKLAKE_CHANGES_PER_HOUR)" in refused.json()["message"]
    assert (page.status_code, page.headers["retry-after"]) == (429, "3600")
    assert (kept["description"], kept["status"]) == ("two", "DISABLED")
    found = await services.audit_log.page(AuditQuery(workspace_id=WORKSPACE, subject=str(hook.id), limit=50))
    assert len(found.entries) == 3
    assert (await api.delete(f"{WEBHOOKS}/{hook.id}", headers=elsewhere)).status_code == 404
    assert await described("by an operator", await callers.headers(Role.OPERATOR)) == 200
    assert (await person.post("/dashboard/sign-out")).status_code == 303
    clock.advance(600)
    services.assembly.base.clock.follow(clock.advance(3000))
    assert await described("four", await callers.headers(Role.SUBSCRIBER)) == 200


async def test_refused_documents_count_to_a_workspaces_hour(api: httpx.AsyncClient, callers: Callers) -> None:
    """What was read and refused was work: each counts as a change, and for each 64 KiB of it as one more."""
    publisher = await callers.headers(Role.PUBLISHER)
    apis, schema = "/events/v1beta1/event-apis", "/events/v1beta1/event-types/com.acme.x/schema"

    answers = [
        await api.post(apis, json={"document": "asyncapi: 9.9.9"}, headers=publisher),
        await api.put(schema, content=b'{"type": 3}' + b" " * 70_000, headers=publisher),
        await api.post(apis, json={"document": "asyncapi: 9.9.9"}, headers=publisher),
    ]

    assert [each.status_code for each in answers] == [400, 400, 429]


async def test_strangers_have_turns_of_their_address(services: Services) -> None:
    """What is drawn for nobody in particular waits for the turn of the address that asks, as long work does."""
    whose: list[Hashable] = []

    class Told(LongWork):
        """Keeps whose turns they are."""

        async def turn(self, asker: Hashable, audience: Audience, *, goes_on: bool) -> None:
            whose.append(asker)
            await super().turn(asker, audience, goes_on=goes_on)

    app = Starlette(routes=routes())
    app.state.services = replace(services, long_work=Told())
    transport = httpx.ASGITransport(app, client=("192.0.2.7", 1234))
    async with httpx.AsyncClient(transport=transport, base_url="http://hooklake") as stranger:
        for path in ("/dashboard/sign-in", "/dashboard/no-such-page"):
            await stranger.get(path)

    assert whose == [household("192.0.2.7")] * 2

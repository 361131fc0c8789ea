"""The audit log: what leaves an entry, in whose name, and that no secret is in one."""

import json
from pathlib import Path
from uuid import UUID

import httpx
import msgspec
import pytest

from service.services import Services
from subscriptions.access import audit_log
from subscriptions.access.audit_log import AuditEntry, AuditQuery
from subscriptions.access.clients import Role
from subscriptions.events import catalogue
from subscriptions.ground import audit
from subscriptions.ground.audit import AuditChange
from subscriptions.ground.database import Database
from tests import canaries
from tests.clock import Clock
from tests.service.callers import OTHER_WORKSPACE, WORKSPACE, Callers

EVENTS, CLIENTS = "/events/v1beta1", "/authorization/v2/clients"
LOGS = "/audit-log/v1/logs"
AUDIT_TYPE = "com.hpe.greenlake.audit-log.v1.logs.created"
ROOT = Path(__file__).parents[2]
TYPE = catalogue.DOCUMENTED[0].type
SECRET = canaries.planted("hook")


@pytest.fixture
async def operator(api: httpx.AsyncClient, callers: Callers, clock: Clock, services: Services) -> httpx.AsyncClient:
    """An operator, whose requests come a second apart."""

    async def later(_request: httpx.Request) -> None:
        services.assembly.base.clock.follow(clock.advance(1))

    api.headers.update(await callers.headers(Role.OPERATOR, name="Grace"))
    api.event_hooks = {**api.event_hooks, "request": [later]}
    return api


async def entries(services: Services, **query: object) -> list[AuditEntry]:
    """Oldest first."""
    page = await services.audit_log.page(AuditQuery(**query, limit=200))  # type: ignore[arg-type]
    return [*reversed(page.entries)]


async def registered(api: httpx.AsyncClient) -> str:
    asked = {"name": "orders", "destination": "https://example.com/hook", "secret": SECRET}
    made = await api.post(f"{EVENTS}/webhooks", json=asked)
    assert made.status_code == 201, made.text
    return str(made.json()["id"])


async def test_webhooks_and_subscriptions(operator: httpx.AsyncClient, services: Services, database: Database) -> None:
    """Each change says who, in which role, what it was and what it is; of a secret that it is another one."""
    hook = await registered(operator)
    path = f"{EVENTS}/webhooks/{hook}"
    changed = {"description": "for billing", "secondarySecret": SECRET + "2", "paused": True}
    await operator.patch(path, json=changed)
    await operator.patch(path, json={"description": "for billing", "secondarySecret": ""})
    order = {"eventType": TYPE, "webhook": {"resourceUri": path}}
    made = await operator.post(f"{EVENTS}/subscriptions", json=[order])
    subscription = made.json()[0]["id"]
    filtered = {"subscriptionId": subscription, **order, "eventFilter": "status eq 'x'"}
    replaced = await operator.patch(f"{EVENTS}/subscriptions", json=[filtered])
    assert replaced.status_code == 200, replaced.text
    ended = await operator.delete(f"{EVENTS}/subscriptions", params={"id": subscription})
    removed = await operator.delete(path)
    refused = await operator.patch(path, json={"name": "gone"})
    found = await entries(services)

    assert [each.status_code for each in (made, replaced, ended, removed, refused)] == [201, 200, 204, 204, 404]
    shown = {"webhook": hook, "eventType": TYPE, "eventFilter": ""}
    assert [(each.action, each.before, each.after) for each in found[1:-1]] == [
        (
            "webhook.changed",
            {"description": "", "paused": False},
            {"description": "for billing", "paused": True, "secondarySecret": "changed"},
        ),
        ("webhook.changed", {}, {"secondarySecret": "removed"}),
        ("subscription.created", {}, shown),
        ("subscription.replaced", {"eventFilter": ""}, {"eventFilter": "status eq 'x'"}),
        ("subscription.removed", shown | {"eventFilter": "status eq 'x'"}, {}),
    ]
    first, last = found[0], found[-1]
    assert (first.action, first.after["destination"], first.after["secret"]) == (
        *("webhook.registered", "https://example.com/hook"),
        "set",
    )
    assert (last.action, last.before["name"], last.after) == ("webhook.removed", "orders", {})
    who = {(each.actor_kind, each.actor_name, each.roles, each.address, each.workspace_id) for each in found}
    assert who == {("client", "Grace", ("operator",), "127.0.0.1", WORKSPACE)}
    assert found[1].description == "Webhook orders changed by Grace (description, paused, secondarySecret)"
    canaries.nothing([each for each in await canaries.in_rows(database) if "audit_entries" in each])


async def test_what_is_refused_leaves_nothing(operator: httpx.AsyncClient, services: Services) -> None:
    """A change that is refused, or changes nothing, leaves no entry, nor does reading."""
    hook = await registered(operator)
    before = len(await entries(services))
    same = await operator.patch(f"{EVENTS}/webhooks/{hook}", json={"name": "orders"})
    bad = await operator.patch(f"{EVENTS}/webhooks/{hook}", json={"destination": "ftp://x"})
    rehearsed = await operator.get(f"{EVENTS}/webhooks")

    assert (same.status_code, bad.status_code, rehearsed.status_code) == (200, 400, 200)
    assert len(await entries(services)) == before


async def test_clients_types_and_erasures(operator: httpx.AsyncClient, services: Services) -> None:
    """Clients, event types and erasures leave entries too."""
    made = await operator.post(CLIENTS, json={"name": "billing", "roles": ["viewer"], "workspaceId": OTHER_WORKSPACE})
    client = made.json()["id"]
    canaries.add(made.json()["clientSecret"])
    await operator.post(f"{CLIENTS}/{client}/rotate")
    await operator.delete(f"{CLIENTS}/{client}")
    name = "com.acme.billing.v1.invoices.created"
    await operator.post(f"{EVENTS}/event-types", json={"eventType": name})
    await operator.patch(f"{EVENTS}/event-types/{name}", json={"friendlyName": "Made"})
    await operator.delete(f"{EVENTS}/event-types/{name}")
    await operator.delete(f"{EVENTS}/events", params={"workspaceId": WORKSPACE})
    found = await entries(services)

    assert [each.action for each in found] == [
        *("client.created", "client.rotated", "client.revoked"),
        *("event-type.registered", "event-type.changed", "event-type.retired", "workspace.erased"),
    ]
    assert {each.workspace_id for each in found[:3]} == {OTHER_WORKSPACE}
    assert (found[1].after, found[4].after) == ({"clientSecret": "changed"}, {"friendlyName": "Made"})
    assert [each.category for each in found[2:4]] == ["user_management", "Unified Eventing"]


async def test_a_change_and_its_entry_stand_or_fall_together(database: Database, services: Services) -> None:
    """An entry is there with its change's commit, and not without it; nobody acts in what workers do."""
    change = AuditChange(action="webhook.changed", subject="x", name="x", workspace_id=None, after={"a": 1})
    actor = audit.Actor(
        kind=audit.ActorKind.COMMAND, id="ada", name="ada", workspace_id="", roles=(), address="", at=services.clock()
    )

    async def undone() -> None:
        async with database.transaction() as connection:
            await audit.note(connection, change)
            raise RuntimeError

    with audit.acting(actor):
        with pytest.raises(RuntimeError):
            await undone()
        assert await entries(services) == []
        async with database.raw() as raw, raw.transaction():
            await audit.note(raw, change)
    async with database.raw() as raw:
        await audit.note(raw, change)

    assert len(await entries(services)) == 1


async def test_pages_and_filters(
    database: Database, services: Services, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Entries are found by who, what, which thing, whose and when, a page after another, each once; what was not read is said."""
    for n in range(12):
        actor = audit.Actor(
            kind=audit.ActorKind.CLIENT, id=f"id-{n % 2}", name=("Ada", "Bob_%")[n % 2], workspace_id=WORKSPACE, roles=("x",),
            address="192.0.2.1", at=clock.advance(1),
        )  # fmt: skip
        with audit.acting(actor):
            async with database.transaction() as connection:
                kind, whose = ("webhook", "webhooks")[n // 6], (WORKSPACE, OTHER_WORKSPACE, None)[n % 3]
                await audit.note(
                    connection,
                    AuditChange(
                        action=f"{kind}.made", subject=f"s{n % 4}", name="n", workspace_id=whose, after={"n": n}
                    ),
                )

    async def numbers(**query: object) -> list[int]:
        return [each.after["n"] for each in await entries(services, **query)]

    listed: list[int] = []
    after: UUID | None = None
    while True:
        page = await services.audit_log.page(AuditQuery(limit=5, after=after))
        listed += [each.after["n"] for each in page.entries]
        if (after := page.next) is None:
            break
    start = clock.now
    assert listed == [*range(11, -1, -1)]
    assert await numbers(workspace_id=WORKSPACE) == [0, 3, 6, 9]
    assert await numbers(actor="aD") == [0, 2, 4, 6, 8, 10]
    assert await numbers(actor="_%") == [1, 3, 5, 7, 9, 11]
    assert await numbers(actor="id-1", subject="s3") == [3, 7, 11]
    assert await numbers(action="webhook") == [0, 1, 2, 3, 4, 5]
    assert await numbers(action="webhooks.made", until=start) == [6, 7, 8, 9, 10]
    assert await numbers(since=start) == [11]
    monkeypatch.setattr(audit_log, "READ", 4)
    page = await services.audit_log.page(AuditQuery(actor="Ada", limit=3))
    rest = await services.audit_log.page(AuditQuery(actor="Ada", limit=3, after=page.next))
    assert ([each.after["n"] for each in page.entries], page.read_out) == ([10, 8], True)
    assert [each.after["n"] for each in rest.entries] == [6, 4]


async def test_the_api(operator: httpx.AsyncClient, callers: Callers) -> None:
    """Entries are listed and read in the form of GreenLake's audit log, page after page, by who may (greenlake.md 1.14)."""
    hook = await registered(operator)
    await operator.patch(f"{EVENTS}/webhooks/{hook}", json={"description": "x"})
    first = (await operator.get(LOGS, params={"subject": hook, "limit": 1})).json()
    second = (await operator.get(LOGS, params={"subject": hook, "limit": 1, "after": first["next"]})).json()
    read = await operator.get(f"{LOGS}/{first['items'][0]['id']}")
    refused = await operator.get(LOGS, params={"since": "yesterday", "actor": "x" * 300})
    viewer = await operator.get(LOGS, headers=await callers.headers(Role.VIEWER))

    [item] = first["items"]
    assert (item["action"], item["user"], item["changes"]) == (
        "webhook.changed",
        {"username": "Grace"},
        [{"field": "description", "before": "", "after": "x"}],
    )
    assert ([each["action"] for each in second["items"]], "next" in second) == (["webhook.registered"], False)
    assert read.json() == item
    assert (refused.status_code, "since" in refused.text, "actor" in refused.text) == (400, True, True)
    assert viewer.status_code == 403


async def test_entries_are_events(operator: httpx.AsyncClient, services: Services, database: Database) -> None:
    """An entry is an event of GreenLake's type for whoever of its workspace has subscribed, once; for others there is none."""
    hook = await registered(operator)
    await services.assembly.audit_events.publish()
    order = {"eventType": AUDIT_TYPE, "webhook": {"resourceUri": f"{EVENTS}/webhooks/{hook}"}}
    await operator.post(f"{EVENTS}/subscriptions", json=[order])
    await operator.patch(f"{EVENTS}/webhooks/{hook}", json={"description": "for billing"})
    elsewhere = {"name": "a", "roles": ["viewer"], "workspaceId": OTHER_WORKSPACE}
    canaries.add((await operator.post(CLIENTS, json=elsewhere)).json()["clientSecret"])
    await services.assembly.audit_events.publish()
    async with database.raw() as connection:
        await connection.execute("UPDATE audit_entries SET told = false")
    await services.assembly.audit_events.publish()
    async with database.raw() as connection:
        bodies = [
            msgspec.json.decode(row["body"]) for row in await connection.fetch("SELECT body FROM events ORDER BY key")
        ]
        owed = await connection.fetchval("SELECT count(*) FROM deliveries")

    by_action = {each["data"]["additional_info"]["action"]: each for each in bodies}
    assert {each["type"] for each in bodies} == {AUDIT_TYPE}
    # Told anew, the first one finds its subscriber; nothing is published twice.
    assert sorted(by_action) == ["subscription.created", "webhook.changed", "webhook.registered"]
    assert (len(bodies), owed) == (3, 3)
    event = by_action["webhook.changed"]
    data = event["data"]
    assert (event["source"], event["id"]) == ("//global.api.greenlake.hpe.com/audit-log", data["id"])
    captured = json.loads((ROOT / "deploy/captured/audit-log.json").read_text())["data"]
    assert data.keys() == captured.keys()
    assert data["workspace"].keys() == captured["workspace"].keys()
    assert captured["additional_info"].keys() < data["additional_info"].keys()
    assert (data["user"], data["category"], data["has_details"]) == ({"username": "Grace"}, "Unified Eventing", True)
    assert data["additional_info"]["changes"] == [{"field": "description", "before": "", "after": "for billing"}]


async def test_an_entry_that_is_too_large_stops_nobodys(
    operator: httpx.AsyncClient, services: Services, database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    """Its event says that its changes are cut; one that can be none is logged; those behind it, of all workspaces, are told."""
    hook = await registered(operator)
    order = {"eventType": AUDIT_TYPE, "webhook": {"resourceUri": f"{EVENTS}/webhooks/{hook}"}}
    await operator.post(f"{EVENTS}/subscriptions", json=[order])
    await services.assembly.audit_events.publish()
    limit = services.ground.max_event_bytes
    large = {"tls": {"caBundle": "x" * limit}, "paused": False}
    many = {f"field{n}": "\0" * 100 for n in range(limit // 100)}
    ids = await noted(
        services,
        AuditChange(
            action="webhook.changed", subject="large", name="n", workspace_id=WORKSPACE, before=large, after={"tls": 1}
        ),
        AuditChange(action="webhook.removed", subject="many", name="n", workspace_id=WORKSPACE, before=many),
        AuditChange(
            action="webhook.changed", subject="never", name="n" * limit, workspace_id=WORKSPACE, after={"a": 1}
        ),
        AuditChange(action="webhook.changed", subject="behind", name="n", workspace_id=WORKSPACE, after={"a": 1}),
    )
    await services.assembly.audit_events.publish()
    async with database.raw() as connection:
        bodies = [msgspec.json.decode(row["body"]) for row in await connection.fetch("SELECT body FROM events")]
        untold = await connection.fetchval("SELECT count(*) FROM audit_entries WHERE NOT told")

    told = {each["data"]["additional_info"]["subject"]: each["data"]["additional_info"] for each in bodies}
    assert {"large", "many", "behind"} <= told.keys()
    assert ("never" in told, untold) == (False, 0)
    assert [told[each].get("changes_cut", False) for each in ("large", "many", "behind")] == [True, True, False]
    first, second = told["large"]["changes"]
    assert (first["field"], first["before"].startswith('{"caBundle":"xxx'), first["after"]) == ("tls", True, 1)
    assert first["before"].endswith(f"... (cut: {limit + 15} characters in all)")
    assert second == {"field": "paused", "before": False, "after": None}
    assert told["many"]["changes"] == []
    [said] = [each.getMessage() for each in caplog.records if each.levelname == "ERROR"]
    assert f"audit.untold entry={ids[2]} workspace={WORKSPACE}" in said


async def test_workspaces_take_turns(operator: httpx.AsyncClient, services: Services, database: Database) -> None:
    """One with very many entries has its share of a page, and another's single one is among the first that are told."""
    flood = AuditChange(action="webhook.changed", subject="f", name="f", workspace_id=OTHER_WORKSPACE, after={"a": 1})
    calm = AuditChange(action="webhook.changed", subject="calm", name="c", workspace_id=WORKSPACE, after={"a": 1})
    await noted(services, *[flood] * 300, calm)

    async with database.raw() as connection:
        first = await audit_log.untold(connection, limit=100)

    assert [each.subject for each in first[:3]] == ["f", "calm", "f"]


async def noted(services: Services, *changes: AuditChange) -> list[UUID]:
    """Entries of these changes, as a command leaves them, in their order."""
    actor = audit.Actor(
        kind=audit.ActorKind.COMMAND, id="ada", name="ada", workspace_id="", roles=(), address="", at=services.clock()
    )
    with audit.acting(actor):
        async with services.assembly.database.raw() as raw, raw.transaction():
            await audit.note(raw, *changes)
    return [each.id for each in (await entries(services))[-len(changes) :]]


async def test_entries_leave_with_age(operator: httpx.AsyncClient, services: Services, clock: Clock) -> None:
    """Entries that are kept no longer are deleted."""
    await registered(operator)
    kept = services.assembly.settings.keep_audit
    services.assembly.base.clock.follow(clock.advance(kept - 60))
    await services.assembly.audit_events.prune()
    before = len(await entries(services))
    services.assembly.base.clock.follow(clock.advance(120))
    await services.assembly.audit_events.prune()

    assert (before, await entries(services)) == (1, [])

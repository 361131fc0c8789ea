"""Nothing that a caller says is ignored in silence: query parameters, workspaces that there are not, events nobody wants."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

import httpx
import pytest

from service.services import Services
from service.settings import ServiceSettings
from subscriptions.access.clients import Role
from tests.builders import Builder
from tests.service.callers import OTHER_WORKSPACE, Callers
from tests.service.rows import AUDIT

EVENTS = "/events/v1beta1"
TLS = "is not a field of this request; caBundle, clientCertificate, clientKey are"
OCCURRENCE: Mapping[str, Any] = {
    "apiGroup": "audit-log",
    "apiVersion": "v1",
    "resourceCollection": "logs",
    "event": "created",
    "data": {"id": "1"},
}


def wrong(response: httpx.Response) -> list[tuple[str, str, str]]:
    """(subject, source, description) of each issue."""
    [detail] = response.json()["errorDetails"]
    return [(issue["subject"], issue["source"], issue["description"]) for issue in detail["issues"]]


@pytest.mark.parametrize(
    ("method", "path", "subject"),
    [
        ("GET", "/webhooks?filter=status%20eq%20%27ERROR%27", "filter"),
        ("GET", "/webhooks?limit=1&limit=2", "limit"),
        ("GET", f"/webhooks/{UUID(int=7)}?select=name", "select"),
        ("GET", "/subscriptions?webhookId=1", "webhookId"),
        ("GET", "/event-types?sort=name", "sort"),
        ("GET", f"/events/{UUID(int=7)}?Source=/x", "Source"),
        ("DELETE", f"/webhooks/{UUID(int=7)}?forced=true", "forced"),
        ("POST", "/occurrences?dryRun=true", "dryRun"),
        ("POST", "/webhooks?limit=5", "limit"),
    ],
)
async def test_a_query_that_would_be_ignored(
    api: httpx.AsyncClient, callers: Callers, method: str, path: str, subject: str
) -> None:
    """A parameter that nothing reads, or that is given twice, is refused by its name (greenlake.md 1.1)."""
    response = await api.request(method, EVENTS + path, headers=await callers.headers(*Role), json=None)

    assert response.status_code == 400, response.text
    assert [(name, source) for name, source, _ in wrong(response)] == [(subject, "query.parameter")]


async def test_what_greenlakes_clients_send(api: httpx.AsyncClient, callers: Callers) -> None:
    """HPE's PowerShell module asks every GET for a page; ids are repeated where several are meant (greenlake.md 1.1)."""
    headers = await callers.headers(*Role)

    one = await api.get(f"{EVENTS}/webhooks/{UUID(int=7)}?limit=100&offset=0", headers=headers)
    several = await api.delete(f"{EVENTS}/subscriptions?id={UUID(int=7)}&id={UUID(int=7)}", headers=headers)

    assert (one.status_code, several.status_code) == (404, 404)


async def test_an_unknown_workspace(api: httpx.AsyncClient, callers: Callers, services: Services) -> None:
    """Who may name another workspace is told that there is none of that name: nobody could ever see the event."""
    publisher = await callers.headers(Role.PUBLISHER, any_workspace=True)
    named = {**OCCURRENCE, "workspaceId": OTHER_WORKSPACE}

    refused = await api.post(EVENTS + "/occurrences", json=[OCCURRENCE, named], headers=publisher)
    await callers.known(OTHER_WORKSPACE)
    taken = await api.post(EVENTS + "/occurrences", json=[OCCURRENCE, named], headers=publisher)

    assert refused.status_code == 400
    assert [(subject, source) for subject, source, _ in wrong(refused)] == [("[1].workspaceId", "field")]
    assert taken.status_code == 202
    async with services.database.raw() as connection:
        assert await connection.fetchval("SELECT count(*) FROM events") == 2


async def test_an_operators_slip(api: httpx.AsyncClient, callers: Callers) -> None:
    """So is an operator who gives an event type away."""
    headers = await callers.headers(Role.OPERATOR)
    await api.post(EVENTS + "/event-types", json={"eventType": "com.acme.x"}, headers=headers)

    given = await api.patch(EVENTS + "/event-types/com.acme.x", json={"workspaceId": OTHER_WORKSPACE}, headers=headers)

    assert (given.status_code, "there is no such workspace" in given.text) == (400, True)


class TestWithAnotherIssuer:
    """Its tokens name workspaces that we know nothing of."""

    @pytest.fixture
    def entrance(self) -> ServiceSettings:
        return ServiceSettings(oidc_issuer="https://login.example", oidc_audience="hooklake")

    async def test_no_workspace_is_unknown(self, api: httpx.AsyncClient, callers: Callers) -> None:
        """An event may come before the first webhook of its workspace."""
        publisher = await callers.headers(Role.PUBLISHER, any_workspace=True)

        response = await api.post(
            EVENTS + "/occurrences", json={**OCCURRENCE, "workspaceId": OTHER_WORKSPACE}, headers=publisher
        )

        assert response.status_code == 202, response.text


async def test_how_many_webhooks_matched(
    api: httpx.AsyncClient, callers: Callers, services: Services, builder: Builder
) -> None:
    """A receipt says how many webhooks will get the event, after their filters; that of a duplicate says the same."""
    headers = await callers.headers(Role.PUBLISHER, Role.SUBSCRIBER)
    for event_filter in ("", "id eq '1'", "id eq '2'"):
        hook = await builder.webhook()
        order = {
            "eventType": AUDIT,
            "webhook": {"resourceUri": f"{EVENTS}/webhooks/{hook.id}"},
            "eventFilter": event_filter,
        }
        made = await api.post(EVENTS + "/subscriptions", json=[order], headers=headers)
        assert made.status_code == 201, made.text

    first, again, nobody = [
        (await api.post(EVENTS + "/occurrences", json=occurrence, headers=headers)).json()
        for occurrence in (
            {**OCCURRENCE, "id": "a"},
            {**OCCURRENCE, "id": "a"},
            {**OCCURRENCE, "event": "created", "data": {"id": "3"}},
        )
    ]

    assert (first["matched"], nobody["matched"]) == (2, 1)
    assert again == first | {"duplicate": True}


@pytest.mark.parametrize(
    ("wanted", "meant"),
    [
        ("com.hpe.greenlake.audit-log.v1.log.created", AUDIT),
        ("com.hpe.greenlake.auditlogs.v1.logs.created", AUDIT),
        ("com.hpe.greenlake.compute-ops.v1.servers.reboted", "com.hpe.greenlake.compute-ops.v1.servers.rebooted"),
        ("org.example.Nothing", None),
        ("%" * 300, None),
    ],
)
async def test_the_type_that_was_meant(
    api: httpx.AsyncClient, callers: Callers, services: Services, builder: Builder, wanted: str, meant: str | None
) -> None:
    """A subscriber is told the nearest type, and finds all of them in the list, which its role reads."""
    subscriber = await callers.headers(Role.SUBSCRIBER)
    hook = await builder.webhook()
    order = {"eventType": wanted, "webhook": {"resourceUri": f"{EVENTS}/webhooks/{hook.id}"}}

    refused = await api.post(EVENTS + "/subscriptions", json=[order], headers=subscriber)
    listed = (await api.get(EVENTS + "/event-types", headers=subscriber)).json()

    assert refused.status_code == 400
    assert (f"did you mean {meant}?" in refused.text) is (meant is not None), refused.text
    assert AUDIT in [item["eventType"] for item in listed["items"]]


@pytest.mark.parametrize(
    ("path", "body", "said"),
    [
        ("/webhooks", {}, {"name": "is required", "destination": "is required", "secret": "is required"}),
        (
            "/webhooks",
            {"Name": "a", "destination": "https://example.com/", "secret": "abcdefgh", "url": 1},
            {
                "name": "is required",
                "Name": "is not a field of this request; did you mean name?",
                "url": "is not a field of this request; name, destination, secret, description, secondarySecret, authType, "
                "clientId, clientSecret, issuerUrl, apiKey, batching, challengeRequestEnabled, contentMode, tls are",
            },
        ),
        (
            "/webhooks",
            {"name": "a", "destination": "https://example.com/", "tls": {"Key": "", "client_key": ""}},
            {"tls.client_key": "is not a field of this request; did you mean clientKey?", "tls.Key": TLS},
        ),
        (
            "/subscriptions",
            [{"eventType": AUDIT, "webhook": {"resourceUri": "/x"}, "filter": ""}],
            {"[0].filter": "is not a field of this request; did you mean eventFilter?"},
        ),
        ("/subscriptions", [{"webhook": {}}], {"[0].webhook.resourceUri": "is required"}),
    ],
)
async def test_fields_that_are_wrong(
    api: httpx.AsyncClient, callers: Callers, path: str, body: Any, said: dict[str, str]
) -> None:
    """Of an object every field that lacks and every one that is unknown is named at once, with the one that was meant."""
    refused = await api.post(EVENTS + path, json=body, headers=await callers.headers(Role.SUBSCRIBER))

    assert refused.status_code == 422, refused.text
    assert {subject: description for subject, _, description in wrong(refused)} == said


async def test_very_many_unknown_fields(api: httpx.AsyncClient, callers: Callers) -> None:
    """Twenty are named, cut short, however many and however long they are."""
    body = {"name": "a", "destination": "https://example.com/"} | {f"{n}{'x' * 500}": n for n in range(1000)}

    refused = await api.post(EVENTS + "/webhooks", json=body, headers=await callers.headers(Role.SUBSCRIBER))

    assert (refused.status_code, len(wrong(refused))) == (422, 20)
    assert max(len(subject) for subject, _, _ in wrong(refused)) <= 100


@pytest.mark.parametrize(
    "rest",
    [b"1, nonsense", b"[" * 5000 + b"]" * 5000 + b"}", b'"\xff"}', b'1, "tls": {"x": 1}, "tls": 5}'],
    ids=["no-json", "deep", "no-utf-8", "twice"],
)
async def test_a_first_fault_with_worse_behind_it(api: httpx.AsyncClient, callers: Callers, rest: bytes) -> None:
    """An unknown field is refused by its name, whatever stands behind it."""
    headers = await callers.headers(Role.SUBSCRIBER) | {"Content-Type": "application/json"}

    refused = await api.post(EVENTS + "/webhooks", content=b'{"colour": ' + rest, headers=headers)

    assert (refused.status_code, "colour" in refused.json()["message"]) == (422, True)

"""The hourly quota of API clients: its bookkeeping as tables, and what a client is told of it over HTTP."""

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, cast
from uuid import UUID, uuid4

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from service import auth, problems
from service.api import openapi
from service.api.contract.operation import Operation
from service.app import build
from service.limits.request_quota import RequestQuota
from service.services import Services
from service.settings import ServiceSettings
from subscriptions.access.access_tokens import Access, Caller
from subscriptions.access.clients import Client, Role
from subscriptions.ground.errors import Misconfigured
from subscriptions.ground.settings import read
from tests.clock import Clock
from tests.service.callers import WORKSPACE, Callers

WEBHOOKS = "/events/v1beta1/webhooks"
NOBODY = "3fa85f64-5717-4562-b3fc-2c963f66afa6"
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
#: Requests of an hour that this module's process takes of a client: its half of seven.
SHARE = 3
NAMES = {
    *("x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset"),
    *("ratelimit-limit", "ratelimit-remaining", "ratelimit-reset"),
}
UNCOUNTED = {
    "publishOccurrences",
    "publishCloudEvents",
    "publishOnapEvents",
    "publishKymaCloudEvent",
    "publishLegacyEvent",
    "publishApplicationCloudEvent",
    "publishApplicationCloudEventV2",
    "listSubscribedEvents",
    "readEvent",
}
COUNTED = [one for one in openapi.OPERATIONS if not one.open and one.id not in UNCOUNTED]


@pytest.fixture
def entrance() -> ServiceSettings:
    """Seven requests of an hour, on two processes."""
    return ServiceSettings(requests_per_hour=7, api_processes=2)


def told(response: httpx.Response) -> dict[str, str]:
    """The quota's headers of an answer."""
    return {name: value for name, value in response.headers.items() if name in NAMES}


def remaining(response: httpx.Response) -> tuple[int, str | None]:
    """Status, and what is left."""
    return response.status_code, response.headers.get("x-ratelimit-remaining")


async def exhausted(api: httpx.AsyncClient, callers: Callers, *roles: Role) -> dict[str, str]:
    """The headers of a client that has made all its requests."""
    headers = await callers.headers(*(roles or (Role.OPERATOR,)))
    for _ in range(SHARE):
        assert (await api.get(WEBHOOKS, headers=headers)).status_code == 200
    return headers


@pytest.mark.parametrize(
    ("after", "left", "within", "seconds"),
    [
        # Seconds after the first request at which more come; what the last of them is told.
        ([], 1, True, 3600),
        ([10], 0, True, 3590),
        ([10, 20], 0, False, 3580),
        # Those beyond the limit are not counted, and do not put the end off.
        ([10, 20, 30, 3599], 0, False, 1),
        ([10, 3599.5], 0, False, 1),
        ([10, 20, 3600], 1, True, 3600),
        # An hour begins with a request, not with the end of the one before.
        ([10, 20, 5400], 1, True, 3600),
        ([5400, 5401, 5402], 0, False, 3598),
        # A clock that is set back makes the hour longer, and gives nothing.
        ([10, -5], 0, False, 3605),
    ],
)
def test_an_hour(after: list[float], left: int, within: bool, seconds: int) -> None:
    """Two requests of an hour that begins with the first; all are there again at its end."""
    quota = RequestQuota(2)

    *_, last = [quota.take("a", NOON + timedelta(seconds=moment)) for moment in (0, *after)]

    assert (last.limit, last.remaining, last.within, last.seconds) == (2, left, within, seconds)


def test_both_resets_are_one_moment() -> None:
    """An hour that begins within a second is told to end at a whole one, in both families."""
    standing = RequestQuota(5).take("a", NOON + timedelta(milliseconds=700))

    assert standing.headers() == {
        "X-RateLimit-Limit": "5",
        "X-RateLimit-Remaining": "4",
        "X-RateLimit-Reset": "2026-03-01T13:00:00.000Z",
        "ratelimit-limit": "5",
        "ratelimit-remaining": "4",
        "ratelimit-reset": "3600",
    }


def test_memory_is_bounded() -> None:
    """Of more clients than fit, the one that was away longest starts anew; the others keep what they have left."""
    quota = RequestQuota(3, clients=2)

    left = [quota.take(client, NOON).remaining for client in ("a", "b", "a", "c", "a", "b")]

    assert left == [2, 2, 1, 2, 0, 2]
    assert len(quota) == 2


@pytest.mark.parametrize(("limit", "processes", "share"), [(0, 4, 0), (4, 4, 1), (7, 2, 3), (1000, 1, 1000)])
def test_shares_add_up_to_no_more_than_the_limit(limit: int, processes: int, share: int) -> None:
    """All processes together take no more than the limit."""
    environ = {"HOOKLAKE_REQUESTS_PER_HOUR": str(limit), "HOOKLAKE_API_PROCESSES": str(processes)}

    assert read(ServiceSettings, environ).requests_per_process == share


@pytest.mark.parametrize("limit", ["-1", "3", "many"])
def test_a_share_of_nothing(limit: str) -> None:
    """A limit below none, or one that leaves a process nothing to take, is no setting."""
    with pytest.raises(Misconfigured, match="HOOKLAKE_REQUESTS_PER_HOUR"):
        read(ServiceSettings, {"HOOKLAKE_REQUESTS_PER_HOUR": limit, "HOOKLAKE_API_PROCESSES": "4"})


async def test_one_too_many(api: httpx.AsyncClient, callers: Callers, clock: Clock) -> None:
    """429 with GreenLake's body, `Retry-After` and both families of headers, which agree (greenlake.md 1.8)."""
    headers = await exhausted(api, callers)
    reset = (clock() + timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%S.000Z")
    # Within the token's quarter of an hour.
    clock.advance(600)

    refused = await api.get(WEBHOOKS, headers=headers)

    body = refused.json()
    assert (refused.status_code, body["httpStatusCode"]) == (429, 429)
    assert UUID(body.pop("debugId"))
    assert body == {
        "httpStatusCode": 429,
        "errorCode": "HPE_GL_ERROR_TOO_MANY_REQUESTS",
        "message": "All 3 requests of this client's hour are used up: try again in 3000 s",
        "errorDetails": [{"type": "hpe.greenlake.retry_info", "retryAfterSeconds": 3000}],
    }
    assert refused.headers["retry-after"] == "3000"
    assert told(refused) == {
        "x-ratelimit-limit": "3",
        "x-ratelimit-remaining": "0",
        "x-ratelimit-reset": reset,
        "ratelimit-limit": "3",
        "ratelimit-remaining": "0",
        "ratelimit-reset": "3000",
    }


async def test_quota_is_the_clients(api: httpx.AsyncClient, services: Services, callers: Callers, clock: Clock) -> None:
    """All tokens of a client count to one number, which is whole again after the hour; others have their own."""
    client = Client(
        id=uuid4(),
        workspace_id=WORKSPACE,
        name="a program",
        roles=frozenset({Role.VIEWER}),
        any_workspace=False,
        created_at=clock(),
        revoked_at=None,
    )

    async def asked() -> tuple[int, str | None]:
        # A client's tokens of one second are one: each is made a second after the last.
        token = await services.access.issue(client, clock.advance(1))
        return remaining(await api.get(WEBHOOKS, headers={"Authorization": f"Bearer {token}"}))

    first = [await asked() for _ in range(4)]
    other = remaining(await api.get(WEBHOOKS, headers=await callers.headers(Role.VIEWER)))
    clock.advance(3600)
    later = await asked()

    assert first == [(200, "2"), (200, "1"), (200, "0"), (429, "0")]
    assert (other, later) == ((200, "2"), (200, "2"))


async def test_answers_within_the_limit(api: httpx.AsyncClient, callers: Callers) -> None:
    """Successes and refusals alike count and tell what is left, HEAD like GET; OPTIONS asks for no token and is not counted."""
    operator, viewer = await callers.headers(Role.OPERATOR), await callers.headers(Role.VIEWER)

    options = await api.options(WEBHOOKS, headers=operator)
    head = await api.head(WEBHOOKS, headers=operator)
    absent = await api.get(f"{WEBHOOKS}/{NOBODY}", headers=operator)
    made = await api.post(
        WEBHOOKS,
        json={"name": "x", "destination": "https://127.0.0.1:9/", "secret": "s3cr3t", "challengeRequestEnabled": False},
        headers=operator,
    )
    forbidden = await api.post(WEBHOOKS, json={}, headers=viewer)

    assert [remaining(each) for each in (options, head, absent, made, forbidden)] == [
        (204, None),
        (200, "2"),
        (404, "1"),
        (201, "0"),
        (403, "2"),
    ]
    assert [set(told(each)) for each in (head, absent, made, forbidden)] == [NAMES] * 4


async def test_issuers_apart(services: Services, callers: Callers) -> None:
    """A name that another issuer gives to somebody is not the client of ours that has the same one."""

    class Two(Access):
        """Takes the token for the issuer's name."""

        async def verify(self, token: str, now: datetime, address: str = "") -> Caller:
            roles = frozenset({Role.VIEWER})
            return Caller(
                issuer=token, client_id=NOBODY, name="x", workspace_id=WORKSPACE, roles=roles, any_workspace=False
            )

    app = build(lambda: pytest.fail("an ASGI transport runs no lifespan"))
    app.state.services = replace(services, access=Two.__new__(Two))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://hooklake") as client:
        left = [
            remaining(await client.get(WEBHOOKS, headers={"Authorization": f"Bearer {issuer}"}))
            for issuer in ("ours", "ours", "theirs")
        ]

    assert left == [(200, "2"), (200, "1"), (200, "2")]


async def test_a_defect_tells_it_too(services: Services, callers: Callers) -> None:
    """What is left stands on a 500 as well: the request was counted."""

    async def broken(_request: Request) -> Response:
        raise RuntimeError("a defect")

    app = Starlette(
        routes=[Route("/", auth.guarded(broken, None, lambda _: None))], exception_handlers=cast(Any, problems.HANDLERS)
    )
    app.state.services = services
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://hooklake") as client:
        response = await client.get("/", headers=await callers.headers(Role.VIEWER))

    assert remaining(response) == (500, "2")


@pytest.mark.parametrize("operation", COUNTED, ids=lambda one: one.id)
async def test_every_operation_is_counted(operation: Operation, api: httpx.AsyncClient, callers: Callers) -> None:
    """Webhooks, subscriptions, catalogue, system and clients: all declare the 429, and give it before a body is read."""
    headers = await exhausted(api, callers)
    kind = {"Content-Type": "application/json"}

    response = await api.request(
        operation.method, re.sub(r"\{\w+\}", NOBODY, operation.path), content=b"{", headers=headers | kind
    )

    assert "429" in operation.written()["responses"]
    assert remaining(response) == (429, "0")


async def test_what_is_not_counted(api: httpx.AsyncClient, callers: Callers) -> None:
    """Publishing, traces, tokens, health and descriptions go on when all is used up, and tell nothing of it."""
    headers = await exhausted(api, callers, *Role)
    others = [one for one in openapi.OPERATIONS if one not in COUNTED]

    answers = {
        one.id: await api.request(one.method, re.sub(r"\{\w+\}", NOBODY, one.path), content=b"{", headers=headers)
        for one in others
    }

    assert answers.keys() >= UNCOUNTED | {"issueToken", "live", "docs"}
    assert [(name, each) for name, each in answers.items() if told(each) or each.status_code == 429] == []


async def test_strangers_are_not_counted(api: httpx.AsyncClient) -> None:
    """Who is not known has no quota: a 401 each time."""
    answers = [await api.get(WEBHOOKS, headers={"Authorization": "Bearer x"}) for _ in range(SHARE + 1)]

    assert {remaining(each) for each in answers} == {(401, None)}


@pytest.mark.parametrize("entrance", [ServiceSettings()], ids=["default"])
async def test_no_quota(api: httpx.AsyncClient, services: Services, callers: Callers) -> None:
    """Unless one is set, nobody is counted and no answer tells of it."""
    headers = await callers.headers(Role.VIEWER)

    answers = [await api.get(WEBHOOKS, headers=headers) for _ in range(SHARE + 1)]

    assert services.quota is None
    assert [(each.status_code, told(each)) for each in answers] == [(200, {})] * 4

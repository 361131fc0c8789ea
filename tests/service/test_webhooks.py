"""Webhooks over HTTP: the rows of greenlake.md 1.1 with their codes, bodies and refusals."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import httpx
import pytest

from delivery.tickets import Job, JobKind, Nudge
from subscriptions.access.clients import Role
from tests import canaries
from tests.clock import Clock
from tests.receiver import Answer, Receiver
from tests.service.callers import OTHER_WORKSPACE, Callers

PATH = "/events/v1beta1/webhooks"
SECRET = canaries.planted("secret")
OAUTH: dict[str, Any] = {
    "authType": "oauth",
    "clientId": "a client",
    "clientSecret": "hush",
    "issuerUrl": "https://127.0.0.1:9/token?scope=events",
}


def registration(**more: Any) -> dict[str, Any]:
    return {"name": "Licences", "destination": "https://127.0.0.1:9/hook", "secret": SECRET, **more}


def issues(response: httpx.Response) -> list[tuple[str, str]]:
    return [(issue["source"], issue["subject"]) for issue in response.json()["errorDetails"][0]["issues"]]


@pytest.fixture
async def subscriber(api: httpx.AsyncClient, callers: Callers) -> httpx.AsyncClient:
    """The API's client, as a subscriber."""
    api.headers.update(await callers.headers(Role.SUBSCRIBER, name="Licence watch"))
    return api


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with Receiver({"/hook": (SECRET,)}, tls=False) as running:
        yield running


async def test_a_registration_is_201_without_secrets(
    subscriber: httpx.AsyncClient, announced: list[Nudge], clock: Clock
) -> None:
    """201 with Location and every required field; the challenge is announced; no secret comes back (greenlake.md 1.3)."""
    response = await subscriber.post(PATH, json=registration(description="For licences", secondarySecret="zweites"))

    body = response.json()
    now = clock().strftime("%Y-%m-%dT%H:%M:%S.000Z")
    assert response.status_code == 201, response.text
    assert response.headers["location"] == f"{PATH}/{body['id']}"
    assert body == {
        "id": body["id"],
        "type": "events/webhook",
        "name": "Licences",
        "description": "For licences",
        "destination": "https://127.0.0.1:9/hook",
        "paused": False,
        "status": "PENDING",
        "resourceUri": f"{PATH}/{body['id']}",
        "generation": 1,
        "hpePrincipal": body["hpePrincipal"],
        "createdBy": "Licence watch",
        "createdAt": now,
        "updatedAt": now,
        "authType": "",
        "clientId": "",
        "issuerUrl": "",
        "dualSecret": True,
        "batching": False,
        "challengeRequestEnabled": True,
        "endpointRateLimit": None,
        "contentMode": "json",
        "secretSince": now,
        "secondarySecretSince": now,
    }
    assert body["hpePrincipal"].startswith("user:")
    assert [(nudge.kind, str(nudge.key)) for nudge in announced if isinstance(nudge, Job)] == [
        (JobKind.CHALLENGE, body["id"])
    ]


async def test_registration_without_a_challenge(subscriber: httpx.AsyncClient) -> None:
    """`challengeRequestEnabled: false` answers ACTIVE; the authType comes back in its one spelling."""
    asked = registration(challengeRequestEnabled=False, authType="apikey", apiKey="Token abc")

    body = (await subscriber.post(PATH, json=asked)).json()

    assert (body["status"], body["authType"], body["challengeRequestEnabled"]) == ("ACTIVE", "APIKey", False)
    assert "Token abc" not in str(body)


async def test_registration_with_oauth(subscriber: httpx.AsyncClient) -> None:
    """`authType` comes back as `Oauth` with clientId and issuerUrl; the client's secret does not."""
    made = await subscriber.post(PATH, json=registration(**OAUTH))
    wrong = await subscriber.patch(f"{PATH}/{made.json()['id']}", json={"issuerUrl": "ftp://example.com"})
    left = await subscriber.patch(f"{PATH}/{made.json()['id']}", json={"authType": None})

    body = made.json()
    assert made.status_code == 201, made.text
    assert (body["authType"], body["clientId"], body["issuerUrl"]) == ("Oauth", "a client", OAUTH["issuerUrl"])
    assert "hush" not in made.text
    assert (wrong.status_code, issues(wrong)) == (400, [("field", "issuerUrl")])
    assert (left.json()["authType"], left.json()["clientId"], left.json()["issuerUrl"]) == ("", "", "")


@pytest.mark.parametrize(
    ("change", "status", "code", "named"),
    [
        ({"colour": "red"}, 422, "HPE_GL_EVENTS_INVALID_REQUEST_BODY", ["colour"]),
        ({"name": None}, 422, "HPE_GL_EVENTS_INVALID_REQUEST_BODY", ["name"]),
        ({"name": 5}, 422, "HPE_GL_EVENTS_INVALID_REQUEST_BODY", ["name"]),
        ({"batching": "yes"}, 422, "HPE_GL_EVENTS_INVALID_REQUEST_BODY", ["batching"]),
        ({"batching": True, "contentMode": "binary"}, 422, "HPE_GL_EVENTS_INVALID_REQUEST_BODY", ["contentMode"]),
        ({"contentMode": "avro"}, 400, "HPE_GL_ERROR_BAD_REQUEST", ["contentMode"]),
        ({"name": "a/b", "secret": "123"}, 400, "HPE_GL_ERROR_BAD_REQUEST", ["name", "secret"]),
        ({"authType": "APIKey"}, 400, "HPE_GL_ERROR_BAD_REQUEST", ["apiKey"]),
        ({"authType": "Oauth", "clientId": "a"}, 400, "HPE_GL_ERROR_BAD_REQUEST", ["clientSecret", "issuerUrl"]),
        ({**OAUTH, "issuerUrl": "https://10.1.2.3/"}, 400, "HPE_GL_ERROR_BAD_REQUEST", ["issuerUrl"]),
        ({"destination": "ftp://example.com"}, 400, "HPE_GL_ERROR_BAD_REQUEST", ["destination"]),
        ({"destination": "https://10.1.2.3/"}, 400, "HPE_GL_ERROR_BAD_REQUEST", ["destination"]),
    ],
)
async def test_refused_registrations(
    subscriber: httpx.AsyncClient, change: dict[str, Any], status: int, code: str, named: list[str]
) -> None:
    """A refusal names each field as the API spells it, and nothing is registered."""
    response = await subscriber.post(PATH, json=registration(**change))

    body = response.json()
    assert (response.status_code, body["httpStatusCode"], body["errorCode"]) == (status, status, code)
    assert issues(response) == [("field", name) for name in named]
    assert (await subscriber.get(PATH)).json()["total"] == 0


async def test_a_body_that_is_no_json(subscriber: httpx.AsyncClient) -> None:
    """400, and the body is named."""
    response = await subscriber.post(PATH, content=b"{")

    assert (response.status_code, issues(response)) == (400, [("field", "body")])


async def test_limit_and_name(subscriber: httpx.AsyncClient) -> None:
    """A name in use is a 400; the sixth webhook is a 403 with GreenLake's code and a message that
    names the limit (greenlake.md 1.2, D.9)."""
    for number in range(5):
        assert (await subscriber.post(PATH, json=registration(name=f"Hook {number}"))).status_code == 201
    removed = (await subscriber.get(PATH)).json()["items"][0]

    sixth = await subscriber.post(PATH, json=registration(name="Hook 5"))
    await subscriber.delete(f"{PATH}/{removed['id']}")
    wanted = (await subscriber.get(PATH)).json()["items"][0]
    taken = await subscriber.post(PATH, json=registration(name=wanted["name"]))

    assert (sixth.status_code, sixth.json()["errorCode"]) == (403, "HPE_GL_UNIFIED_EVENTS_REGISTRATION_FORBIDDEN")
    assert "5 webhooks" in sixth.json()["message"]
    assert (taken.status_code, issues(taken)) == (400, [("field", "name")])
    assert taken.json()["message"].endswith(f"is the name of another webhook of the workspace, {wanted['resourceUri']}")


async def test_webhooks_are_listed_newest_first(subscriber: httpx.AsyncClient, clock: Clock) -> None:
    """The envelope has items, count, offset and total, newest first; a limit beyond the
    most is clamped (greenlake.md 1.7, D.2)."""
    for number in range(3):
        await subscriber.post(PATH, json=registration(name=f"Hook {number}"))
        clock.advance(1)

    whole = (await subscriber.get(PATH, params={"limit": 100000, "offset": 0})).json()
    page = (await subscriber.get(PATH, params={"limit": 2, "offset": 2})).json()

    assert [item["name"] for item in whole["items"]] == ["Hook 2", "Hook 1", "Hook 0"]
    assert (whole["count"], whole["offset"], whole["total"]) == (3, 0, 3)
    assert [item["name"] for item in page["items"]] == ["Hook 0"]
    assert (page["count"], page["offset"], page["total"]) == (1, 2, 3)


@pytest.mark.parametrize("query", ["limit=-1", "limit=ten", "limit=0", "offset=-1", "offset=1.5"])
async def test_paging_that_is_no_number(subscriber: httpx.AsyncClient, query: str) -> None:
    """Negative or non-integer paging is a 400 that names the parameter (greenlake.md D.2)."""
    response = await subscriber.get(f"{PATH}?{query}")

    assert (response.status_code, issues(response)) == (400, [("query.parameter", query.partition("=")[0])])


async def test_a_stranger_gets_404_everywhere(
    api: httpx.AsyncClient, subscriber: httpx.AsyncClient, callers: Callers
) -> None:
    """Another workspace sees nothing of a webhook, whatever it tries; an operator does."""
    made = (await subscriber.post(PATH, json=registration())).json()
    stranger = await callers.headers(Role.SUBSCRIBER, workspace=OTHER_WORKSPACE)
    operator = await callers.headers(Role.OPERATOR, workspace=OTHER_WORKSPACE)

    answers = [
        await api.request(
            method, f"{PATH}/{identifier}{rest}", headers=stranger, json={} if method == "PATCH" else None
        )
        for identifier in (made["id"], str(uuid4()), "no-uuid")
        for method, rest in (
            ("GET", ""),
            ("PATCH", ""),
            ("DELETE", ""),
            ("POST", "/verify"),
            ("GET", "/recent-deliveries"),
            ("POST", f"/delivery-failures/{uuid4()}/retry"),
        )
    ]

    assert {(each.status_code, each.json()["errorCode"]) for each in answers} == {(404, "HPE_GL_ERROR_NOT_FOUND")}
    assert (await api.get(PATH, headers=stranger)).json()["total"] == 0
    assert (await api.get(f"{PATH}/{made['id']}", headers=operator)).json() == made
    assert (await api.get(PATH, headers=operator)).json()["total"] == 1


async def test_a_viewer_reads_and_verifies_only(
    api: httpx.AsyncClient, subscriber: httpx.AsyncClient, callers: Callers
) -> None:
    """Read permission covers GET and verify; everything else is a 403."""
    made = (await subscriber.post(PATH, json=registration())).json()
    viewer = await callers.headers(Role.VIEWER)
    one = f"{PATH}/{made['id']}"

    allowed = [await api.get(PATH, headers=viewer), await api.get(one, headers=viewer)]
    refused = [
        await api.post(PATH, json=registration(), headers=viewer),
        await api.patch(one, json={}, headers=viewer),
        await api.delete(one, headers=viewer),
        await api.post(f"{one}/delivery-failures/{uuid4()}/retry", headers=viewer),
    ]

    assert {each.status_code for each in allowed} == {200}
    assert {(each.status_code, each.json()["errorCode"]) for each in refused} == {(403, "HPE_GL_ERROR_FORBIDDEN")}


async def test_verify_asks_the_destination_at_once(subscriber: httpx.AsyncClient, receiver: Receiver) -> None:
    """`verify` asks the destination at once and shows what it said; a good answer makes the webhook ACTIVE."""
    made = (await subscriber.post(PATH, json=registration(destination=receiver.url()))).json()

    response = await subscriber.post(f"{PATH}/{made['id']}/verify")

    body = response.json()
    assert response.status_code == 200, response.text
    assert body["destinationResponse"] == {"statusCode": 200, "message": "OK", "requestedRate": None}
    assert (body["id"], body["status"], "stateReason" in body) == (made["id"], "ACTIVE", False)


async def test_a_challenge_is_authorised(subscriber: httpx.AsyncClient, receiver: Receiver) -> None:
    """One that is answered 401 is repeated with the token; where there is none, the webhook's reason says why."""
    token = Answer(body=b'{"access_token":"t-1","expires_in":3600}')
    receiver.plan("/token", Answer(status=403, body=b'{"error":"access_denied"}'), token)
    receiver.plan("/hook", Answer(status=401), Answer(status=401))
    asked = registration(**OAUTH | {"issuerUrl": receiver.url("/token"), "destination": receiver.url()})
    made = (await subscriber.post(PATH, json=asked)).json()

    without = (await subscriber.post(f"{PATH}/{made['id']}/verify")).json()
    body = (await subscriber.post(f"{PATH}/{made['id']}/verify")).json()

    assert without["destinationResponse"]["statusCode"] == 0
    said = "Webhook URL unreachable. error: token endpoint answered 403 access_denied"
    assert (without["status"], without["stateReason"].partition(" (")[0]) == ("ERROR", said)
    assert (body["status"], body["destinationResponse"]["statusCode"]) == ("ACTIVE", 200)
    assert [found.header("authorization") for found in receiver.requests if found.challenge] == ["", "", "Bearer t-1"]


async def test_a_failed_verification_is_a_200_too(subscriber: httpx.AsyncClient) -> None:
    """A destination that nobody listens at: 200, `statusCode` 0, and the status tells the result (greenlake.md D.13)."""
    made = (await subscriber.post(PATH, json=registration())).json()

    response = await subscriber.post(f"{PATH}/{made['id']}/verify")

    body = response.json()
    assert (response.status_code, body["destinationResponse"]["statusCode"], body["status"]) == (200, 0, "ERROR")
    assert body["stateReason"].startswith("Webhook URL unreachable. error: ")


async def test_one_verification_at_a_time(subscriber: httpx.AsyncClient, receiver: Receiver) -> None:
    """A second one meanwhile is a 429 that says when to ask again, and asks nobody."""
    receiver.plan("/hook", Answer(act="hang"))
    made = (await subscriber.post(PATH, json=registration(destination=receiver.url()))).json()
    first = asyncio.create_task(subscriber.post(f"{PATH}/{made['id']}/verify"))
    async with receiver._arrived:
        await receiver._arrived.wait_for(lambda: receiver.requests)

    second = await subscriber.post(f"{PATH}/{made['id']}/verify")
    first.cancel()

    assert (second.status_code, second.json()["errorCode"]) == (429, "HPE_GL_ERROR_TOO_MANY_REQUESTS")
    assert 1 <= int(second.headers["retry-after"]) <= 10
    assert len(receiver.requests) == 1

"""Secrets while everything goes wrong: none is in an answer, a record or a log.

That each answer, and at the end all files and rows of the stack, are looked through is left to `stage.py`.
"""

import json
from uuid import uuid4

import pytest

from tests.canaries import MARK, planted
from tests.flows.stage import Stage
from tests.flows.workspaces import EVENTS, Hook, Json, Workspace
from tests.receiver import Answer, Receiver

pytestmark = pytest.mark.asyncio(loop_scope="session")

SECRET, SECOND, KEY, HUSH, TOKEN = (planted(what) for what in ("secret", "second", "api-key", "client-secret", "token"))
#: A registration in which all that can be secret is.
FULL = {
    "name": "a webhook",
    "destination": "https://hooks.example.com/",
    "secret": SECRET,
    "secondarySecret": SECOND,
    "authType": "APIKey",
    "apiKey": KEY,
}


@pytest.mark.parametrize(
    "body",
    [
        json.dumps(FULL)[:-1],
        json.dumps(FULL).replace("{", '{"secret": 5, '),
        json.dumps(FULL | {"secret": [SECRET]}),
        json.dumps(FULL | {"secret": SECRET * 20, "secondarySecret": SECRET * 20}),
        json.dumps(FULL | {"apiKey": f"{KEY}\n"}),
        json.dumps(FULL | {"authType": "Oauth", "clientSecret": f"{HUSH}\n"}),
        json.dumps(FULL | {"authType": "", "clientSecret": HUSH}),
        json.dumps(FULL | {"tls": {"clientKey": f"-----BEGIN PRIVATE KEY-----\n{MARK}\n-----END PRIVATE KEY-----\n"}}),
        json.dumps(FULL | {"sekret": SECRET}),
        json.dumps([FULL]),
        f'"{SECRET}"',
    ],
    ids=[
        *("cut", "twice", "of another type", "too long", "not a header", "not a credential", "beside the type"),
        *("no key", "misspelled", "array", "text"),
    ],
)
async def test_refused_registrations(workspace: Workspace, body: str) -> None:
    """A registration that is refused is told why, without any secret that it held; so is a change."""
    hook = await workspace.hook()

    for method, path in (("POST", f"{EVENTS}/webhooks"), ("PATCH", hook.uri)):
        answer = await workspace.http.request(method, path, content=body, headers={"Content-Type": "application/json"})

        assert (answer.status_code in range(400, 500)) or method == "PATCH", answer.text
        assert MARK not in answer.text


@pytest.mark.parametrize(
    "authorization",
    [f"Bearer {TOKEN}", f"Bearer eyJhbGciOiJFUzI1NiJ9.{TOKEN}", f"Basic {TOKEN}", TOKEN, f"Bearer {TOKEN} {TOKEN}"],
)
async def test_refused_callers(workspace: Workspace, authorization: str) -> None:
    """A token that is no good is not repeated, whatever is wrong with it."""
    answer = await workspace.http.get(f"{EVENTS}/webhooks", headers={"Authorization": authorization})

    assert answer.status_code == 401
    assert MARK not in answer.text


async def test_refused_clients(workspace: Workspace) -> None:
    """A client that names itself with a wrong secret is not told it again, by form or by header."""
    path = f"/authorization/v2/oauth2/{workspace.id}/token"
    form = {"grant_type": "client_credentials", "client_id": str(uuid4()), "client_secret": HUSH}

    answers = [
        await workspace.http.post(path, data=form),
        await workspace.http.post(path, data=form | {"grant_type": HUSH, "client_id": HUSH}),
        await workspace.http.post(path, data={"grant_type": "client_credentials"}, auth=(str(uuid4()), HUSH)),
        await workspace.http.post(path, content=f"client_secret={HUSH}%&&=".encode()),
    ]

    assert all(answer.status_code in (400, 401, 415, 422) for answer in answers), [each.text for each in answers]
    assert all(HUSH not in answer.text for answer in answers)


@pytest.mark.parametrize(
    "echo",
    [
        Answer(status=500, headers=(("X-Echo", KEY),), body=f"who is {KEY}?".encode()),
        Answer(status=302, headers=(("Location", f"https://hooks.example.com/?key={KEY}"),)),
        Answer(status=429, headers=(("Retry-After", KEY),)),
        Answer(act="raw", body=f"{KEY} is no good\r\n\r\n".encode()),
        Answer(act="raw", body=f"HTTP/1.1 200 {KEY}\r\n{KEY}\r\n\r\n".encode()),
        Answer(status=500, body=f"expected a signature by {SECRET} or {SECOND}".encode()),
    ],
    ids=["body", "redirect", "retry-after", "not HTTP", "bad headers", "the webhook's own"],
)
async def test_echoing_destinations(workspace: Workspace, receiver: Receiver, echo: Answer) -> None:
    """What a destination says of credentials it was sent, or of secrets it shares, is kept without them."""
    hook = await _keyed(workspace, receiver)
    receiver.plan(hook.path, echo)

    await workspace.publish()
    shown = await workspace.tried(hook)

    assert MARK not in json.dumps(shown)
    assert "***" in json.dumps(shown)


@pytest.mark.parametrize(
    "answer",
    [
        Answer(status=400, body=json.dumps({"error": HUSH, "error_description": HUSH}).encode()),
        Answer(status=401, body=HUSH.encode(), headers=(("WWW-Authenticate", HUSH),)),
        Answer(status=302, headers=(("Location", f"https://hooks.example.com/?{HUSH}"),)),
        Answer(body=json.dumps({"access_token": f"{TOKEN}\n"}).encode()),
        Answer(body=json.dumps({"access_token": TOKEN, "token_type": TOKEN}).encode()),
        Answer(body=json.dumps({"refresh_token": TOKEN}).encode()),
        Answer(act="raw", body=f"{HUSH}\r\n\r\n".encode()),
    ],
    ids=["error", "401", "redirect", "no header", "another type", "without", "not HTTP"],
)
async def test_echoing_token_endpoints(workspace: Workspace, receiver: Receiver, answer: Answer) -> None:
    """A token endpoint that gives the client's secret back, or a token that cannot be used, is told of without either."""
    endpoint, path = f"/token-{uuid4().hex[:8]}", f"/{uuid4().hex[:8]}"
    receiver.plan(endpoint, *[answer] * 4)
    receiver.plan(path, *[Answer(status=401)] * 4)  # it asks for the token
    made = await _registered(
        workspace,
        destination=receiver.url(path),
        authType="OAuth",
        clientId="a client",
        clientSecret=HUSH,
        issuerUrl=receiver.url(endpoint),
    )

    status = await workspace.status(made, "ERROR", "DISABLED", "PENDING")
    await receiver.wait_for(2, path=endpoint)

    shown = (await workspace.http.get(made.uri)).json()
    assert status != "ACTIVE"
    assert MARK not in json.dumps(shown)


async def test_a_publication_that_holds_no_secret_of_ours(workspace: Workspace, stage: Stage) -> None:
    """The search is about something: the logs of this stack tell of deliveries, and hold none of its secrets."""
    hook = await workspace.hook()

    await workspace.settled(await workspace.publish(), delivered=1)

    assert any(hook.id in line for line in stage.logged("delivery.attempted"))
    assert stage.logged(MARK) == []


async def _keyed(workspace: Workspace, receiver: Receiver) -> Hook:
    path = f"/{uuid4().hex[:8]}"
    receiver.secrets[path] = (SECRET, SECOND)
    fields: Json = {"secret": SECRET, "secondarySecret": SECOND, "authType": "APIKey", "apiKey": KEY}
    made = await workspace.hook(destination=receiver.url(path), **fields)
    return Hook(id=made.id, path=path)


async def _registered(workspace: Workspace, **fields: str) -> Hook:
    given = {"name": f"hook-{uuid4().hex[:8]}", "secret": SECRET} | fields
    made = (await workspace.http.post(f"{EVENTS}/webhooks", json=given)).raise_for_status().json()
    return Hook(id=made["id"], path="")

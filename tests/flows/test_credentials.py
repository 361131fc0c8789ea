"""Deliveries carry the credentials of their webhook (greenlake.md 4)."""

import json
from urllib.parse import parse_qs
from uuid import uuid4

import pytest

from tests.canaries import MARK, planted
from tests.flows.workspaces import SECRET, Workspace
from tests.receiver import Answer, Receiver, Request

API_KEY, CLIENT_SECRET = f"Token {planted('api-key')}/1", planted("client-secret")

pytestmark = pytest.mark.asyncio(loop_scope="session")


def carried(requests: list[Request], path: str) -> list[tuple[bool, str]]:
    """Whether it was a challenge, and its Authorization, of each request to the path."""
    return [(found.challenge, found.header("authorization")) for found in requests if found.path == path]


async def test_api_key(workspace: Workspace, receiver: Receiver) -> None:
    """authType APIKey: `Authorization: <apiKey>` verbatim on the delivery, on the challenge not;
    recorded as `***` (greenlake.md 4.1)."""
    hook = await workspace.hook(authType="APIKey", apiKey=API_KEY)

    await workspace.publish()
    shown = await workspace.tried(hook)

    assert carried(receiver.requests, hook.path) == [(True, ""), (False, API_KEY)]
    assert shown["requestHeaders"]["Authorization"] == ["***"]
    assert MARK not in json.dumps(shown)


async def test_oauth_sends_a_bearer_token(workspace: Workspace, receiver: Receiver) -> None:
    """authType Oauth: a bearer token, on a challenge that is answered 401 too; a refused one is renewed
    within the attempt (greenlake.md 4.2)."""
    path, endpoint = f"/{uuid4().hex[:8]}", f"/token-{uuid4().hex[:8]}"
    receiver.secrets[path] = (SECRET,)
    receiver.plan(path, Answer(status=401))
    for number in range(10):
        token = {"access_token": f"{MARK}-{number}", "token_type": "Bearer", "expires_in": 3600}
        receiver.plan(endpoint, Answer(body=json.dumps(token).encode()))
    oauth = {
        "authType": "OAuth",
        "clientId": "a client",
        "clientSecret": CLIENT_SECRET,
        "issuerUrl": receiver.url(endpoint),
    }
    hook = await workspace.hook(destination=receiver.url(path), **oauth)
    receiver.plan(path, Answer(status=401))

    await workspace.publish()
    shown = await workspace.tried(hook)

    bare, challenge, refused, repeated = carried(receiver.requests, path)
    asked = [parse_qs(found.body.decode()) for found in receiver.requests if found.path == endpoint]
    assert bare == (True, "")
    assert challenge[0] is True
    assert {value.partition("-")[0] for _, value in (challenge, refused, repeated)} == {f"Bearer {MARK}"}
    assert refused[1] != repeated[1]
    assert len(asked) in (2, 3)  # one process challenges, the same or another delivers
    assert all(form["client_secret"] == [CLIENT_SECRET] for form in asked)
    assert (shown["httpResponseCode"], shown["generation"]) == (200, 1)
    assert shown["requestHeaders"]["Authorization"] == ["***"]
    assert MARK not in json.dumps(shown)

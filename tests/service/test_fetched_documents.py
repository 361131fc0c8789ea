"""Event APIs whose documents are fetched: what is asked of the host, what of its answer is taken, and where nobody looks."""

import base64
from collections.abc import AsyncIterator, Sequence
from typing import Any
from uuid import uuid4

import httpx
import pytest

from delivery.wire.names import Lookup, look_up
from delivery.wire.specs import SPEC_BYTES
from subscriptions.access.clients import Role
from tests.receiver import Answer, Receiver
from tests.service.callers import OTHER_WORKSPACE, Callers
from tests.service.test_event_apis import DOCUMENT, PATH

TOKEN = Answer(body=b'{"access_token": "t0ken", "token_type": "Bearer"}')
SPEC = Answer(body=DOCUMENT.encode())


@pytest.fixture
def lookup() -> Lookup:
    def resolved(host: str, port: int) -> Sequence[str]:
        return ["10.0.0.1"] if host == "inside.example" else look_up(host, port)

    return resolved


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with Receiver(tls=False) as listening:
        yield listening


@pytest.fixture
async def publisher(api: httpx.AsyncClient, callers: Callers) -> httpx.AsyncClient:
    api.headers.update(await callers.headers(Role.PUBLISHER))
    return api


async def fetched(api: httpx.AsyncClient, url: str, **more: Any) -> dict[str, Any]:
    answer = await api.post(PATH, json={"fetchRequest": {"url": url, **more}})
    assert answer.status_code == 201, answer.text
    body: dict[str, Any] = answer.json()
    return body


async def test_a_document_is_fetched_and_fetched_again(
    publisher: httpx.AsyncClient, receiver: Receiver, callers: Callers
) -> None:
    """It is asked for as its `auth` says; refetching takes a newer one, and what does not come leaves the one that is there."""
    receiver.plan("/shop.yaml?v=1&key=a+b", SPEC)
    auth = {
        "credential": {"basic": {"username": "me", "password": "pass-word"}},
        "additionalHeaders": {"X-Key": ["k1", "k2"]},
        "additionalQueryParams": {"key": ["a b"]},
    }
    made = await fetched(publisher, receiver.url("/shop.yaml?v=1"), auth=auth)
    [request] = receiver.requests
    assert (request.method, request.path) == ("GET", "/shop.yaml?v=1&key=a+b")
    assert request.header("Authorization") == "Basic " + base64.b64encode(b"me:pass-word").decode()
    assert [value for name, value in request.headers if name.lower() == "x-key"] == ["k1", "k2"]
    assert (made["name"], made["eventTypes"], made["error"]) == ("Orders", ["com.acme.order.placed"], "")
    assert made["fetchRequest"]["status"]["condition"] == "SUCCEEDED"
    assert made["fetchRequest"]["auth"]["credential"]["basic"] == {"username": "me", "password": "***"}

    receiver.plan(
        "/shop.yaml?v=1&key=a+b", Answer(body=DOCUMENT.replace("What is", "All that is").encode()), Answer(status=404)
    )
    again = (await publisher.post(made["resourceUri"] + "/refetch")).json()
    assert (again["fetchRequest"]["status"]["condition"], again["generation"]) == ("SUCCEEDED", made["generation"] + 1)
    gone = (await publisher.post(made["resourceUri"] + "/refetch")).json()
    assert gone["fetchRequest"]["status"]["message"] == "it answered 404"
    assert (gone["digest"], gone["eventTypes"]) == (again["digest"], made["eventTypes"])

    stranger = await callers.headers(Role.PUBLISHER, workspace=OTHER_WORKSPACE)
    assert (await publisher.post(made["resourceUri"] + "/refetch", headers=stranger)).status_code == 403
    shown = (await publisher.get(made["resourceUri"], headers=stranger)).json()
    assert shown.keys().isdisjoint({"auth", "fetchRequest", "externalSubscriptions", "workspaceId"})
    other = await publisher.patch(made["resourceUri"], json={"fetchRequest": {"url": "http://127.0.0.1:1/"}})
    assert (other.status_code, len(receiver.requests)) == (400, 3)
    assert "leads to another origin" in other.text


async def test_a_token_is_asked_for(publisher: httpx.AsyncClient, receiver: Receiver) -> None:
    """With OAuth a token is asked for first; where none is to be had nothing else is asked, and the secret is not told."""
    receiver.plan("/token", TOKEN, Answer(status=401), Answer(body=b"{}"))
    receiver.plan("/spec", SPEC)
    oauth = {"clientId": "me", "clientSecret": "sec-ret", "url": receiver.url("/token")}
    made = await fetched(publisher, receiver.url("/spec"), auth={"credential": {"oauth": oauth}})
    assert made["fetchRequest"]["status"]["condition"] == "SUCCEEDED"
    assert [(each.method, each.path) for each in receiver.requests] == [("POST", "/token"), ("GET", "/spec")]
    assert receiver.requests[1].header("Authorization") == "Bearer t0ken"

    for said in ("no token was to be had: it answered 401", "no token was to be had: the answer is no JSON"):
        failed = (await publisher.post(made["resourceUri"] + "/refetch")).json()
        assert said in failed["fetchRequest"]["status"]["message"]
        assert "sec-ret" not in str(failed)
    assert receiver.requests[-1].path == "/token"


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (Answer(status=302, headers=(("Location", "/elsewhere"),)), "it answered 302"),
        (Answer(status=204), "it answered 204"),
        (Answer(act="huge", size=SPEC_BYTES + 65536), f"it is larger than {SPEC_BYTES} bytes"),
        (Answer(act="bomb"), f"it is larger than {SPEC_BYTES} bytes"),
        (Answer(act="cut", body=b"{}"), "it broke off"),
    ],
    ids=["redirect", "nothing", "huge", "bomb", "cut"],
)
async def test_answers_that_are_not_taken(
    publisher: httpx.AsyncClient, receiver: Receiver, answer: Answer, said: str
) -> None:
    """Success is 200 and whole: the event API stands without a document, with the reason, and nothing else is asked for."""
    receiver.plan("/spec", answer, answer)

    made = await fetched(publisher, receiver.url("/spec"))

    assert made["fetchRequest"]["status"]["condition"] == "FAILED"
    assert said in made["fetchRequest"]["status"]["message"]
    assert (made["eventTypes"], {each.path for each in receiver.requests}) == ([], {"/spec"})
    assert (await publisher.get(made["resourceUri"] + "/document")).status_code == 404


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("http://169.254.169.254/latest/meta-data", "169.254.169.254 is not a public address"),
        ("https://10.0.0.1/", "10.0.0.1 is not a public address"),
        ("https://[::ffff:10.0.0.1]/", "is not a public address"),
        ("https://0x0a000001/", "is not a public address"),
        ("http://0251.0376.0251.0376/", "the URL cannot be read"),
        ("https://inside.example/spec", "inside.example leads to an address that is not public"),
    ],
)
async def test_nothing_is_fetched_from_inside(publisher: httpx.AsyncClient, url: str, said: str) -> None:
    """The guard of deliveries holds for each address that is dialled, whatever a name led to before."""
    made = await fetched(publisher, url)

    assert made["fetchRequest"]["status"]["condition"] == "FAILED"
    assert said in made["fetchRequest"]["status"]["message"]


async def test_what_came_by_a_credential_is_told_to_nobody_else(
    publisher: httpx.AsyncClient, receiver: Receiver, callers: Callers
) -> None:
    """Text that is no document, its error, and what was fetched with `auth` are for their own workspace and operators."""
    auth = {"credential": {"basic": {"username": "me", "password": "pass-word"}}}
    receiver.plan("/page", Answer(body=b"inside: page"))
    receiver.plan("/spec", SPEC)
    odd = await fetched(publisher, receiver.url("/page"))
    closed = await fetched(publisher, receiver.url("/spec"), auth=auth)
    stranger = await callers.headers(Role.VIEWER, workspace=OTHER_WORKSPACE)
    operator = await callers.headers(Role.OPERATOR, workspace=OTHER_WORKSPACE)

    assert (bool(odd["error"]), closed["error"]) == (True, "")
    for each in (odd, closed):
        path = each["resourceUri"]
        codes = [
            (await publisher.get(path + "/document", headers=headers)).status_code
            for headers in ({}, operator, stranger)
        ]
        assert codes == [200, 200, 404]
        shown, listed = await publisher.get(path, headers=stranger), await publisher.get(PATH, headers=stranger)
        assert shown.json()["error"] == ""
        assert odd["error"] not in listed.text
    # How it was come by stays, also where it is not asked for again.
    assert (await publisher.patch(closed["resourceUri"], json={"fetchRequest": None})).status_code == 200
    assert (await publisher.get(closed["resourceUri"] + "/document", headers=stranger)).status_code == 404
    events = await publisher.get(closed["resourceUri"] + "/events", headers=stranger)
    assert [each["eventType"] for each in events.json()["items"]] == ["com.acme.order.placed"]


async def test_what_is_kept_and_not_supported(publisher: httpx.AsyncClient, receiver: Receiver) -> None:
    """Other modes and filters, certificates and tokens against forgery are kept, and fail without a request."""
    certificate = {"clientId": "a", "certificate": "c", "url": "https://idp.example"}
    for more in (
        {"mode": "BUNDLE"},
        {"filter": "x"},
        {"auth": {"credential": {"certificateOAuth": certificate}}},
        {"auth": {"requestAuth": {"csrf": {"tokenEndpointURL": "https://csrf.example"}}}},
    ):
        made = await fetched(publisher, receiver.url("/spec"), **more)
        assert "not supported" in made["fetchRequest"]["status"]["message"]
    assert receiver.connections == 0


@pytest.mark.parametrize("method", ["POST", "PATCH"])
async def test_what_is_too_much_is_not_looked_at(api: httpx.AsyncClient, callers: Callers, method: str) -> None:
    """More than is kept of how one authenticates is 413 before anything reads it: even of another shape than it must have."""
    publisher = await callers.headers(Role.PUBLISHER)
    path = PATH if method == "POST" else f"{PATH}/{uuid4()}"
    for given, status in (([{}] * 30_000, 413), ([{}], 422), ({"a": "x" * 70_000}, 413)):
        answer = await api.request(method, path, json={"auth": given}, headers=publisher)
        assert (answer.status_code, answer.json()["errorDetails"][0]["issues"][0]["subject"]) == (status, "auth"), (
            answer.text
        )
    deep = await api.request(
        method, path, content=b'{"auth":%b}' % (b'{"a":' * 5000 + b"1" + b"}" * 5000), headers=publisher
    )
    assert deep.status_code == 400

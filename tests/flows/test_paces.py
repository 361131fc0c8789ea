"""What destinations allow, over HTTP with real processes (greenlake.md 5.5): rates, origins and heartbeats."""

from itertools import pairwise
from uuid import uuid4

import pytest

from tests.flows import stage as stages
from tests.flows.stage import Stage
from tests.flows.workspaces import Hook, Workspace, until
from tests.receiver import Answer, Receiver, Request

pytestmark = pytest.mark.asyncio(loop_scope="session")

ORIGIN = "https://common.cloud.hpe.com"


def allowing(rate: str | None, origin: str | None = None) -> Answer:
    """An answer to OPTIONS."""
    named = (("WebHook-Allowed-Rate", rate), ("WebHook-Allowed-Origin", origin))
    return Answer(headers=(("Allow", "POST"), *((name, value) for name, value in named if value is not None)))


async def allowed(workspace: Workspace, receiver: Receiver, answer: Answer, **fields: object) -> Hook:
    """A webhook whose destination answers OPTIONS like this."""
    path = f"/{uuid4().hex[:8]}"
    receiver.allowing[path] = answer
    return await workspace.hook(path=path, **fields)


async def rate_of(workspace: Workspace, hook: Hook) -> int | None:
    rate: int | None = (await workspace.http.get(hook.uri)).raise_for_status().json()["endpointRateLimit"]
    return rate


def fullest(requests: list[Request], seconds: float) -> int:
    """The most that so many seconds held."""
    moments = [request.at for request in requests]
    return max(sum(since <= at < since + seconds for at in moments) for since in moments)


async def test_a_granted_rate(workspace: Workspace, receiver: Receiver) -> None:
    """120 a minute: 20 events published at once come one by one, about half a second apart, over both workers, all of them."""
    hook = await allowed(workspace, receiver, allowing("120", ORIGIN))
    rate = await rate_of(workspace, hook)

    receipts = await workspace.publish_many(20)
    await workspace.settled(*receipts, delivered=1, seconds=60)

    requests = receiver.deliveries(hook.path)
    apart = [later.at - earlier.at for earlier, later in pairwise(requests)]
    assert rate == 120
    assert len({request.header("webhook-id") for request in requests}) == len(requests) == 20
    # By the receiver's clock, to which each request takes a little longer or shorter than the one before it.
    assert sum(apart) / len(apart) >= 0.45
    assert fullest(requests, 5) <= 11


@pytest.mark.parametrize(
    ("answer", "rate"),
    [(allowing("*"), -1), (allowing(None), None), (Answer(status=405), None), (Answer(status=404), None)],
    ids=["*", "absent", "405", "404"],
)
async def test_full_speed(workspace: Workspace, receiver: Receiver, answer: Answer, rate: int | None) -> None:
    """Without a rate 20 events come as fast as the share in flight allows."""
    hook = await allowed(workspace, receiver, answer)

    receipts = await workspace.publish_many(20)
    await workspace.settled(*receipts, delivered=1)

    requests = receiver.deliveries(hook.path)
    assert await rate_of(workspace, hook) == rate
    assert len(requests) == 20
    assert fullest(requests, 5) == 20


async def test_the_handshake_asks_with_the_documented_headers(workspace: Workspace, receiver: Receiver) -> None:
    """OPTIONS goes to the exact destination with the documented headers; the allowed origin is repeated on deliveries."""
    consenting = await allowed(workspace, receiver, allowing("600", ORIGIN), authType="APIKey", apiKey="Token abc")
    silent = await allowed(workspace, receiver, allowing("600"))

    for receipt in [await workspace.publish() for _ in range(2)]:
        await workspace.settled(receipt, delivered=2)
    shown = await workspace.tried(consenting)

    asked = [request for request in receiver.handshakes if request.path == consenting.path]
    names = ("webhook-request-origin", "content-type", "authorization")
    assert {tuple(request.header(name) for name in names) for request in asked} == {(ORIGIN, "application/json", "")}
    assert asked[0].body == b""
    assert [r.header(names[0]) for r in receiver.deliveries(consenting.path)] == [ORIGIN, ORIGIN]
    assert [r.header(names[0]) for r in receiver.deliveries(silent.path)] == ["", ""]
    assert shown["requestHeaders"]["WebHook-Request-Origin"] == [ORIGIN]


async def test_verify_asks_again(workspace: Workspace, receiver: Receiver) -> None:
    """`requestedRate` is what the destination names now; what it may not say changes nothing."""
    hook = await allowed(workspace, receiver, allowing("120"))
    said = []
    for answer in (allowing("240"), allowing("0"), allowing("*"), Answer(act="reset"), Answer(status=404)):
        receiver.allowing[hook.path] = answer
        shown = (await workspace.http.post(f"{hook.uri}/verify")).raise_for_status().json()
        response = shown["destinationResponse"]
        said.append((response["statusCode"], response["requestedRate"], shown["endpointRateLimit"], shown["status"]))

    assert said == [
        (200, 240, 240, "ACTIVE"),
        (200, None, 240, "ACTIVE"),
        (200, -1, -1, "ACTIVE"),
        (200, None, -1, "ACTIVE"),
        (200, None, None, "ACTIVE"),
    ]


async def test_without_challenge(workspace: Workspace, receiver: Receiver) -> None:
    """A webhook that is asked no challenge is ACTIVE at once, and asked for its rate all the same."""
    hook = await allowed(workspace, receiver, allowing("90"), challengeRequestEnabled=False)

    async def named() -> int | None:
        return await rate_of(workspace, hook)

    assert await until(named, "the destination's rate is known") == 90
    assert [request for request in receiver.requests if request.path == hook.path] == []


async def test_a_heartbeat_finds_a_changed_rate(receiver: Receiver) -> None:
    """A destination that changes its mind is found out by the heartbeat, and what waited for a slow pace comes then."""
    async with stages.running(receiver, {"HOOKLAKE_HEARTBEAT_INTERVAL": "2s"}) as stage:
        await _changes_its_mind(stage, receiver)


async def _changes_its_mind(stage: Stage, receiver: Receiver) -> None:
    workspace = await stage.workspace()
    hook = await allowed(workspace, receiver, allowing("1"))
    receipts = await workspace.publish_many(20)
    await receiver.wait_for(1, path=hook.path)
    before = await rate_of(workspace, hook)

    receiver.allowing[hook.path] = allowing("6000")
    await workspace.settled(*receipts, delivered=1, seconds=60)

    assert (before, await rate_of(workspace, hook)) == (1, 6000)
    assert len(receiver.deliveries(hook.path)) == 20

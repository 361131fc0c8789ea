"""Every delivery proves itself: to the reference Standard Webhooks library, and as HPE documents it, through rotations too."""

import asyncio
import base64
import hashlib
import hmac
from collections import Counter

import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from tests.flows.workspaces import SECRET, Hook, Json, Workspace
from tests.receiver import Answer, Receiver, Request

pytestmark = pytest.mark.asyncio(loop_scope="session")

#: Beyond ASCII, for the key is the secret's UTF-8 bytes.
NEW = "n3w-sécret"
#: Events that are published steadily while secrets rotate, seconds between two of them, and events before each step.
LOAD, PAUSE, STEP = 300, 0.02, 40


@pytest.mark.parametrize(
    "fields",
    [{}, {"contentMode": "structured"}, {"contentMode": "binary"}, {"batching": True}],
    ids=["json", "structured", "binary", "batch"],
)
async def test_both_checks(workspace: Workspace, receiver: Receiver, fields: Json) -> None:
    """The reference Standard Webhooks verifier and HPE's documented check both accept every delivery, and no other secret."""
    hook = await workspace.hook(**fields)

    await workspace.settled(*await workspace.publish_many(12), delivered=1)

    requests = receiver.deliveries(hook.path)
    assert len(requests) == (2 if fields.get("batching") else 12)
    assert [_proves(request, SECRET) for request in requests] == [(True, True)] * len(requests)
    assert [_proves(request, "another") for request in requests] == [(False, False)] * len(requests)


async def test_retry_and_rotation(workspace: Workspace, receiver: Receiver) -> None:
    """A reference Standard Webhooks verifier and HPE's documented check both accept every delivery.

    With two secrets, either verifies; after rotation only the new one; the timestamp is fresh at each retry.
    """
    hook = await workspace.hook(secondarySecret=NEW)
    # Whose retry comes seconds later: timestamps are whole seconds.
    receiver.plan(hook.path, Answer(status=429))

    receipt = await workspace.publish()
    await workspace.settled(receipt, delivered=1)
    receiver.secrets[hook.path] = (NEW,)
    shown = await _rotate(workspace, hook, secret=NEW, secondarySecret="")
    await workspace.settled(await workspace.publish(), delivered=1)

    first, second, after = requests = receiver.deliveries(hook.path)
    assert [_proves(request, SECRET) for request in requests] == [(True, True), (True, True), (False, False)]
    assert [_proves(request, NEW) for request in requests] == [(True, True)] * 3
    stamps = [int(request.header("webhook-timestamp")) for request in (first, second)]
    assert stamps[0] < stamps[1]
    assert all(abs(request.at - stamp) < 5 for request, stamp in zip((first, second), stamps, strict=True))
    assert first.header("webhook-id") == second.header("webhook-id") == receipt["id"]
    assert first.body == second.body
    assert (after.header("hpe-webhook-signature2"), shown["dualSecret"]) == ("", False)


async def test_rotation_under_load(workspace: Workspace, receiver: Receiver) -> None:
    """Secrets rotate while events keep coming, and no delivery ever fails the check that its receiver has at that moment."""
    hook = await workspace.hook()
    receipts: list[Json] = []

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(_publish_steadily(workspace, receipts))
        await _more(receiver, hook)
        receiver.secrets[hook.path] = (SECRET, NEW)
        await _rotate(workspace, hook, secondarySecret=NEW)
        await _more(receiver, hook)
        receiver.secrets[hook.path] = (NEW, SECRET)
        await _rotate(workspace, hook, secret=NEW, secondarySecret="")
        # From here on the old secret alone proves nothing.
        receiver.secrets[hook.path] = (NEW,)
    receipts += await workspace.publish_many(20)
    await workspace.settled(*receipts, delivered=1)

    requests = receiver.deliveries(hook.path)
    signed = Counter((_proves(request, SECRET), _proves(request, NEW)) for request in requests)
    assert [request.header("webhook-id") for request in requests if not (request.hpe and request.standard)] == []
    assert Counter(request.header("webhook-id") for request in requests) == Counter(each["id"] for each in receipts)
    # By the old secret alone, by both, by the new one alone.
    yes, no = (True, True), (False, False)
    assert set(signed) == {(yes, no), (yes, yes), (no, yes)}


async def _publish_steadily(workspace: Workspace, receipts: list[Json]) -> None:
    for _ in range(LOAD):
        receipts.append(await workspace.publish())
        await asyncio.sleep(PAUSE)


async def _more(receiver: Receiver, hook: Hook) -> None:
    """Returns once so many more deliveries have arrived."""
    await receiver.wait_for(len(receiver.deliveries(hook.path)) + STEP, path=hook.path, timeout=30)


async def _rotate(workspace: Workspace, hook: Hook, **secrets: str) -> Json:
    """The webhook as the answer to the change shows it, once it is ACTIVE again."""
    shown: Json = (await workspace.http.patch(hook.uri, json=secrets)).raise_for_status().json()
    await workspace.status(hook, "ACTIVE")
    return shown


def _proves(request: Request, secret: str) -> tuple[bool, bool]:
    """Whether the request proves the secret: by HPE's documented check, by the reference verifier."""
    return _hpe(request, secret), _standard(request, secret)


def _hpe(request: Request, secret: str) -> bool:
    """Either header may be the secret's (greenlake.md 3.1)."""
    expected = "sha256=" + hmac.new(secret.encode(), request.body, hashlib.sha256).hexdigest()
    given = (request.header(name) for name in ("HPE-Webhook-Signature", "HPE-Webhook-Signature2"))
    return any(hmac.compare_digest(expected, value) for value in given)


def _standard(request: Request, secret: str) -> bool:
    verifier = Webhook("whsec_" + base64.b64encode(secret.encode()).decode())
    try:
        verifier.verify(request.body, dict(request.headers), json_parse=False)
    except WebhookVerificationError:
        return False
    return True

"""What a publisher is told: receipts for what is kept, refusals for what is not, and never both (protocol.md 2.1)."""

import httpx
import pytest

from tests.flows.workspaces import SOURCE, Json, Workspace, occurrence
from tests.receiver import Receiver

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_the_same_id_twice(workspace: Workspace, receiver: Receiver) -> None:
    """The same occurrence id twice: one delivery, the same receipt."""
    hook = await workspace.hook()

    first = await workspace.publish(id="reboot-1")
    second = await workspace.publish(id="reboot-1")
    await workspace.settled(first, delivered=1)

    assert second == first | {"duplicate": True}
    assert len(receiver.deliveries(hook.path)) == 1


async def test_the_same_id_with_another_body(workspace: Workspace, receiver: Receiver) -> None:
    """The same id with another body: 409, the first one kept."""
    hook = await workspace.hook()

    first = await workspace.publish(id="reboot-1", data={"id": "first"})
    second = await workspace.post(occurrence(id="reboot-1", data={"id": "second"}))
    await workspace.settled(first, delivered=1)

    [request] = receiver.deliveries(hook.path)
    assert (second.status_code, _subjects(second)) == (409, ["id"])
    assert b'"data":{"id":"first"}' in request.body


@pytest.mark.parametrize(
    ("body", "status", "subject"),
    [
        pytest.param(occurrence(data={"text": "x" * 70_000}), 413, "data", id="an event over 64 KiB"),
        pytest.param(b'[{"data":"' + b"x" * (5 << 20) + b'"}]', 413, "body", id="a body over 5 MiB"),
        pytest.param("reboot!", 400, "body", id="not JSON"),
        pytest.param('{"event":"a","event":"b"}', 400, "event", id="a field twice"),
        pytest.param("17", 422, "body", id="not an object"),
        pytest.param(occurrence(event=7), 422, "event", id="a wrong type"),
        pytest.param(occurrence(data="text"), 422, "data", id="data of a wrong type"),
        pytest.param({name: text for name, text in occurrence().items() if name != "data"}, 422, "data", id="no data"),
        pytest.param(occurrence(colour_of="red"), 422, "colour_of", id="an unknown field"),
        pytest.param(occurrence(time="yesterday"), 400, "time", id="a wrong value"),
        pytest.param(occurrence(event="abducted"), 400, "event", id="an unknown event type"),
    ],
)
async def test_a_bad_occurrence(workspace: Workspace, body: object, status: int, subject: str) -> None:
    """Too large: 413. Wrong JSON, wrong type, missing field, unknown event type: 4xx that names the field."""
    answer = await workspace.post(body)

    assert (answer.status_code, _subjects(answer)) == (status, [subject])


@pytest.mark.parametrize(
    ("bad", "status", "subject"),
    [
        pytest.param(occurrence(event="abducted"), 400, "[1].event", id="an unknown event type"),
        pytest.param(occurrence(event=7), 422, "[1].event", id="a wrong type"),
        pytest.param(occurrence(data={"text": "x" * 70_000}), 413, "[1].data", id="too large"),
        pytest.param(occurrence(id="good", data={"id": "other"}), 409, "[1].id", id="a conflict with its neighbour"),
    ],
)
async def test_an_array_with_one_bad_item(
    workspace: Workspace, receiver: Receiver, bad: Json, status: int, subject: str
) -> None:
    """An array with one bad item stores nothing and names the index."""
    hook = await workspace.hook()

    answer = await workspace.post([occurrence(id="good"), bad])
    absent = await workspace.event("good", SOURCE)
    after = await workspace.publish(id="good", data={"id": "another"})
    await workspace.settled(after, delivered=1)

    [request] = receiver.deliveries(hook.path)
    assert (answer.status_code, _subjects(answer)) == (status, [subject])
    assert (absent.status_code, after["duplicate"]) == (404, False)
    assert b'"data":{"id":"another"}' in request.body


def _subjects(answer: httpx.Response) -> list[str]:
    """The fields that a refusal names."""
    [detail] = answer.json()["errorDetails"]
    return [issue["subject"] for issue in detail["issues"]]

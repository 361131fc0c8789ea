"""What the log tells of requests: a line each, with what a refusal is found by; and who changed what."""

import logging
import re

import httpx
import pytest

from service.api.endpoints import LOGGED
from subscriptions.access.clients import Role
from tests.service.callers import Callers

EVENTS = "/events/v1beta1"
LINE = re.compile(
    r"request\.answered method=(\S+) path=(\S+) status=(\d+) ms=[\d.]+ client=(\S+) address=\S+ debugId=(\S+)"
)
AUDIT = "com.hpe.greenlake.audit-log.v1.logs.created"


@pytest.fixture
def lines(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    caplog.set_level(logging.INFO)
    return caplog


def requests(lines: pytest.LogCaptureFixture) -> list[tuple[str, ...]]:
    """Method, path, status, client and debugId of each line of a request."""
    return [found.groups() for record in lines.records if (found := LINE.fullmatch(record.getMessage()))]


async def test_each_request_has_a_line(
    api: httpx.AsyncClient, callers: Callers, lines: pytest.LogCaptureFixture
) -> None:
    """Who asked what and was answered how; a refusal's debugId, and no query, for that may hold a token."""
    viewer = await callers.headers(Role.VIEWER)

    await api.get(f"{EVENTS}/webhooks?limit=1", headers=viewer)
    refused = (await api.post(f"{EVENTS}/webhooks?access_token=x.y.z", json={}, headers=viewer)).json()
    missing = (await api.get("/nowhere%0A/at/all")).json()
    await api.get("/health/live")

    told = requests(lines)
    assert [line[:3] for line in told] == [
        ("GET", f"'{EVENTS}/webhooks'", "200"),
        ("POST", f"'{EVENTS}/webhooks'", "403"),
        ("GET", r"'/nowhere\n/at/all'", "404"),
    ]
    assert [line[4] for line in told] == ["-", refused["debugId"], missing["debugId"]]
    assert told[0][3] == told[1][3] != "-" == told[2][3]
    assert "x.y.z" not in "".join(record.getMessage() for record in lines.records if record.name.startswith("hooklake"))


async def test_a_long_path_is_cut(api: httpx.AsyncClient, callers: Callers, lines: pytest.LogCaptureFixture) -> None:
    """A line has the beginning of a path, so that nobody pushes the lines of others out of the log by asking for long ones."""
    await api.get("/" + "a" * 8000)
    await api.get(f"{EVENTS}/webhooks/" + "a" * 8000, headers=await callers.headers(Role.VIEWER))

    assert [len(path) for _, path, *_ in requests(lines)] == [LOGGED + len("''")] * 2


async def test_changes_are_told(api: httpx.AsyncClient, callers: Callers, lines: pytest.LogCaptureFixture) -> None:
    """Webhooks and subscriptions: what became of them, which fields, by whom; never what the fields hold."""
    operator = await callers.headers(Role.OPERATOR)
    asked = {"name": "hook", "destination": "https://127.0.0.1:9/"}
    for area, more in (("", {"secret": "s3cr3tKey", "challengeRequestEnabled": False}), ("system-", {})):
        made = (await api.post(f"{EVENTS}/{area}webhooks", json=asked | more, headers=operator)).json()
        uri = made["resourceUri"]
        wanted = {"eventType": AUDIT, "webhook": {"resourceUri": uri}}
        [ordered] = (await api.post(f"{EVENTS}/{area}subscriptions", json=[wanted], headers=operator)).json()
        changed = [{**wanted, "subscriptionId": ordered["id"]}]
        await api.patch(f"{EVENTS}/{area}subscriptions", json=changed, headers=operator)
        await api.delete(f"{EVENTS}/{area}subscriptions?id={ordered['id']}", headers=operator)
        await api.patch(uri, json={"name": "renamed"}, headers=operator)
        await api.delete(uri, headers=operator)

    told = [record.getMessage() for record in lines.records if " by=" in record.getMessage()]
    assert [line.split()[0] for line in told] == 2 * [
        "webhook.registered",
        "subscription.created",
        "subscription.replaced",
        "subscription.removed",
        "webhook.changed",
        "webhook.removed",
    ]
    assert "fields=name " in told[4]
    assert len({line.rpartition(" by=")[2] for line in told}) <= 2


async def test_the_address_itself_leads_to_the_reference(api: httpx.AsyncClient) -> None:
    """Whoever opens it in a browser finds what there is to read."""
    answer = await api.get("/")

    assert (answer.status_code, answer.headers["location"]) == (307, "/docs")

"""Issues over HTTP: listed by filters, read, acknowledged, snoozed and reopened (greenlake.md 1.15)."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import httpx
import pytest

from delivery.lifecycle import State
from service.api import writing
from service.services import Services
from subscriptions.access.audit_log import AuditQuery
from subscriptions.access.clients import Role
from subscriptions.webhooks.webhook import Webhook
from tests.builders import Builder, Result
from tests.clock import Clock
from tests.service.callers import OTHER_WORKSPACE, WORKSPACE, Callers

ISSUES = "/events/v1beta1/issues"
REFUSED = Result(
    state=State.FAILED, status=None, reason="connection refused by 192.0.2.1:443", cause="connection refused by …"
)
UNAVAILABLE = Result(state=State.OWED, status=503, reason="503 Service Unavailable", cause="503 Service Unavailable")


@pytest.fixture
async def hook(builder: Builder, services: Services) -> Webhook:
    """A webhook with three issues: what fails in two ways, and what was given up."""
    made = await builder.webhook()
    for result in (UNAVAILABLE, UNAVAILABLE, REFUSED):
        await builder.tried(builder.event(), made.id, result)
    await services.assembly.issue_watch.fold()
    return made


async def listed(api: httpx.AsyncClient, **query: Any) -> Sequence[Any]:
    answer = await api.get(ISSUES, params=query)
    assert answer.status_code == 200, answer.text
    items: Sequence[Any] = answer.json()["items"]
    return items


async def test_what_is_wrong_is_listed(api: httpx.AsyncClient, callers: Callers, hook: Webhook) -> None:
    """The worst kind first, page by page, by filters, in words with what to do; of another workspace to nobody but operators."""
    api.headers.update(await callers.headers(Role.VIEWER))
    found = await listed(api)
    first = (await api.get(ISSUES, params={"limit": 1})).json()
    second = (await api.get(ISSUES, params={"limit": 2, "after": first["next"]})).json()
    [unavailable] = [each for each in found if each["httpResponseCode"] == 503]
    [given_up] = await listed(api, kind="given-up", webhookId=str(hook.id), state=["open", "snoozed"])

    assert [each["kind"] for each in found] == ["given-up", "delivery-failure", "delivery-failure"]
    assert [*first["items"], *second["items"]] == found
    assert second["next"] is None
    assert (await api.get(unavailable["resourceUri"])).json() == unavailable
    assert unavailable["summary"] == f"2 attempts for {hook.name} failed: 503 Service Unavailable."
    assert (unavailable["failedAttempts"], len(unavailable["affectedEvents"]), given_up["deliveriesGivenUp"]) == (
        2,
        2,
        1,
    )
    assert "Mend the destination" in given_up["remedy"]
    assert await listed(api, state="resolved") == []
    api.headers.update(await callers.headers(Role.SUBSCRIBER, workspace=OTHER_WORKSPACE))
    assert await listed(api) == []
    api.headers.update(await callers.headers(Role.OPERATOR, workspace=OTHER_WORKSPACE))
    assert (len(await listed(api)), len(await listed(api, workspaceId=WORKSPACE))) == (3, 3)


async def test_what_people_make_of_it(
    api: httpx.AsyncClient, callers: Callers, services: Services, clock: Clock, hook: Webhook
) -> None:
    """By who may change webhooks, with their name, a note and an entry in the audit log; a resolved one is left as it is."""
    api.headers.update(await callers.headers(Role.SUBSCRIBER, name="night shift"))
    [issue, *_] = await listed(api)
    until = writing.moment(services.clock() + timedelta(hours=1))

    async def said(move: str, **what: Any) -> httpx.Response:
        return await api.post(f"{issue['resourceUri']}/{move}", json=what)

    acknowledged = (await said("acknowledge", note="The team knows.")).json()
    snoozed = (await said("snooze", until=until)).json()
    reopened = (await said("reopen")).json()
    refused = [
        await said("snooze"),
        await said("snooze", until="2020-01-01T00:00:00Z"),
        await said("reopen", until=until),
    ]
    entries = (await services.audit_log.page(AuditQuery(subject=issue["id"]))).entries
    api.headers.update(await callers.headers(Role.VIEWER))
    forbidden = await said("acknowledge")
    async with services.database.raw() as connection:
        await connection.execute("UPDATE webhooks SET deleted_at = now()")
    await services.assembly.issue_watch.look()
    api.headers.update(await callers.headers(Role.SUBSCRIBER))
    late = await said("acknowledge")

    assert [acknowledged[name] for name in ("state", "handledBy", "note")] == [
        "acknowledged",
        "night shift",
        "The team knows.",
    ]
    assert "until" not in acknowledged
    assert (snoozed["state"], snoozed["until"], reopened["state"]) == ("snoozed", until, "open")
    assert [each.status_code for each in refused] == [400] * 3
    assert {each.action for each in entries} == {"issue.acknowledged", "issue.snoozed", "issue.reopened"}
    assert (forbidden.status_code, late.status_code) == (403, 409)
    assert "new issue" in late.text


@pytest.mark.parametrize(
    "query", [{"state": "bad"}, {"kind": "x"}, {"webhookId": "x"}, {"after": "x"}, {"after": "1.x"}, {"colour": "red"}]
)
async def test_what_cannot_be_asked(api: httpx.AsyncClient, callers: Callers, query: dict[str, str]) -> None:
    """A 400 that names it."""
    api.headers.update(await callers.headers(Role.VIEWER))
    answer = await api.get(ISSUES, params=query)
    assert (answer.status_code, next(iter(query)) in answer.text) == (400, True)

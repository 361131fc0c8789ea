"""The same event published again in other words: what counts as the same, and what is said where it is not."""

from typing import Any

import httpx

from service.services import Services
from subscriptions.access.clients import Role
from tests.clock import Clock
from tests.service.callers import Callers
from tests.service.test_publishing import CLOUDEVENTS, OCCURRENCES, REBOOTED, bodies, issues, rebooted


async def test_again_in_another_order(
    api: httpx.AsyncClient, callers: Callers, services: Services, clock: Clock
) -> None:
    """Members, extensions and headers in another order are the same event, for which no time was told either time; what is
    kept stays as it was first given. One other value is another one, and so is another spelling of a number: it is named."""
    publisher = await callers.headers(Role.PUBLISHER)
    given = rebooted(id="a", data={"id": "s1", "deep": {"x": 1.5, "y": [{"p": 1, "q": 2}]}}, zone="b", area="a")
    turned = dict(reversed(given.items())) | {"data": {"deep": {"y": [{"q": 2, "p": 1}], "x": 1.5}, "id": "s1"}}
    event: dict[str, Any] = {
        "specversion": "1.0",
        "id": "c",
        "source": "/s",
        "type": REBOOTED,
        "datacontenttype": "application/json",
        "data": {"b": 1, "a": 2},
        "zz": "1",
        "aa": "2",
    }
    plain = {"ce-specversion": "1.0", "ce-id": "c", "ce-aa": "2", "ce-zz": "1", "ce-type": REBOOTED, "ce-source": "/s"}
    first = (await api.post(OCCURRENCES, json=given, headers=publisher)).json()
    await api.post(CLOUDEVENTS, json=event, headers=publisher | {"Content-Type": "application/cloudevents+json"})
    kept = await bodies(services)
    clock.advance(60)

    second = (await api.post(OCCURRENCES, json=turned, headers=publisher)).json()
    binary = publisher | plain | {"Content-Type": "application/json"}
    relayed = await api.post(CLOUDEVENTS, content=b'{"a":2,"b":1}', headers=binary)
    others = [
        await api.post(
            OCCURRENCES, json=turned | {"data": {**given["data"], "id": "s2"}, "zone": "c"}, headers=publisher
        ),
        await api.post(OCCURRENCES, json=turned | {"time": "2026-05-04T12:30:00Z"}, headers=publisher),
        await api.post(CLOUDEVENTS, content=b'{"a":2,"b":1.0}', headers=binary),
    ]

    assert second == {**first, "duplicate": True, "matched": second.get("matched")}
    assert (relayed.status_code, relayed.json()["duplicate"]) == (202, True)
    assert await bodies(services) == kept
    assert [(other.status_code, issues(other)[0][1].partition(": ")[2]) for other in others] == [
        (409, "`zone`, `data.id` differ from it"),
        (409, "`time` differ from it"),
        (409, "`data.b` differ from it"),
    ]

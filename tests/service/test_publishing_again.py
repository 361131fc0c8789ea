"""The same event published again in other words: what counts as the same, and what is said where it is not."""

import json
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
        await api.post(
            OCCURRENCES, json=turned | {"data": {**given["data"], **dict.fromkeys("uvwxyz", 1)}}, headers=publisher
        ),
    ]

    assert second == {**first, "duplicate": True, "matched": second.get("matched")}
    assert (relayed.status_code, relayed.json()["duplicate"]) == (202, True)
    assert await bodies(services) == kept
    assert [(other.status_code, issues(other)[0][1].partition(": ")[2]) for other in others] == [
        (409, "`zone` and `data.id` differ from it"),
        (409, "`time` differs from it"),
        (409, "`data.b` differs from it"),
        (409, "`data.u`, `data.v`, `data.w`, `data.x`, `data.y` and more differ from it"),
    ]


EVENT: dict[str, Any] = {
    "specversion": "1.0",
    "id": "m",
    "source": "/m",
    "type": REBOOTED,
    "datacontenttype": "text/plain",
    "time": "2026-01-01T00:00:00Z",
    "expirytime": "2026-01-02T00:00:00.50Z",
    "sampledrate": 4711,
    "urgent": True,
    "level": "07",
    "data": "caf\u00e9",
}


def binary(**changed: str) -> dict[str, str]:
    """EVENT as headers, some of them changed."""
    text = {name: str(value).lower() if isinstance(value, bool) else str(value) for name, value in EVENT.items()}
    told = {f"ce-{name}": value for name, value in (text | changed).items() if name not in ("data", "datacontenttype")}
    return told | {"Content-Type": "text/plain"}


async def test_a_content_type_that_is_not_named_is_json(api: httpx.AsyncClient, callers: Callers) -> None:
    """SDKs leave it out of structured events and name it in binary ones: both are one event; another type is another."""
    publisher = await callers.headers(Role.PUBLISHER)
    event = {"specversion": "1.0", "id": "j", "source": "/j", "type": REBOOTED, "data": {"a": 1}}
    plain = {f"ce-{name}": str(value) for name, value in event.items() if name != "data"}
    first = await api.post(
        CLOUDEVENTS, json=event, headers=publisher | {"Content-Type": "application/cloudevents+json"}
    )

    again = await api.post(
        CLOUDEVENTS, content=b'{"a":1}', headers=publisher | plain | {"Content-Type": "application/json"}
    )
    other = await api.post(
        CLOUDEVENTS, content=b'{"a":1}', headers=publisher | plain | {"Content-Type": "application/vnd.a+json"}
    )

    assert (first.status_code, again.status_code, again.json()["duplicate"]) == (202, 202, True)
    assert (other.status_code, issues(other)[0][1].partition(": ")[2]) == (409, "`datacontenttype` differs from it")


async def test_again_in_another_mode(api: httpx.AsyncClient, callers: Callers, services: Services) -> None:
    """Attributes of equal canonical strings are the same (cloudevents.md C4), whatever the content mode makes of their types,
    as are equal instants in other spellings; of the event that is kept nothing changes."""
    publisher = await callers.headers(Role.PUBLISHER)
    batch = publisher | {"Content-Type": "application/cloudevents-batch+json"}
    single = publisher | {"Content-Type": "application/cloudevents+json"}
    body = "caf\u00e9".encode()
    escaped = json.dumps(EVENT)
    first = await api.post(CLOUDEVENTS, content=json.dumps(EVENT, ensure_ascii=False), headers=single)
    kept = await bodies(services)

    again = [
        await api.post(CLOUDEVENTS, content=body, headers=publisher | binary()),
        await api.post(CLOUDEVENTS, content=f"[{escaped}]", headers=batch),
        await api.post(CLOUDEVENTS, content=escaped, headers=single),
        *[
            await api.post(CLOUDEVENTS, content=body, headers=publisher | binary(**{name: moment}))
            for name, moment in (
                ("time", "2026-01-01T00:00:00+00:00"),
                ("time", "2026-01-01T01:00:00.000+01:00"),
                ("expirytime", "2026-01-02t00:00:00.5z"),
            )
        ],
    ]
    others = {
        name: await api.post(CLOUDEVENTS, content=body, headers=publisher | binary(**{name: value}))
        for name, value in {
            "time": "2026-01-01T00:00:00.001Z",
            "expirytime": "2026-01-02T00:00:00.5+00:01",
            "sampledrate": "04711",
            "urgent": "True",
            "level": "7",
        }.items()
    }
    others["data"] = await api.post(CLOUDEVENTS, content=b"cafe", headers=publisher | binary())

    assert first.status_code == 202
    assert [response.status_code for response in again] == [202] * 6, [response.text for response in again]
    assert await bodies(services) == kept
    assert {name: (each.status_code, issues(each)[0][1].partition(": ")[2]) for name, each in others.items()} == {
        name: (409, f"`{name}` differs from it") for name in others
    }

"""Subscriptions over HTTP: arrays, lists, deletions and refusals in GreenLake's forms."""

from typing import Any
from uuid import uuid4

import httpx
import pytest

from subscriptions.access.clients import Role
from subscriptions.webhooks.filters import event_filter
from tests.clock import Clock
from tests.service.callers import OTHER_WORKSPACE, Callers

PATH = "/events/v1beta1/subscriptions"
WEBHOOKS = "/events/v1beta1/webhooks"
PREFIX = "com.hpe.greenlake."
AUDIT = PREFIX + "audit-log.v1.logs.created"
EXPIRING = PREFIX + "subscriptions.v1.expiring-subscriptions"
#: The id of a webhook that nobody registered, and its URI.
NOBODY = "3a0e8f6c-6d3b-4b51-9d0a-0a6d1e6f2c55"
UNKNOWN = f"{WEBHOOKS}/{NOBODY}"
SAMPLES = [f"{PREFIX}sample-publisher.v1beta1.sample-event{number}" for number in range(1, 5)]


def order(webhook: str, event_type: str = AUDIT, **more: Any) -> dict[str, Any]:
    return {"eventType": event_type, "webhook": {"resourceUri": webhook}, **more}


def issues(response: httpx.Response) -> list[tuple[str, str]]:
    return [(issue["source"], issue["subject"]) for issue in response.json()["errorDetails"][0]["issues"]]


@pytest.fixture
async def subscriber(api: httpx.AsyncClient, callers: Callers) -> httpx.AsyncClient:
    """The API's client, as a subscriber."""
    api.headers.update(await callers.headers(Role.SUBSCRIBER, name="Licence watch"))
    return api


@pytest.fixture
async def webhook(subscriber: httpx.AsyncClient) -> str:
    """The resource URI of a webhook of the subscriber's workspace."""
    return await register(subscriber, "First")


async def register(subscriber: httpx.AsyncClient, name: str) -> str:
    asked = {"name": name, "destination": "https://127.0.0.1:9/", "secret": "s3cr3tKey"}
    made = (await subscriber.post(WEBHOOKS, json=asked)).json()
    uri: str = made["resourceUri"]
    return uri


@pytest.mark.parametrize("wrapped", [True, False])
async def test_a_subscription_is_answered_with_201(
    subscriber: httpx.AsyncClient, webhook: str, clock: Clock, wrapped: bool
) -> None:
    """An array or one object is answered with 201, Location and an array, every required field there."""
    one = order(webhook, EXPIRING, eventFilter="")

    response = await subscriber.post(PATH, json=[one] if wrapped else one)

    [body] = response.json()
    now = clock().strftime("%Y-%m-%dT%H:%M:%S.000Z")
    assert response.status_code == 201, response.text
    assert response.headers["location"] == body["resourceUri"] == f"{PATH}/{body['id']}"
    assert body == {
        "id": body["id"],
        "type": "events/subscription",
        "serviceManager": "HPE GreenLake Platform",
        "apiGroup": "subscriptions",
        "eventType": EXPIRING,
        "friendlyName": "Expiring subscriptions",
        "category": "non-resource",
        "description": body["description"],
        "resourceUri": f"{PATH}/{body['id']}",
        "webhook": {"resourceUri": webhook},
        "hpePrincipal": body["hpePrincipal"],
        "createdBy": "Licence watch",
        "createdAt": now,
        "updatedBy": "Licence watch",
        "updatedAt": now,
        "generation": 1,
    }


@pytest.mark.parametrize(
    ("body", "status", "named"),
    [
        ([], 400, ["body"]),
        ("text", 422, ["body"]),
        ([{"eventType": AUDIT}], 422, ["[0].webhook"]),
        ([{"eventType": AUDIT, "webhook": {"resourceUri": "x"}, "colour": 1}], 422, ["[0].colour"]),
        ([{"eventType": AUDIT, "webhook": {"resourceUri": "x", "id": "y"}}], 422, ["[0].webhook.id"]),
        ({"eventType": AUDIT, "webhook": {"resourceUri": "x"}}, 400, ["webhook.resourceUri"]),
        ([order(f"{PATH}/{NOBODY}")], 400, ["[0].webhook.resourceUri"]),
        ([order(UNKNOWN), order("x")], 400, ["[1].webhook.resourceUri"]),
        ([order(UNKNOWN)], 400, ["[0].webhook.resourceUri"]),
        ([order(UNKNOWN, eventFilter=1)], 422, ["[0].eventFilter"]),
        ([order(UNKNOWN, eventFilter="a eq")], 400, ["[0].eventFilter"]),
        (order("x", eventFilter="a gte 1"), 400, ["webhook.resourceUri", "eventFilter"]),
        (
            [order("x"), order(UNKNOWN), order(UNKNOWN, eventFilter="a")],
            *(400, ["[0].webhook.resourceUri", "[2].eventFilter"]),
        ),
    ],
)
async def test_refused_subscriptions(
    subscriber: httpx.AsyncClient, webhook: str, body: Any, status: int, named: list[str]
) -> None:
    """A refusal names item and field, and nothing is subscribed."""
    response = await subscriber.post(PATH, json=body)

    assert (response.status_code, issues(response)) == (status, [("field", name) for name in named])
    assert (await subscriber.get(PATH)).json()["total"] == 0


async def test_unknown_and_repeated_types(subscriber: httpx.AsyncClient, webhook: str) -> None:
    """A type that is not in the catalogue, and one that the webhook has already, are 400s that name it."""
    await subscriber.post(PATH, json=order(webhook))

    unknown = await subscriber.post(PATH, json=[order(webhook, EXPIRING), order(webhook, "com.example.nothing")])
    repeated = await subscriber.post(PATH, json=order(webhook))

    assert (unknown.status_code, issues(unknown)) == (400, [("field", "[1].eventType")])
    assert "com.example.nothing" in unknown.json()["message"]
    assert (repeated.status_code, issues(repeated)) == (400, [("field", "eventType")])
    assert (await subscriber.get(PATH)).json()["total"] == 1


async def test_the_sixth_subscription(subscriber: httpx.AsyncClient, webhook: str) -> None:
    """Over the limit: 403 with GreenLake's code, and a message that names the limit (greenlake.md D.9)."""
    for event_type in [AUDIT, *SAMPLES]:
        assert (await subscriber.post(PATH, json=order(webhook, event_type))).status_code == 201

    response = await subscriber.post(PATH, json=order(webhook, EXPIRING))

    assert (response.status_code, response.json()["errorCode"]) == (403, "HPE_GL_UNIFIED_EVENTS_REGISTRATION_FORBIDDEN")
    assert "more than 5" in response.json()["message"]


async def test_subscriptions_are_listed_newest_first(subscriber: httpx.AsyncClient, webhook: str, clock: Clock) -> None:
    """Newest first, by webhook or for the workspace, ten of them unless more are asked for (greenlake.md D.2)."""
    others = [await register(subscriber, name) for name in ("Second", "Third")]
    for each in (webhook, *others):
        for event_type in SAMPLES:
            clock.advance(1)
            await subscriber.post(PATH, json=order(each, event_type))

    everything = (await subscriber.get(PATH)).json()
    named = f"webhookId eq '{webhook.rpartition('/')[2]}'"
    of_one = (await subscriber.get(PATH, params={"filter": named, "limit": 3, "offset": 1})).json()

    assert (everything["count"], everything["offset"], everything["total"]) == (10, 0, 12)
    assert [item["eventType"] for item in everything["items"][:4]] == SAMPLES[::-1]
    assert {item["webhook"]["resourceUri"] for item in of_one["items"]} == {webhook}
    assert [item["eventType"] for item in of_one["items"]] == SAMPLES[2::-1]
    assert (of_one["count"], of_one["offset"], of_one["total"]) == (3, 1, 4)


async def test_hpes_module_sees_all(subscriber: httpx.AsyncClient) -> None:
    """It asks for a hundred, and then for those from the hundredth on, whatever came (greenlake.md 1.6)."""
    for name in ("One", "Two", "Three", "Four", "Five"):
        made = await register(subscriber, name)
        await subscriber.post(PATH, json=[order(made, event_type) for event_type in [AUDIT, *SAMPLES]])

    seen, offset, total = [], 0, 1
    while offset < total:
        page = (await subscriber.get(PATH, params={"limit": 100, "offset": offset})).json()
        seen += [item["id"] for item in page["items"]]
        offset, total = offset + 100, page["total"]

    assert (len(seen), len(set(seen)), total) == (25, 25, 25)
    assert (await subscriber.get(PATH, params={"limit": 5000})).json()["count"] == 25


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("webhookId", "the end (column 10) stands where `eq` should be"),
        ("webhookId ne 'x'", "`ne` (column 11) stands where `eq` should be"),
        ("webhookId eq 'x'", "`'x'` (column 14) stands where the id of a webhook in single quotes should be"),
        ("webhookId eq", "the end (column 13) stands where the id of a webhook in single quotes should be"),
        ("id eq '1'", "`id` (column 1) stands where `webhookId` should be"),
        (f"webhookId eq '{NOBODY}' or", "`or` (column 53) stands where the end should be"),
        ("webhookId eq 'x", "the text that begins with `'` (column 14) is not closed"),
    ],
)
async def test_other_filters(subscriber: httpx.AsyncClient, text: str, said: str) -> None:
    """Any filter but the documented one is a 400 that names the parameter, the token and its column."""
    response = await subscriber.get(PATH, params={"filter": text})

    assert (response.status_code, issues(response)) == (400, [("query.parameter", "filter")])
    assert said in response.json()["message"]


async def test_filters_are_shown(subscriber: httpx.AsyncClient, webhook: str) -> None:
    """A filter is kept and shown as it was given; none, null and white space are none, and none is shown."""
    text = " status  eq 'O''Hara' "
    asked = [order(webhook, SAMPLES[0], eventFilter=text), order(webhook, SAMPLES[1], eventFilter=" ")]
    asked += [order(webhook, SAMPLES[2], eventFilter=None), order(webhook, SAMPLES[3])]

    made = (await subscriber.post(PATH, json=asked)).json()
    listed = (await subscriber.get(PATH)).json()["items"]

    assert [each.get("eventFilter") for each in made] == [text, None, None, None]
    assert sorted(listed, key=lambda each: each["eventType"]) == made


async def test_a_filter_that_cannot_be_read(subscriber: httpx.AsyncClient, webhook: str) -> None:
    """The 400 explains which token failed to parse, where it stands, and what would be right (greenlake.md 6.2)."""
    response = await subscriber.post(PATH, json=[order(webhook, eventFilter="salary gte 50000")])

    body = response.json()
    said = "`gte` (column 8) is not a word of a filter; `ge` is"
    assert (response.status_code, body["errorCode"]) == (400, "HPE_GL_ERROR_BAD_REQUEST")
    assert body["message"] == f"[0].eventFilter: {said}"
    assert body["errorDetails"][0]["issues"] == [{"source": "field", "subject": "[0].eventFilter", "description": said}]


async def test_a_filter_with_too_many_conditions(subscriber: httpx.AsyncClient, webhook: str) -> None:
    """Thirty-two conditions are taken, one more is a 400 that says how many there may be."""
    many = [" or ".join(["a eq 1"] * count) for count in (32, 33)]

    taken, refused = [await subscriber.post(PATH, json=order(webhook, eventFilter=text)) for text in many]

    assert (taken.status_code, refused.status_code) == (201, 400)
    assert "more than the 32 that a filter may have" in refused.json()["message"]


async def test_filters_of_a_refused_request(subscriber: httpx.AsyncClient, webhook: str) -> None:
    """More subscriptions than a request holds are refused unseen; none that is seen takes room where filters are kept."""
    event_filter.compiled.clear()
    wrong = [order(webhook, eventFilter=f"p{number} eq 1 or") for number in range(30)]

    many = await subscriber.post(PATH, json=[order(webhook, eventFilter="a eq 1")] * 101)
    faulty = await subscriber.post(PATH, json=[*wrong, order(webhook, eventFilter="a eq 1")])

    assert (many.status_code, many.json()["message"]) == (
        413,
        "body: holds 101 subscriptions; at most 100 are taken at once",
    )
    assert (faulty.status_code, len(faulty.json()["errorDetails"][0]["issues"])) == (400, 10)
    assert len(event_filter.compiled) == 0


async def test_a_patch_replaces_type_and_filter(
    api: httpx.AsyncClient, subscriber: httpx.AsyncClient, webhook: str, callers: Callers, clock: Clock
) -> None:
    """A PATCH puts type and filter in the place of what was there, and answers the array with what else is changed."""
    [made] = (await subscriber.post(PATH, json=order(webhook, AUDIT, eventFilter="a eq 1"))).json()
    clock.advance(60)
    colleague = await callers.headers(Role.SUBSCRIBER, name="A colleague")

    asked = {"subscriptionId": made["id"], **order(webhook, EXPIRING, eventFilter="quantity lt 10")}
    response = await api.patch(PATH, json=[asked], headers=colleague)
    bare = await api.patch(
        PATH,
        json=[{"subscriptionId": made["id"], **order(webhook, EXPIRING)}],
        headers=colleague | {"Content-Type": "application/merge-patch+json"},
    )

    changed = made | {
        "eventType": EXPIRING,
        "eventFilter": "quantity lt 10",
        "apiGroup": "subscriptions",
        "friendlyName": "Expiring subscriptions",
        "category": "non-resource",
        "description": response.json()[0]["description"],
        "updatedBy": "A colleague",
        "updatedAt": clock().strftime("%Y-%m-%dT%H:%M:%S.000Z"),
        "generation": 2,
    }
    unfiltered = {name: value for name, value in changed.items() if name != "eventFilter"} | {"generation": 3}
    assert (response.status_code, response.json()) == (200, [changed])
    assert (bare.status_code, bare.json()) == (200, [unfiltered])
    assert (await subscriber.get(PATH)).json()["items"] == [unfiltered]


async def test_swapping_types(subscriber: httpx.AsyncClient, webhook: str) -> None:
    """Two subscriptions of one webhook can swap their types in one PATCH; the answer is in the order of the request."""
    made = (await subscriber.post(PATH, json=[order(webhook, each) for each in SAMPLES[:2]])).json()
    pairs = [(made[0]["id"], SAMPLES[1]), (made[1]["id"], SAMPLES[0])]

    response = await subscriber.patch(PATH, json=[{"subscriptionId": i, **order(webhook, t)} for i, t in pairs])

    assert [(each["id"], each["eventType"]) for each in response.json()] == pairs


@pytest.mark.parametrize(
    ("change", "status", "named"),
    [
        ({"subscriptionId": None}, 422, ["[1].subscriptionId"]),
        ({"subscriptionId": "x"}, 400, ["[1].subscriptionId"]),
        ({"generation": 7}, 422, ["[1].generation"]),
        ({"webhook": {"resourceUri": "x"}, "eventFilter": "a"}, 400, ["[1].webhook.resourceUri", "[1].eventFilter"]),
        ({"webhook": {"resourceUri": UNKNOWN}}, 400, ["[1].webhook.resourceUri"]),
        ({"eventType": "com.example.nothing"}, 400, ["[1].eventType"]),
        ({"eventType": SAMPLES[2]}, 400, ["[1].eventType"]),
        ({"eventType": AUDIT}, 400, ["[1].eventType"]),
        ({"eventFilter": "a EQ 1"}, 400, ["[1].eventFilter"]),
    ],
)
async def test_refused_replacements(
    subscriber: httpx.AsyncClient, webhook: str, change: dict[str, Any], status: int, named: list[str]
) -> None:
    """One bad replacement refuses all, and names item and field; nothing is changed."""
    made = (await subscriber.post(PATH, json=[order(webhook, each) for each in SAMPLES[:3]])).json()
    good = {"subscriptionId": made[0]["id"], **order(webhook, AUDIT)}
    bad = {"subscriptionId": made[1]["id"], **order(webhook, SAMPLES[1]), **change}

    response = await subscriber.patch(PATH, json=[good, bad])

    kept = (await subscriber.get(PATH)).json()["items"]
    assert (response.status_code, issues(response)) == (status, [("field", name) for name in named])
    assert sorted(kept, key=lambda each: each["eventType"]) == made


async def test_replacing_what_is_not_there(
    api: httpx.AsyncClient, subscriber: httpx.AsyncClient, webhook: str, callers: Callers
) -> None:
    """An unknown id, or a stranger's, is a 404 and changes nothing; one that is named twice, and no array, are refused."""
    [made] = (await subscriber.post(PATH, json=order(webhook))).json()
    mine = {"subscriptionId": made["id"], **order(webhook, EXPIRING)}
    stranger = await callers.headers(Role.SUBSCRIBER, workspace=OTHER_WORKSPACE)

    unknown = await subscriber.patch(PATH, json=[mine, mine | {"subscriptionId": str(uuid4())}])
    foreign = await api.patch(PATH, json=[mine], headers=stranger)
    twice = await subscriber.patch(PATH, json=[mine, mine | {"eventType": SAMPLES[0]}])
    empty = await subscriber.patch(PATH, json=[])
    single = await subscriber.patch(PATH, json=mine)

    assert [(each.status_code, each.json()["message"]) for each in (unknown, foreign)] == [
        (404, "Subscription not found")
    ] * 2
    assert (twice.status_code, issues(twice)) == (400, [("field", "[1].subscriptionId")])
    assert [(each.status_code, issues(each)) for each in (empty, single)] == [
        (400, [("field", "body")]),
        (422, [("field", "body")]),
    ]
    assert (await subscriber.get(PATH)).json()["items"] == [made]


async def test_viewers_change_nothing(api: httpx.AsyncClient, callers: Callers) -> None:
    """A viewer may list subscriptions, and neither subscribe, nor replace, nor delete."""
    viewer = await callers.headers(Role.VIEWER)

    listed = await api.get(PATH, headers=viewer)
    others = [
        await api.post(PATH, json=[], headers=viewer),
        await api.patch(PATH, json=[], headers=viewer),
        await api.delete(PATH, headers=viewer),
    ]

    assert (listed.status_code, [each.status_code for each in others]) == (200, [403] * 3)


async def test_several_are_deleted_or_none(subscriber: httpx.AsyncClient, webhook: str) -> None:
    """Repeated ids end several with 204; one that is unknown ends none with 404; none or no UUID is a 400."""
    made = (await subscriber.post(PATH, json=[order(webhook, each) for each in SAMPLES])).json()
    ids = [each["id"] for each in made]

    unknown = await subscriber.delete(PATH, params={"id": [ids[0], str(uuid4())]})
    after_unknown = (await subscriber.get(PATH)).json()["total"]
    done = await subscriber.delete(PATH, params={"id": ids[:3]})
    bad = [await subscriber.delete(PATH), await subscriber.delete(PATH, params={"id": "x"})]

    assert (unknown.status_code, unknown.json()["errorCode"], after_unknown) == (404, "HPE_GL_ERROR_NOT_FOUND", 4)
    assert (done.status_code, done.content) == (204, b"")
    assert [(each.status_code, issues(each)) for each in bad] == [(400, [("query.parameter", "id")])] * 2
    assert [item["id"] for item in (await subscriber.get(PATH)).json()["items"]] == [ids[3]]


async def test_workspaces_are_apart(
    api: httpx.AsyncClient, subscriber: httpx.AsyncClient, webhook: str, callers: Callers
) -> None:
    """A stranger can neither subscribe a webhook, nor see its subscriptions, nor end them."""
    [made] = (await subscriber.post(PATH, json=order(webhook))).json()
    stranger = await callers.headers(Role.SUBSCRIBER, workspace=OTHER_WORKSPACE)

    subscribed = await api.post(PATH, json=order(webhook, EXPIRING), headers=stranger)
    listed = await api.get(PATH, headers=stranger)
    ended = await api.delete(PATH, params={"id": made["id"]}, headers=stranger)

    assert (subscribed.status_code, listed.json()["total"], ended.status_code) == (400, 0, 404)
    assert (await subscriber.get(PATH)).json()["total"] == 1


@pytest.mark.parametrize(("method", "path", "body"), [
    ("POST", PATH, [{"eventType": AUDIT + "\0", "webhook": {"resourceUri": UNKNOWN}}]),
    ("POST", PATH, [{"eventType": AUDIT, "eventFilter": "id eq '\0'", "webhook": {"resourceUri": UNKNOWN}}]),
    ("POST", WEBHOOKS, {"name": "a\0b", "destination": "https://127.0.0.1:9/", "secret": "s3cr3tKey"}),
    ("POST", WEBHOOKS, {"name": "ab", "destination": "https://127.0.0.1:9/\0", "secret": "s3cr3tKey"}),
    ("POST", WEBHOOKS, {"name": "ab", "destination": "https://127.0.0.1:9/", "secret": "s3cr3t\0Key"}),
    ("POST", WEBHOOKS, {"name\0": "ab"}),
    ("POST", "/events/v1beta1/event-types", {"type": AUDIT + "\0"}),
    ("POST", "/authorization/v2/clients", {"name": "a\0b", "roles": ["viewer"]}),
    ("GET", PATH + "?filter=eventType eq 'a%00b'", None),
    ("GET", PATH + "?webhook=%00", None),
    ("GET", WEBHOOKS + "?filter=name eq '%00'", None),
    ("GET", WEBHOOKS + "/%00", None),
    ("GET", "/events/v1beta1/events/a%00b?source=c", None),
    ("GET", "/events/v1beta1/events/ab?source=%00", None),
    ("DELETE", "/events/v1beta1/events/a%00b?source=c", None),
    ("DELETE", "/events/v1beta1/events?workspaceId=%00", None),
    ("GET", "/events/v1beta1/event-types?filter=type eq '%00'", None),
    ("GET", "/authorization/v2/clients?workspaceId=%00", None),
    ("GET", "/events/v1beta1/system/webhooks?workspaceId=%00", None),
    ("GET", "/events/v1beta1/system/subscriptions?workspaceId=%00", None),
])  # fmt: skip
async def test_a_nul_character_is_refused_everywhere(
    api: httpx.AsyncClient, callers: Callers, method: str, path: str, body: Any
) -> None:
    """A NUL character, which PostgreSQL cannot keep, is refused wherever it comes in: no fault of ours."""
    api.headers.update(await callers.headers(*Role))

    response = await api.request(method, path, json=body)

    assert 400 <= response.status_code < 500, response.text


async def test_backslashes_are_no_nul(subscriber: httpx.AsyncClient) -> None:
    """Six characters that look like an escaped NUL are a secret like any other."""
    asked = {"name": "ab", "destination": "https://127.0.0.1:9/", "secret": "s3cr3t\\u0000Key"}

    assert (await subscriber.post(WEBHOOKS, json=asked)).status_code == 201

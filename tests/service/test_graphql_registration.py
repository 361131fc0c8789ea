"""Kyma's registration by GraphQL: documents that are fetched, given in the request's own text, updated and told."""

import json
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from subscriptions.access.clients import Role
from tests.receiver import Answer, Receiver
from tests.service.callers import OTHER_WORKSPACE, Callers
from tests.service.test_graphql import ADD, DOCUMENT, Asker, created, definition

FETCHED = """spec { data fetchRequest { url mode filter auth { credential { ... on BasicCredentialData { username password } } }
  status { condition message timestamp } } }"""
UPDATE = "mutation ($id: ID!, $in: EventAPIDefinitionInput!) { updateEventAPI(id: $id, in: $in) { %s } }"


@pytest.fixture
async def ask(api: httpx.AsyncClient, callers: Callers) -> Asker:
    return Asker(api, await callers.headers(Role.PUBLISHER))


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with Receiver(tls=False) as listening:
        yield listening


async def test_a_document_is_fetched(ask: Asker, receiver: Receiver) -> None:
    """A fetchRequest brings the document, FAILED leaves the definition as it is and says why; refetching brings it later."""
    receiver.plan("/spec", Answer(status=404), Answer(body=DOCUMENT.encode()))
    auth = {"credential": {"basic": {"username": "u", "password": "a-password-of-mine"}}}
    spec = {"eventSpecType": "ASYNC_API", "fetchRequest": {"url": receiver.url("/spec"), "auth": auth}}
    add = ADD.replace("spec { data type format }", FETCHED)
    made = (await ask.data(add, app=await created(ask, "shop"), **{"in": {"spec": spec}}))["addEventAPI"]
    refetch = "mutation ($id: ID!) { refetchEventAPISpec(eventID: $id) { data format fetchRequest { status { condition } } } }"
    again = (await ask.data(refetch, id=made["id"]))["refetchEventAPISpec"]

    asked = made["spec"]["fetchRequest"]
    assert made["spec"]["data"] is None
    assert (asked["mode"], asked["auth"]) == ("SINGLE", {"credential": {"username": "u", "password": "***"}})
    assert (asked["status"]["condition"], asked["status"]["message"]) == ("FAILED", "it answered 404")
    assert asked["status"]["timestamp"].endswith("Z")
    assert again == {"data": DOCUMENT, "format": "YAML", "fetchRequest": {"status": {"condition": "SUCCEEDED"}}}


async def test_a_document_in_the_text_of_a_request(ask: Asker) -> None:
    """A document may stand in the request itself, as Kyma's clients have it, however long a body may be."""
    document = DOCUMENT + "# " + "x" * 100_000 + "\n"
    app = await created(ask, "shop")
    given = f"{{spec: {{eventSpecType: ASYNC_API, data: {json.dumps(document)}}}}}"
    made = await ask.data(f'mutation {{ addEventAPI(applicationID: "{app}", in: {given}) {{ spec {{ data }} }} }}')

    assert made["addEventAPI"]["spec"]["data"] == document


async def test_an_update_says_all(ask: Asker, api: httpx.AsyncClient, callers: Callers) -> None:
    """An update stands in the place of what was there: what it does not say is emptied, `***` keeps a secret."""
    auth: dict[str, Any] = {"credential": {"basic": {"username": "u", "password": "a-password-of-mine"}}}
    app = await created(ask, "shop")
    bus = {"url": "amqps://bus.example", "topic": "orders"}
    first = definition(group="orders", auth=auth, externalSubscriptions=[bus], version={"value": "1.0"})
    made = (await ask.data(ADD, app=app, **{"in": first}))["addEventAPI"]["id"]
    shown = UPDATE % "group auth { credential { __typename } } externalSubscriptions { topic } version { value }"
    auth["credential"]["basic"]["password"] = "***"
    kept = await ask.data(shown, id=made, **{"in": definition(auth=auth, group="orders")})
    emptied = await ask.data(shown, id=made, **{"in": definition()})

    assert kept["updateEventAPI"] == {
        "group": "orders",
        "auth": {"credential": {"__typename": "BasicCredentialData"}},
        "externalSubscriptions": [],
        "version": {"value": "1.0"},
    }
    assert emptied["updateEventAPI"] == {
        "group": None,
        "auth": None,
        "externalSubscriptions": [],
        "version": {"value": "1.0"},
    }
    nothing_kept = await ask.fault(shown, id=made, **{"in": definition(auth=auth)})
    assert nothing_kept["message"].startswith("in.auth.credential.basic.password")


async def test_mutations_of_one_request_follow_each_other(ask: Asker) -> None:
    """Each sees what those before it did: nothing that was looked up before a change is answered after it."""
    app = await created(ask, "shop", eventAPIs=[definition()])
    listed = "query ($id: ID!) { eventsForApplication(appID: $id) { data { id } } }"
    api = (await ask.data(listed, id=app))["eventsForApplication"]["data"][0]["id"]
    text = """mutation ($app: ID!, $id: ID!, $one: EventAPIDefinitionInput!, $two: EventAPIDefinitionInput!) {
      a: updateEventAPI(id: $id, in: $one, force: true) { spec { data } }
      b: updateApplication(id: $app, in: {name: "shop"}) { eventAPIs(first: 5) { totalCount data { spec { data } } } }
      c: updateEventAPI(id: $id, in: $two, force: true) { spec { data } }
      d: deleteEventAPI(id: $id) { spec { data } }
      e: updateApplication(id: $app, in: {name: "shop"}) { eventAPIs(first: 5) { totalCount } } }"""
    done = await ask.data(text, app=app, id=api, one=definition("one"), two=definition("two"))

    assert [done[each]["spec"]["data"] for each in ("a", "c", "d")] == ["one", "two", "two"]
    assert done["b"]["eventAPIs"] == {"totalCount": 1, "data": [{"spec": {"data": "one"}}]}
    assert done["e"]["eventAPIs"] == {"totalCount": 0}


async def test_the_later_names(ask: Asker) -> None:
    """What is registered by the names of 2020 is there by those of 2019; its format is what the input says."""
    app = await created(ask, "shop")
    add = """mutation ($app: ID!, $in: EventDefinitionInput!) { addEventDefinitionToApplication(appID: $app, in: $in) {
      id name description group spec { id type format data } version { value deprecated forRemoval }
      createdAt updatedAt deletedAt error } }"""
    given = {
        "name": "Mine",
        "description": "What is ordered",
        "group": "g",
        "spec": {"type": "ASYNC_API", "format": "YAML", "data": DOCUMENT},
        "version": {"value": "4.6", "forRemoval": True},
    }
    made = (await ask.data(add, app=app, **{"in": given}))["addEventDefinitionToApplication"]
    query = 'query ($id: ID!) { application(id: $id) { eventAPIs(group: "g") { data { id version { value } } } } }'
    found = (await ask.data(query, id=app))["application"]["eventAPIs"]["data"]
    xml = await ask.fault(add, app=app, **{"in": given | {"spec": {"type": "ASYNC_API", "format": "XML", "data": ""}}})
    update = add.replace("addEventDefinitionToApplication(appID: $app", "updateEventDefinitionForApplication(id: $app")
    renamed = await ask.data(update, app=made["id"], **{"in": given | {"name": "Ours", "description": None}})
    gone = await ask.data(
        "mutation ($id: ID!) { deleteEventDefinition(id: $id) { name spec { data } } }", id=made["id"]
    )

    assert (made["name"], made["description"], made["group"], made["error"]) == ("Mine", "What is ordered", "g", None)
    assert made["spec"] == {"id": made["id"], "type": "ASYNC_API", "format": "YAML", "data": DOCUMENT}
    assert made["version"] == {"value": "4.6", "deprecated": False, "forRemoval": True}
    assert made["createdAt"].endswith("Z")
    assert found == [{"id": made["id"], "version": {"value": "4.6"}}]
    assert "ASYNC_API is written in JSON or YAML" in xml["message"]
    assert renamed["updateEventDefinitionForApplication"]["name"] == "Ours"
    assert renamed["updateEventDefinitionForApplication"]["description"] is None
    assert gone["deleteEventDefinition"] == {"name": "Ours", "spec": {"data": DOCUMENT}}


@pytest.mark.parametrize("since", ["4.5", "2026-05-04T12:30:00.000Z"])
async def test_since_when_a_version_is_deprecated(
    ask: Asker, api: httpx.AsyncClient, callers: Callers, since: str
) -> None:
    """Kyma says since which version, others since when: each is answered as it was given, and REST has both."""
    version = {"value": "4.6", "deprecated": True, "deprecatedSince": since}
    add = ADD.replace("version { value deprecated }", "version { deprecated deprecatedSince }")
    made = (await ask.data(add, app=await created(ask, "shop"), **{"in": definition(version=version)}))["addEventAPI"]
    headers = await callers.headers(Role.PUBLISHER)
    uri = f"/events/v1beta1/event-apis/{made['id']}"
    by_rest = (await api.get(uri, headers=headers)).json()["version"]
    changed = await api.patch(uri, json={"version": {"deprecatedIn": "4.4"}}, headers=headers)

    assert made["version"] == {"deprecated": True, "deprecatedSince": since}
    assert by_rest["deprecatedIn" if since == "4.5" else "deprecatedSince"] == since
    assert ("deprecatedIn" in by_rest, "deprecatedSince" in by_rest) == (since == "4.5", True)
    assert changed.json()["version"]["deprecatedIn"] == "4.4"


async def test_an_application_keeps_its_name(ask: Asker) -> None:
    """An application's description and webhook may change, its name is for good; with event APIs it goes by force alone."""
    app = await created(ask, "shop", description="sells", eventAPIs=[definition()])
    update = "mutation ($id: ID!, $in: ApplicationInput!) { updateApplication(id: $id, in: $in) { name description } }"
    changed = await ask.data(update, id=app, **{"in": {"name": "shop"}})
    renamed = await ask.fault(update, id=app, **{"in": {"name": "store"}})
    delete = "mutation ($id: ID!, $force: Boolean) { deleteApplication(id: $id, force: $force) { name } }"
    refused = await ask.fault(delete, id=app)
    gone = await ask.data(delete, id=app, force=True)

    assert changed["updateApplication"] == {"name": "shop", "description": None}
    assert "for good" in renamed["message"]
    assert refused["extensions"]["code"] == "HPE_GL_EVENTS_CONFLICT"
    assert gone["deleteApplication"] == {"name": "shop"}


async def test_from_registration_to_delivery(ask: Asker, api: httpx.AsyncClient, callers: Callers) -> None:
    """Kyma's flow: an application registers, is told where it publishes, publishes, and who has subscribed is owed the event."""
    query = """mutation ($in: ApplicationInput!) { createApplication(in: $in) {
      eventingConfiguration { defaultURL } eventAPIs(first: 1) { data { id } } } }"""
    made = await ask.data(query, **{"in": {"name": "shop", "eventAPIs": [definition()]}})
    where = urlsplit(made["createApplication"]["eventingConfiguration"]["defaultURL"]).path
    subscriber, publisher = await callers.headers(Role.SUBSCRIBER), await callers.headers(Role.PUBLISHER)
    hook = {
        "name": "h",
        "destination": "https://127.0.0.1:9/",
        "secret": "a-shared-secret",
        "challengeRequestEnabled": False,
    }
    uri = (await api.post("/events/v1beta1/webhooks", json=hook, headers=subscriber)).json()["resourceUri"]
    order = [{"eventType": "order.placed.v1", "webhook": {"resourceUri": uri}}]
    assert (await api.post("/events/v1beta1/subscriptions", json=order, headers=subscriber)).status_code == 201
    event = {
        "event-type": "order.placed",
        "event-type-version": "v1",
        "event-time": "2026-05-04T12:30:00Z",
        "data": {"number": 1},
    }
    published = await api.post(where, json=event, headers=publisher)
    [owed] = (await api.get("/events/v1beta1/deliveries", headers=subscriber)).json()["items"]

    assert published.status_code == 200
    assert owed["eventType"] == "order.placed.v1"


async def test_an_applications_own_webhook(ask: Asker, api: httpx.AsyncClient, callers: Callers) -> None:
    """An application's webhook is one of its workspace's, and is owed its event url; what is none is refused by name."""
    subscriber = await callers.headers(Role.SUBSCRIBER)
    hook = {
        "name": "h",
        "destination": "https://127.0.0.1:9/",
        "secret": "a-shared-secret",
        "challengeRequestEnabled": False,
    }
    own = (await api.post("/events/v1beta1/webhooks", json=hook, headers=subscriber)).json()["id"]
    stranger = await callers.headers(Role.SUBSCRIBER, workspace=OTHER_WORKSPACE)
    other = (await api.post("/events/v1beta1/webhooks", json=hook, headers=stranger)).json()["id"]
    create = "mutation ($in: ApplicationInput!) { createApplication(in: $in) { name } }"
    refused = [(await ask.fault(create, **{"in": {"name": "a", "webhookID": each}})) for each in (other, "none")]
    await ask.data(create, **{"in": {"name": "shop", "webhookID": own}})
    [owed] = (await api.get("/events/v1beta1/deliveries", headers=subscriber)).json()["items"]

    assert [each["extensions"]["httpStatusCode"] for each in refused] == [400, 400]
    assert all("webhook" in each["message"] for each in refused)
    assert owed["eventType"].endswith("events.v1beta1.applications.event-url")


async def test_an_answer_is_bounded(ask: Asker) -> None:
    """However often a document is asked for, an answer has so many bytes at most; what is too much is said, not cut."""
    app = await created(ask, "shop")
    made = (await ask.data(ADD.replace("data type", "type"), app=app, **{"in": definition("\n" * 500_000)}))[
        "addEventAPI"
    ]
    assert made["version"] is None

    def query(times: int, group: str = "") -> str:
        fields = " ".join(f"a{n}: data" for n in range(times))
        page = f'eventAPIs(first: 1, group: "{group}") {{ data {{ spec {{ {fields} }} }} }}'
        return f"query ($id: ID!) {{ application(id: $id) {{ {page} }} }}"

    [spec] = [each["spec"] for each in (await ask.data(query(2), id=app))["application"]["eventAPIs"]["data"]]
    assert [len(text) for text in spec.values()] == [500_000, 500_000]
    assert (await ask.fault(query(9), id=app))["extensions"]["code"] == "GRAPHQL_ANSWER_TOO_LONG"
    await ask.data(ADD.replace("data type", "type"), app=app, **{"in": definition("x" * 600_000, group="b")})
    assert (await ask.fault(query(9, "b"), id=app))["extensions"]["code"] == "HPE_GL_EVENTS_PAYLOAD_TOO_LARGE"


async def test_a_request_registers_few(ask: Asker) -> None:
    """However its event APIs are spread over mutations, a request registers ten at most, and says so before the eleventh."""
    made = [f'{name}: createApplication(in: {{name: "{name}", eventAPIs: $a}}) {{ name }}' for name in ("a", "b", "c")]
    body = await ask.answer(f"mutation ($a: [EventAPIDefinitionInput!]) {{ {' '.join(made)} }}", a=[definition("")] * 4)

    assert "at most 10 event APIs" in body["errors"][0]["message"]
    assert [each["path"] for each in body["errors"]] == [["c"]]
    assert (await ask.data("{ applications { totalCount } }"))["applications"]["totalCount"] == 2


async def test_a_text_that_becomes_a_document(ask: Asker, api: httpx.AsyncClient, callers: Callers) -> None:
    """Compass' examples register a word first: the document that takes its place says title and version."""
    app = await created(ask, "shop")
    made = (await ask.data(ADD, app=app, **{"in": definition("asyncapi")}))["addEventAPI"]["id"]
    await ask.data(UPDATE % "id", id=made, **{"in": definition()})

    shown = (await api.get(f"/events/v1beta1/event-apis/{made}", headers=await callers.headers(Role.PUBLISHER))).json()

    assert (shown["name"], shown["version"]["value"]) == ("Orders", "1.0")


async def test_what_has_no_text(ask: Asker) -> None:
    """Compass' own example registers an empty text: it is kept, and its format is told by either name of the spec's type."""
    app = await created(ask, "shop")
    add = f"""mutation {{
        addEventAPI(applicationID: "{app}", in: {{spec: {{eventSpecType: ASYNC_API, data: ""}}}}) {{ spec {{ format data }} }}
    }}"""
    later = f'{{ eventsForApplication(appID: "{app}") {{ data {{ spec {{ format }} }} }} }}'

    assert (await ask.data(add))["addEventAPI"]["spec"] == {"format": "YAML", "data": ""}
    assert (await ask.data(later))["eventsForApplication"]["data"] == [{"spec": {"format": "YAML"}}]


@pytest.mark.parametrize("text", ["\\u0000", "\\u007f", "x" * 201])
async def test_texts_that_no_database_keeps(ask: Asker, text: str) -> None:
    """A text that PostgreSQL keeps in no line is refused by its name, wherever it stands."""
    app = await created(ask, "shop")
    spec = 'spec: {eventSpecType: ASYNC_API, data: ""}'
    for request in (
        f'{{ application(id: "{app}") {{ eventAPIs(group: "{text}") {{ totalCount }} }} }}',
        f'mutation {{ addEventAPI(applicationID: "{app}", in: {{group: "{text}", {spec}}}) {{ id }} }}',
        f'mutation {{ addEventAPI(applicationID: "{app}", in: {{version: {{value: "{text}"}}, {spec}}}) {{ id }} }}',
        f'mutation {{ createApplication(in: {{name: "a", description: "{text * 10}"}}) {{ id }} }}',
        f'mutation {{ createApplication(in: {{name: "{text}"}}) {{ id }} }}',
        f'{{ applications(after: "{text}") {{ totalCount }} }}',
    ):
        assert (await ask.fault(request))["extensions"]["httpStatusCode"] in (400, 422), request

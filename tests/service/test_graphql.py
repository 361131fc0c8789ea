"""GraphQL over HTTP: how requests and answers travel, who may what, and what a request takes."""

import asyncio
import json
from typing import Any

import httpx
import pytest
from sqlalchemy import event, select

from service.api.routes import GUARDED
from service.graphql import fields, sdl
from service.services import Services
from service.settings import ServiceSettings
from subscriptions.access.clients import Role
from subscriptions.ground.database import Database
from subscriptions.ground.tables import audit_entries
from tests.service.callers import OTHER_WORKSPACE, WORKSPACE, Callers
from tests.service.test_tokens import ALLOWED

PATH = "/graphql"
GRAPHQL = "application/graphql-response+json"
DOCUMENT = """asyncapi: 1.0.0
info: {title: Orders, version: '1.0'}
topics:
  order.placed.v1:
    subscribe:
      payload: {type: object, properties: {number: {type: integer}}}
"""
Json = dict[str, Any]


@pytest.fixture
async def publisher(callers: Callers) -> dict[str, str]:
    return await callers.headers(Role.PUBLISHER)


class Asker:
    """Asks as one caller."""

    def __init__(self, api: httpx.AsyncClient, headers: dict[str, str]) -> None:
        self._api, self.headers = api, headers

    async def answer(self, query: str, **variables: Any) -> Json:
        """All that is answered."""
        response = await self._api.post(PATH, json={"query": query, "variables": variables}, headers=self.headers)
        assert response.status_code == 200, response.text
        body: Json = response.json()
        return body

    async def data(self, query: str, **variables: Any) -> Json:
        """What is answered where nothing is wrong."""
        body = await self.answer(query, **variables)
        assert "errors" not in body, body
        data: Json = body["data"]
        return data

    async def fault(self, query: str, **variables: Any) -> Json:
        """The first thing that is wrong."""
        fault: Json = (await self.answer(query, **variables))["errors"][0]
        return fault


@pytest.fixture
async def ask(api: httpx.AsyncClient, publisher: dict[str, str]) -> Asker:
    return Asker(api, publisher)


CREATE = "mutation ($in: ApplicationInput!) { createApplication(in: $in) { id name } }"
ADD = """mutation ($app: ID!, $in: EventAPIDefinitionInput!) {
  addEventAPI(applicationID: $app, in: $in) { id group spec { data type format } version { value deprecated } }
}"""


async def created(ask: Asker, name: str, **more: Any) -> str:
    made: str = (await ask.data(CREATE, **{"in": {"name": name, **more}}))["createApplication"]["id"]
    return made


def definition(data: str = DOCUMENT, **more: Any) -> Json:
    return {"spec": {"data": data, "eventSpecType": "ASYNC_API"}, **more}


async def test_media_types_and_codes(api: httpx.AsyncClient, publisher: dict[str, str]) -> None:
    """To those who know GraphQL's media type a request that cannot be begun is a 400, to others a 200; both hear why."""
    good, bad = {"query": "{ __typename }"}, {"query": "{ none }"}
    for accept, media_type, status in (
        (None, "application/json", 200),
        ("*/*", "application/json", 200),
        ("application/json", "application/json", 200),
        (GRAPHQL, GRAPHQL, 400),
        (f"{GRAPHQL}, application/json;q=0.9", GRAPHQL, 400),
        (f"application/json, {GRAPHQL};q=0.5", "application/json", 200),
    ):
        headers = publisher | ({"Accept": accept} if accept else {})
        told = await api.post(PATH, json=bad, headers=headers)
        done = await api.post(PATH, json=good, headers=headers)
        assert (told.status_code, told.headers["content-type"]) == (status, f"{media_type}; charset=utf-8")
        assert told.json()["errors"][0]["extensions"]["code"] == "GRAPHQL_VALIDATION_FAILED"
        assert "data" not in told.json()
        assert (done.status_code, done.json()) == (200, {"data": {"__typename": "Query"}})
        assert done.headers["vary"] == "Accept"


@pytest.mark.parametrize(
    ("content", "media_type", "status", "said"),
    [
        ('[{"query": "{ __typename }"}]', "application/json", 400, "one request is asked at a time"),
        ("{", "application/json", 400, "is not valid JSON"),
        ("{}", "application/json", 422, "query"),
        ('{"query": 1}', "application/json", 422, "query"),
        ('{"query": "{ __typename }", "variables": []}', "application/json", 422, "variables"),
        ('{"query": "{ __typename }"}', "text/plain", 415, "application/json"),
        ("query=x", "application/x-www-form-urlencoded", 415, "application/json"),
        ('{"query": "' + "x" * (1 << 20) + '"}', "application/json", 413, "larger than"),
    ],
    ids=["batch", "no-json", "empty", "number", "list", "text", "form", "large"],
)
async def test_what_is_no_request(
    api: httpx.AsyncClient, publisher: dict[str, str], content: str, media_type: str, status: int, said: str
) -> None:
    """What is no request of GraphQL is refused as elsewhere, before anything is looked at."""
    answer = await api.post(PATH, content=content, headers=publisher | {"Content-Type": media_type})

    assert (answer.status_code, said in answer.json()["message"]) == (status, True), answer.text


async def test_get_asks_and_changes_nothing(api: httpx.AsyncClient, publisher: dict[str, str], ask: Asker) -> None:
    """GET takes queries, with variables in JSON; a mutation is a 405 that says POST, and nothing is made."""
    query = "query A($n: Int) { applications(first: $n) { totalCount } } query B { __typename }"
    done = await api.get(
        PATH, params={"query": query, "operationName": "A", "variables": '{"n": 1}'}, headers=publisher
    )
    mutation = 'mutation { createApplication(in: {name: "shop"}) { id } }'
    refused = await api.get(PATH, params={"query": mutation}, headers=publisher)

    assert done.json() == {"data": {"applications": {"totalCount": 0}}}
    assert (refused.status_code, refused.headers["allow"]) == (405, "POST")
    assert (await ask.data("{ applications { totalCount } }"))["applications"]["totalCount"] == 0
    for params, status in (
        ({}, 422),
        ({"query": "{ __typename }", "variables": "["}, 400),
        ({"query": "{a}", "b": ""}, 400),
    ):
        assert (await api.get(PATH, params=params, headers=publisher)).status_code == status
    assert (await api.get(PATH, params={"query": query})).status_code == 401


async def test_an_api_is_registered(ask: Asker, api: httpx.AsyncClient, publisher: dict[str, str]) -> None:
    """What is registered here is there by REST, and the other way about: one object, one document, one type."""
    app = await created(ask, "shop", description="sells")
    made = (await ask.data(ADD, app=app, **{"in": definition(group="orders", version={"value": "1.0"})}))["addEventAPI"]
    by_rest = (await api.get(f"/events/v1beta1/event-apis/{made['id']}", headers=publisher)).json()
    posted = {"document": DOCUMENT.replace("order.placed.v1", "order.paid.v1"), "application": "shop", "name": "Paid"}
    other = (await api.post("/events/v1beta1/event-apis", json=posted, headers=publisher)).json()

    assert made["spec"] == {"data": DOCUMENT, "type": "ASYNC_API", "format": "YAML"}
    assert (made["group"], made["version"]) == ("orders", {"value": "1.0", "deprecated": False})
    assert (by_rest["name"], by_rest["application"], by_rest["eventTypes"]) == ("Orders", "shop", ["order.placed.v1"])
    assert by_rest["origin"] == "kyma"
    listed = """query ($id: ID!) { application(id: $id) { name description eventingConfiguration { defaultURL }
        eventAPIs { totalCount data { id } } eventDefinitions { data { id name error spec { id format } } } } }"""
    found = (await ask.data(listed, id=app))["application"]
    assert found["eventingConfiguration"]["defaultURL"].endswith("/shop/v1/events")
    assert [each["id"] for each in found["eventAPIs"]["data"]] == [made["id"], other["id"]]
    assert [(each["name"], each["error"]) for each in found["eventDefinitions"]["data"]] == [
        ("Orders", None),
        ("Paid", None),
    ]


async def test_text_that_is_no_asyncapi_is_kept(ask: Asker, api: httpx.AsyncClient, publisher: dict[str, str]) -> None:
    """Kyma's own examples register any text: it is kept as it is, named by its id, with the reason why no types came of it."""
    app = await created(ask, "shop", eventAPIs=[definition("asyncapi"), definition("")])
    query = "query ($id: ID!) { eventsForApplication(appID: $id) { data { id name error spec { data } } } }"
    found = (await ask.data(query, id=app))["eventsForApplication"]["data"]

    assert sorted(each["spec"]["data"] for each in found) == ["", "asyncapi"]
    assert all(each["name"] == each["id"] and each["error"] for each in found)
    by_rest = (await api.get(f"/events/v1beta1/event-apis/{found[0]['id']}", headers=publisher)).json()
    assert by_rest["eventTypes"] == []


async def test_pages_follow_each_other(ask: Asker) -> None:
    """A page tells the cursor of the next, the last tells none; what is no cursor, and no size of a page, is refused."""
    for name in ("a", "b", "c"):
        await created(ask, name)
    page = "query ($after: PageCursor) { applications(first: 2, after: $after) { data { name } totalCount pageInfo { %s } } }"
    query = page % "startCursor endCursor hasNextPage"
    first = (await ask.data(query))["applications"]
    last = (await ask.data(query, after=first["pageInfo"]["endCursor"]))["applications"]

    assert [each["name"] for each in first["data"] + last["data"]] == ["a", "b", "c"]
    assert (first["totalCount"], first["pageInfo"]["hasNextPage"]) == (3, True)
    assert last["pageInfo"] == {
        "startCursor": first["pageInfo"]["endCursor"],
        "endCursor": "",
        "hasNextPage": False,
    }
    assert (await ask.fault(query, after="bm9uZQ"))["extensions"]["code"] == "HPE_GL_ERROR_BAD_REQUEST"
    for first_ in (0, 201):
        assert "from 1 to 200" in (await ask.fault(f"{{ applications(first: {first_}) {{ totalCount }} }}"))["message"]


async def test_many_applications_take_few_statements(ask: Asker, services: Services) -> None:
    """However many applications are listed with what they have registered, the database is asked as often."""
    query = """{ applications(first: 10) { data { name
        eventAPIs(first: 5) { totalCount data { id spec { data } } } eventDefinitions(first: 5) { data { name } } } } }"""

    async def statements() -> tuple[int, int]:
        asked: list[str] = []
        engine = services.database._engine.sync_engine

        def note(_connection: Any, _cursor: Any, text: str, *_rest: Any) -> None:
            asked.append(text)

        event.listen(engine, "before_cursor_execute", note)
        try:
            found = (await ask.data(query))["applications"]["data"]
        finally:
            event.remove(engine, "before_cursor_execute", note)
        assert [text for text in asked if "sha256" in text] == [], "a list reads no document through"
        return len(asked), sum(len(each["eventAPIs"]["data"]) for each in found)

    await created(ask, "a", eventAPIs=[definition(DOCUMENT.replace("placed", "a0"))])
    few, one = await statements()
    for name in ("b", "c", "d"):
        await created(ask, name, eventAPIs=[definition(DOCUMENT.replace("placed", f"{name}{n}")) for n in range(2)])
    many, seven = await statements()

    assert (one, seven) == (1, 7)
    assert many == few


async def test_a_field_that_fails_breaks_no_connection(ask: Asker, services: Services) -> None:
    """Where one field is refused and takes all others with it, what they asked the database comes to its end in peace."""
    broken: list[object] = []
    pool = services.database._engine.sync_engine.pool

    def note(*said: object) -> None:
        broken.append(said)

    event.listen(pool, "invalidate", note)
    try:
        many = " ".join(
            f"a{n}: applications(first: 5) {{ totalCount data {{ eventAPIs(first: 1) {{ totalCount }} }} }}"
            for n in range(9)
        )
        await created(ask, "shop")
        for _ in range(5):
            body = await ask.answer(f'{{ {many} b: eventsForApplication(appID: "x") {{ totalCount }} }}')
            assert body["data"] is None
        assert (await ask.data("{ applications { totalCount } }"))["applications"]["totalCount"] == 1
    finally:
        event.remove(pool, "invalidate", note)
    assert broken == []


ASKED: dict[str, str] = {
    "applications": "{ applications { totalCount } }",
    "application": '{ application(id: "x") { id } }',
    "applicationsForRuntime": '{ applicationsForRuntime(runtimeID: "x") { totalCount } }',
    "eventsForApplication": '{ eventsForApplication(appID: "x") { totalCount } }',
    "createApplication": 'mutation { createApplication(in: {name: "?"}) { id } }',
    "updateApplication": 'mutation { updateApplication(id: "x", in: {name: "a"}) { id } }',
    "deleteApplication": 'mutation { deleteApplication(id: "x") { id } }',
    "addEventAPI": 'mutation { addEventAPI(applicationID: "x", in: {spec: {eventSpecType: ASYNC_API, data: ""}}) { id } }',
    "updateEventAPI": 'mutation { updateEventAPI(id: "x", in: {spec: {eventSpecType: ASYNC_API, data: ""}}) { id } }',
    "deleteEventAPI": 'mutation { deleteEventAPI(id: "x") { id } }',
    "refetchEventAPISpec": 'mutation { refetchEventAPISpec(eventID: "x") { data } }',
    "addEventDefinitionToApplication": """mutation { addEventDefinitionToApplication(appID: "x",
        in: {name: "a", spec: {type: ASYNC_API, format: JSON, data: ""}}) { id } }""",
    "updateEventDefinitionForApplication": """mutation { updateEventDefinitionForApplication(id: "x",
        in: {name: "a", spec: {type: ASYNC_API, format: JSON, data: ""}}) { id } }""",
    "deleteEventDefinition": 'mutation { deleteEventDefinition(id: "x") { id } }',
    "refetchEventDefinitionSpec": 'mutation { refetchEventDefinitionSpec(eventID: "x") { data } }',
}


API, APP = "/events/v1beta1/event-apis", "/events/v1beta1/applications"
#: Where the same is done by REST.
ELSEWHERE = {
    "applications": ("GET", APP),
    "application": ("GET", APP + "/{id}"),
    "applicationsForRuntime": ("GET", APP),
    "eventsForApplication": ("GET", API),
    "createApplication": ("POST", APP),
    "updateApplication": ("PATCH", APP + "/{id}"),
    "deleteApplication": ("DELETE", APP + "/{id}"),
    **dict.fromkeys(("addEventAPI", "addEventDefinitionToApplication"), ("POST", API)),
    **dict.fromkeys(("updateEventAPI", "updateEventDefinitionForApplication"), ("PATCH", API + "/{id}")),
    **dict.fromkeys(("deleteEventAPI", "deleteEventDefinition"), ("DELETE", API + "/{id}")),
    **dict.fromkeys(("refetchEventAPISpec", "refetchEventDefinitionSpec"), ("POST", API + "/{id}/refetch")),
}


def test_a_field_asks_for_what_the_same_asks_for_elsewhere() -> None:
    """Each field's permission is that of the same thing by REST."""
    rest = {(method, path): permission for method, path, _, permission in GUARDED}

    assert {name: permission for name, _, permission in (*fields.QUERIES, *fields.MUTATIONS)} == {
        name: rest[place] for name, place in ELSEWHERE.items()
    }


def test_every_field_has_its_line() -> None:
    """A field of the roots that is added is thought about: each is resolved, has its permission, and is walked below."""
    schema = sdl.bare()
    assert schema.query_type is not None
    assert schema.mutation_type is not None

    assert {name for name, *_ in fields.QUERIES} == schema.query_type.fields.keys()
    assert {name for name, *_ in fields.MUTATIONS} == schema.mutation_type.fields.keys()
    assert ASKED.keys() == {name for name, *_ in (*fields.QUERIES, *fields.MUTATIONS)}


@pytest.mark.parametrize("role", Role)
async def test_a_role_opens_its_fields_and_no_other(api: httpx.AsyncClient, callers: Callers, role: Role) -> None:
    """A role is permitted the fields that it is permitted elsewhere, and no other (greenlake.md D.16)."""
    ask = Asker(api, await callers.headers(role))

    for name, _, permission in (*fields.QUERIES, *fields.MUTATIONS):
        body = await ask.answer(ASKED[name])
        codes = {each["extensions"]["code"] for each in body.get("errors", ())}
        assert ("HPE_GL_ERROR_FORBIDDEN" not in codes) == (permission in ALLOWED[role]), (name, body)
        assert "HPE_GL_ERROR_INTERNAL_SERVER_ERROR" not in codes, (name, body)


async def test_strangers_see_nothing(ask: Asker, api: httpx.AsyncClient, callers: Callers) -> None:
    """Another workspace sees no application, and may change nothing of what one has registered; operators see all."""
    app = await created(ask, "shop")
    made = (await ask.data(ADD, app=app, **{"in": definition()}))["addEventAPI"]["id"]
    stranger = Asker(api, await callers.headers(Role.PUBLISHER, workspace=OTHER_WORKSPACE))
    operator = Asker(api, await callers.headers(Role.OPERATOR, workspace=OTHER_WORKSPACE))

    one = "query ($id: ID!) { application(id: $id) { name } }"
    assert (await stranger.data(one, id=app), await operator.data(one, id=app)) == (
        {"application": None},
        {"application": {"name": "shop"}},
    )
    assert (await stranger.data("{ applications { totalCount } }"))["applications"]["totalCount"] == 0
    for query, variables, wanted in (
        (ADD, {"app": app, "in": definition()}, "NOT_FOUND"),
        ("mutation ($id: ID!) { deleteApplication(id: $id) { id } }", {"id": app}, "NOT_FOUND"),
        ("query ($id: ID!) { eventsForApplication(appID: $id) { totalCount } }", {"id": app}, "NOT_FOUND"),
        ("mutation ($id: ID!) { deleteEventAPI(id: $id, force: true) { id } }", {"id": made}, "FORBIDDEN"),
        (
            "mutation ($id: ID!, $in: EventAPIDefinitionInput!) { updateEventAPI(id: $id, in: $in) { id } }",
            {"id": made, "in": definition()},
            "FORBIDDEN",
        ),
    ):
        assert (await stranger.fault(query, **variables))["extensions"]["code"] == f"HPE_GL_ERROR_{wanted}", query
    assert (await operator.data("mutation ($id: ID!) { deleteEventAPI(id: $id) { id spec { data } } }", id=made)) == {
        "deleteEventAPI": {"id": made, "spec": {"data": DOCUMENT}}
    }


async def test_a_runtime_is_the_receiving_side(ask: Asker, api: httpx.AsyncClient, callers: Callers) -> None:
    """A webhook's id names a runtime: it may subscribe to what its workspace's applications register."""
    await created(ask, "shop")
    subscriber = await callers.headers(Role.SUBSCRIBER)
    hook = {"name": "h", "destination": "https://127.0.0.1:9/", "secret": "a-shared-secret"}
    runtime = (await api.post("/events/v1beta1/webhooks", json=hook, headers=subscriber)).json()["id"]
    query = "query ($id: ID!) { applicationsForRuntime(runtimeID: $id) { data { name } } }"

    assert (await Asker(api, subscriber).data(query, id=runtime))["applicationsForRuntime"]["data"] == [
        {"name": "shop"}
    ]
    stranger = Asker(api, await callers.headers(Role.SUBSCRIBER, workspace=OTHER_WORKSPACE))
    assert (await stranger.fault(query, id=runtime))["message"] == "Runtime not found; its id is that of a webhook"


async def test_an_application_is_made_whole_or_not_at_all(
    ask: Asker, api: httpx.AsyncClient, publisher: dict[str, str], callers: Callers, services: Services
) -> None:
    """Where one of an application's event APIs cannot be taken, none is, no application is made, and no webhook is told."""
    other = Asker(api, await callers.headers(Role.PUBLISHER, workspace=OTHER_WORKSPACE))
    await created(other, "other", eventAPIs=[definition(DOCUMENT.replace("placed", "taken"))])
    apis = [definition(), definition(DOCUMENT.replace("placed", "taken"))]
    hook = {"name": "h", "destination": "https://127.0.0.1:9/", "secret": "a-shared-secret"}
    subscriber = await callers.headers(Role.SUBSCRIBER)
    webhook = (await api.post("/events/v1beta1/webhooks", json=hook, headers=subscriber)).json()["id"]
    told = await ask.fault(CREATE, **{"in": {"name": "shop", "webhookID": webhook, "eventAPIs": apis}})
    many = await ask.fault(CREATE, **{"in": {"name": "shop", "eventAPIs": [definition("")] * 11}})

    assert told["extensions"]["code"] == "HPE_GL_EVENTS_CONFLICT"
    assert told["message"].startswith("in.eventAPIs[1]")
    assert "at most 10" in many["message"]
    assert (await ask.data("{ applications { totalCount } }"))["applications"]["totalCount"] == 0
    async with services.database.raw() as connection:
        assert await connection.fetchval("SELECT count(*) FROM events WHERE type LIKE '%event-url'") == 0
    assert (await api.get("/events/v1beta1/event-types/order.placed.v1", headers=publisher)).status_code == 404


async def test_changes_are_audited(ask: Asker, database: Database) -> None:
    """What a mutation changes leaves the entries that the same change leaves elsewhere; what is refused leaves none."""
    app = await created(ask, "shop")
    made = (await ask.data(ADD, app=app, **{"in": definition()}))["addEventAPI"]["id"]
    await ask.fault(ADD, app=app, **{"in": definition("{}", version={"value": ""})})
    await ask.data("mutation ($id: ID!) { deleteEventAPI(id: $id) { id } }", id=made)
    await ask.data("mutation ($id: ID!) { deleteApplication(id: $id) { name } }", id=app)

    async with database.transaction() as connection:
        found = select(audit_entries.c.action, audit_entries.c.subject)
        rows = sorted(tuple(row) for row in await connection.execute(found))
    assert rows == [
        ("application.registered", app),
        ("application.removed", app),
        ("event-api.registered", made),
        ("event-api.removed", made),
    ]


@pytest.fixture
async def spent(services: Services) -> None:
    """The workspace has made all changes of its hour."""
    assert services.changes is not None
    services.changes.take(WORKSPACE, services.clock(), 5000)


@pytest.mark.usefixtures("spent")
async def test_questions_are_no_changes(ask: Asker, api: httpx.AsyncClient, publisher: dict[str, str]) -> None:
    """A query by POST is none of the workspace's changes of an hour; a mutation is, and is a 429 when they are made."""
    assert (await ask.data("{ applications { totalCount } }"))["applications"]["totalCount"] == 0
    mutation = {"query": 'mutation { createApplication(in: {name: "shop"}) { id } }'}
    assert (await api.post(PATH, json=mutation, headers=publisher)).status_code == 429


async def test_secrets_are_told_to_nobody(ask: Asker, api: httpx.AsyncClient, publisher: dict[str, str]) -> None:
    """Credentials of an API and of its buses are answered as `***`, here and elsewhere; an update that says `***` keeps them."""
    basic = {"credential": {"basic": {"username": "u", "password": "a-password-of-mine"}}}
    oauth = {
        "credential": {"oauth": {"clientId": "c", "clientSecret": "a-secret-of-mine", "url": "https://idp.example/t"}},
        "requestAuth": {"csrf": {"tokenEndpointURL": "https://idp.example/csrf", "credential": basic["credential"]}},
        "additionalHeadersSerialized": json.dumps({"X-Key": ["a-header-of-mine"]}),
    }
    bus = {"url": "amqps://bus.example", "topic": "orders", "auth": basic, "attributes": {"group.id": "g"}}
    app = await created(ask, "shop")
    shown = """id auth { credential { __typename ... on OAuthCredentialData { clientId clientSecret url } }
      additionalHeaders additionalHeadersSerialized
      requestAuth { csrf { tokenEndpointURL credential { ... on BasicCredentialData { username password } } } } }
      externalSubscriptions { url topic attributes auth { credential { ... on BasicCredentialData { password } } } }"""
    given = definition(auth=oauth, externalSubscriptions=[bus])
    add = f"mutation ($app: ID!, $in: EventAPIDefinitionInput!) {{ addEventAPI(applicationID: $app, in: $in) {{ {shown} }} }}"
    made = (await ask.data(add, app=app, **{"in": given}))["addEventAPI"]

    assert made["auth"] == {
        "credential": {
            "__typename": "OAuthCredentialData",
            "clientId": "c",
            "clientSecret": "***",
            "url": "https://idp.example/t",
        },
        "additionalHeaders": {"X-Key": ["***"]},
        "additionalHeadersSerialized": '{"X-Key":["***"]}',
        "requestAuth": {
            "csrf": {"tokenEndpointURL": "https://idp.example/csrf", "credential": {"username": "u", "password": "***"}}
        },
    }
    assert made["externalSubscriptions"] == [
        {
            "url": "amqps://bus.example",
            "topic": "orders",
            "attributes": {"group.id": "g"},
            "auth": {"credential": {"password": "***"}},
        }
    ]
    by_rest = await api.get(f"/events/v1beta1/event-apis/{made['id']}", headers=publisher)
    assert "of-mine" not in by_rest.text
    assert by_rest.json()["auth"]["credential"]["oauth"]["clientSecret"] == "***"


async def test_nobody_waits_for_anothers_long_request(ask: Asker, api: httpx.AsyncClient, callers: Callers) -> None:
    """A long request of one workspace is read by a process of its own; a short one of another is answered meanwhile."""
    other = Asker(api, await callers.headers(Role.PUBLISHER, workspace=OTHER_WORKSPACE))
    await other.data("{ __typename }")
    long = asyncio.create_task(ask.answer("{ __typename } #" + "x" * 900_000))
    await asyncio.sleep(0)
    short = await other.data("{ __typename }")

    assert (short, long.done()) == ({"__typename": "Query"}, False)
    assert (await long)["data"] == {"__typename": "Query"}


@pytest.mark.parametrize("role", [Role.PUBLISHER, Role.VIEWER])
async def test_variables_hold_so_many_values(api: httpx.AsyncClient, callers: Callers, role: Role) -> None:
    """Many values are refused before any of them is looked at, whoever sends them; long ones are not many."""
    ask = Asker(api, await callers.headers(role))
    auth = {"additionalHeaders": {"a": "b"}}
    many = {"in": {"name": "shop", "eventAPIs": [definition("", auth=auth)] * 400}}
    told = await ask.answer(CREATE, **many)
    by_get = await api.get(
        PATH, params={"query": "{ __typename }", "variables": json.dumps({"a": [0] * 2000})}, headers=ask.headers
    )

    assert [each["extensions"]["code"] for each in told["errors"]] == ["GRAPHQL_BAD_VARIABLES"]
    assert "data" not in told
    assert "more than 2,000 values" in told["errors"][0]["message"]
    assert by_get.json()["errors"][0]["extensions"]["code"] == "GRAPHQL_BAD_VARIABLES"


async def test_faults_are_for_people(ask: Asker) -> None:
    """What is wrong is said in a sentence with a code, at the place where it is, and nothing of a secret or of our inside."""
    auth = {"credential": {"basic": {"username": "u", "password": ["s3cret-word"]}}}
    variables = await ask.answer(ADD, app="x", **{"in": definition(auth=auth)})
    absent = await ask.fault(ADD, app="x", **{"in": definition()})
    neither = await ask.fault(ADD, app="x", **{"in": {"spec": {"eventSpecType": "ASYNC_API"}}})

    assert variables["errors"][0]["extensions"]["code"] == "GRAPHQL_BAD_VARIABLES"
    assert "data" not in variables
    assert "s3cret-word" not in json.dumps(variables)
    assert absent["message"] == "Application not found"
    assert (absent["extensions"]["code"], absent["extensions"]["httpStatusCode"]) == ("HPE_GL_ERROR_NOT_FOUND", 404)
    assert absent["path"] == ["addEventAPI"]
    assert "exactly one of data and fetchRequest" in neither["message"]


class TestClosed:
    """Where introspection is switched off."""

    @pytest.fixture
    def entrance(self) -> ServiceSettings:
        return ServiceSettings(graphql_introspection=False)

    async def test_the_schema_is_told_to_nobody(self, ask: Asker) -> None:
        """Nobody hears of the schema."""
        assert "introspection" in (await ask.fault("{ __schema { description } }"))["message"].lower()

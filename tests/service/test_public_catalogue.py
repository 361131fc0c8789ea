"""The catalogue as pages: for anybody where the deployment says so, and as a schema that people can read."""

from dataclasses import replace
from typing import Any
from uuid import uuid4

import httpx
import msgspec
import pytest

from service.api.public_catalogue import ATTRIBUTES, EXAMPLE, EXAMPLES, SCHEMA, VERSIONS, page
from service.api.testing import shown_data
from service.app import Configuration
from service.services import Services
from subscriptions.access.clients import Role
from subscriptions.catalogue.described_types import DescribedVersion
from subscriptions.catalogue.public_types import PublicTypes
from subscriptions.catalogue.schema_tree import DEEPEST, DESCRIBED, MOST, SAID, WHOLE, lines
from subscriptions.events.directory import type_id
from tests.service.callers import Callers
from tests.service.described import described

CREATED = "org.onap.ncmp.cmhandle-lcm-event.create"
ANSWER = "org.onap.cps.ncmp.event.model.DmiAsyncRequestResponseEvent"


@pytest.fixture
def configuration(configuration: Configuration, request: pytest.FixtureRequest) -> Configuration:
    """A deployment that shows its catalogue, but for tests that ask otherwise."""
    shown = getattr(request, "param", True)
    return replace(configuration, service=msgspec.structs.replace(configuration.service, public_catalogue=shown))


async def test_anybody_reads_it(api: httpx.AsyncClient, services: Services) -> None:
    """Without a token: the list, and of a type its versions with schema, example and deprecation; nobody's subscription."""
    await described(services)

    every = await api.get("/docs/events")
    created = await api.get(f"/docs/events/{type_id(CREATED)}")
    answer = await api.get(f"/docs/events/{type_id(ANSWER)}")
    missing = await api.get(f"/docs/events/{type_id('nothing')}")

    assert every.status_code == created.status_code == answer.status_code == 200
    assert f"/docs/events/{type_id(CREATED)}" in every.text
    assert "CM handle created" in every.text
    assert created.text.index("Version 2.0.0") < created.text.index("Version 1.0.0")
    assert all(
        each in created.text for each in ("cmHandleId", "required", "my-cm-handle-1", "draft-07", "cmHandleState")
    )
    assert "deprecated" in answer.text
    assert missing.status_code == 404
    assert "'sha256-" in created.headers["content-security-policy"]


@pytest.mark.parametrize("configuration", [False], indirect=True)
async def test_otherwise_one_signs_in(api: httpx.AsyncClient) -> None:
    """Where it is not shown, the pages lead to the dashboard's, which ask who one is."""
    every = await api.get("/docs/events")
    one = await api.get(f"/docs/events/{type_id(CREATED)}")

    assert (every.status_code, every.headers["location"]) == (303, "/dashboard/catalogue")
    assert (one.status_code, one.headers["location"]) == (303, f"/dashboard/catalogue/{type_id(CREATED)}")


async def test_readers_cost_one_look(services: Services) -> None:
    """However many read it, the database is asked once in five seconds, and what changed is seen after those."""
    now = [100.0]
    shown = PublicTypes(services.types, services.described_types, steady=lambda: now[0])
    before = await shown.every()
    await described(services)

    kept = await shown.every()
    now[0] += 5
    seen = await shown.every()

    assert kept is before
    assert {each.type for each in seen.values()} > {each.type for each in before.values()}
    assert len(await shown.versions(CREATED, 6)) == 2
    assert await shown.versions(CREATED, 6) is await shown.versions(CREATED, 6)


async def test_a_test_event_is_of_the_described_data(
    api: httpx.AsyncClient, callers: Callers, services: Services
) -> None:
    """A test event of a described type has the data of its example, which its schema takes."""
    await described(services)
    headers = await callers.headers(Role.OPERATOR)
    body = {"name": "t", "destination": "https://example.com/", "secret": "s3cr3tKey", "challengeRequestEnabled": False}
    webhook = (await api.post("/events/v1beta1/webhooks", json=body, headers=headers)).json()

    made = await api.post(f"{webhook['resourceUri']}/test", json={"eventType": CREATED}, headers=headers)

    assert made.status_code == 202, made.text
    async with services.database.raw() as connection:
        [row] = await connection.fetch("SELECT body FROM events WHERE key = $1", made.json()["messageId"])
    assert b'"cmHandleId":"my-cm-handle-1"' in bytes(row["body"])


def told(schema: Any) -> list[tuple[int, str, str, bool, tuple[str, ...]]]:
    return [(each.depth, each.name, each.kind, each.required, each.rules) for each in lines(schema)]


def test_a_schema_is_a_tree() -> None:
    """A line a property, with what it has to be; references are followed, and what refers to itself is named."""
    schema = {
        "type": "object",
        "required": ["id"],
        "additionalProperties": False,
        "properties": {
            "id": {"type": "string", "format": "uuid"},
            "state": {"enum": ["A", "B"]},
            "next": {"$ref": "#/$defs/Node"},
            "many": {"type": "array", "items": {"const": 1}},
            "any": True,
        },
        "$defs": {"Node": {"type": ["object", "null"], "properties": {"next": {"$ref": "#/$defs/Node"}}}},
    }

    assert told(schema) == [
        (0, "", "object", False, ("no other properties",)),
        (1, "id", "string", True, ("format: uuid",)),
        (1, "state", '"A", "B"', False, ()),
        (1, "next", "object or null", False, ()),
        (2, "next", "Node again", False, ()),
        (1, "many", "array", False, ()),
        (2, "[ ]", "1", False, ()),
        (1, "any", "anything", False, ()),
    ]


def test_a_tree_is_bounded() -> None:
    """However wide and deep a schema is, its tree has an end."""
    deep: dict[str, Any] = {"type": "string"}
    for _ in range(60):
        deep = {"properties": {"a": deep}}
    wide = {"properties": {f"p{number}": {"type": "string"} for number in range(5000)}}
    bomb = {
        "$ref": "#/$defs/a",
        "$defs": {n: {"anyOf": [{"$ref": f"#/$defs/{m}"}] * 9} for n, m in zip("abcdefghi", "bcdefghia", strict=True)},
    }

    assert max(each.depth for each in lines(deep)) == DEEPEST
    assert len(lines(wide)) == len(lines(bomb)) == MOST


def test_what_a_tree_says_is_cut() -> None:
    """A description, a pattern, a list of names or values that many references lead to is told in a few words by each."""
    names = [f"n{number}" for number in range(9_000)]
    x = {"description": "<b>" * 40_000, "pattern": "a" * 2_000, "required": names, "const": names}
    many = {"$defs": {"x": x}, "properties": {f"p{number}" * 100: {"$ref": "#/$defs/x"} for number in range(399)}}

    found = lines(many)

    assert len(found) > 20
    assert sum(len(each.name + each.kind + each.description + "".join(each.rules)) for each in found) <= WHOLE
    assert max(len(each.description) for each in found) == DESCRIBED + 1
    assert max(len(said) for each in found for said in (each.name, each.kind)) == SAID + 1


def test_references_that_only_lead_on_end() -> None:
    """A thousand of them, one behind the other."""
    chain = {f"s{number}": {"$ref": f"#/$defs/s{number + 1}"} for number in range(2_000)}
    assert [each.kind for each in lines({"$ref": "#/$defs/s0", "$defs": chain})] == ["s50 again"]


def test_a_schemas_examples_are_a_types() -> None:
    """Where nothing else gives any: an event that is made up fits the schema beside it."""
    version = DescribedVersion(
        id=uuid4(),
        event_type=CREATED,
        version="1",
        event_api="",
        dataschema="",
        content_type="",
        dialect="2020-12",
        schema={"type": ["object", "string"], "examples": ["text", {"total": 5}]},
        examples=(),
        attributes=(),
        deprecated=False,
        deprecated_since=None,
    )

    assert shown_data([version]) == b'{"total":5}'
    assert shown_data([replace(version, examples=({"a": 1},))]) == b'{"a":1}'
    assert shown_data([replace(version, schema=True), replace(version, schema={"examples": 1})]) is None


def test_versions_are_shown_in_bounds() -> None:
    """However large schemas and examples are, a page has a size; a number beyond a double is no fault."""
    large = {"$defs": {f"d{number}": {"enum": ["<" * 100] * 90} for number in range(100)}, "const": float("inf")}
    version = DescribedVersion(
        id=uuid4(),
        event_type=CREATED,
        version="1",
        event_api="",
        dataschema="",
        content_type="",
        dialect="2020-12",
        schema=large,
        examples=(large,) * 30,
        attributes=({"name": "a" * 1000, "enum": ["b" * 1000] * 100},) * 300,
        deprecated=False,
        deprecated_since=None,
    )

    shown, following = page([version] * (VERSIONS + 1), 10)

    assert (len(shown), following) == (VERSIONS, 10 + VERSIONS)
    each = shown[0]
    assert len(each.schema) + sum(map(len, each.examples)) <= SCHEMA + EXAMPLES * EXAMPLE + 10
    assert sum(len(name) + len(says) for name, _, says in each.attributes) <= ATTRIBUTES * 2 * (SAID + 1)
    assert page([version] * VERSIONS, 0)[1] is None

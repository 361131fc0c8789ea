"""The OpenAPI document and the reference page are true: of the routes, of their permissions, and in themselves."""

import html
import itertools
import json
import re
import shlex
from html.parser import HTMLParser
from typing import Any
from uuid import uuid4

import httpx
import jsonschema_rs
import pytest

from delivery.judgement import outcome
from delivery.judgement.outcome import GREENLAKE_RETRIED, OutcomeKind, Policy
from delivery.wire import challenge, signing
from service.api import openapi, reference
from service.api.contract import prose, received
from service.api.routes import GUARDED, OPEN
from tests.clock import Clock
from tests.service.agreed import Agreed

URL = "http://127.0.0.1:8080"
DOCUMENT = openapi.document(URL)
AGREED = Agreed(DOCUMENT)


def documented(path: str) -> str:
    return path.replace(":path}", "}")


def test_routes_and_document_agree() -> None:
    """Every route is described, with the permission that it asks for, and nothing else is."""
    guarded = {(method, documented(path), asks) for method, path, _, asks in GUARDED}
    opened = {(method, documented(path), None) for method, path, _ in OPEN}

    described = {(one.method, one.path, one.permission) for one in openapi.OPERATIONS}
    assert described == guarded | opened
    assert {(one.method, one.path, one.permission) for one in openapi.OPERATIONS if one.open} == opened


def test_names_are_one() -> None:
    """No operationId and no schema is described twice."""
    identities = [one.id for one in openapi.OPERATIONS]
    schemas = [name for area in (*openapi.AREAS, received) for name in area.SCHEMAS]

    assert sorted(set(identities)) == sorted(identities)
    assert sorted(set(schemas)) == sorted(schemas)


def test_references_lead_somewhere() -> None:
    """Every `$ref` names what is there, and every schema is used."""
    found = {each["$ref"] for each in _objects(DOCUMENT) if "$ref" in each}

    schemas = {f"#/components/schemas/{name}" for name in DOCUMENT["components"]["schemas"]}
    responses = {f"#/components/responses/{code}" for code in DOCUMENT["components"]["responses"]}
    assert found == schemas | responses


def test_arrays_say_what_they_hold() -> None:
    """No schema has `array` in a list of types, or without items: generators of clients fail at it, or leave the field out."""
    typed = [each for each in _objects(DOCUMENT) if isinstance(each.get("type"), str | list)]
    lists = [each for each in typed if "array" in each["type"]]

    assert lists
    assert [each for each in lists if each["type"] != "array" or "items" not in each] == []


def test_generators_of_clients_take_it() -> None:
    """A body has one form, an object may hold anything or one kind of thing, a constant has its type, and no schema has a
    name that generators make of an operation: each of these broke what one of three made."""
    bodies = [each["requestBody"] for each in _objects(DOCUMENT["paths"]) if "requestBody" in each]
    beside = [each["additionalProperties"] for each in _objects(DOCUMENT) if "additionalProperties" in each]
    made = {one.id[:1].upper() + one.id[1:] + end for one in openapi.OPERATIONS for end in ("Response", "Request")}

    assert {len(body["content"]) for body in bodies} == {1}
    assert [schema for body in bodies for kind in body["content"].values() if len(schema := kind["schema"]) == 0] == []
    assert [body for body in bodies if "oneOf" in str(body) or "anyOf" in str(body)] == []
    assert [each for each in beside if isinstance(each, dict) and isinstance(each.get("type"), list)] == []
    assert [each for each in _objects(DOCUMENT) if "const" in each and "type" not in each] == []
    assert DOCUMENT["components"]["schemas"].keys() & (made | {"Client"}) == set()


def test_what_an_event_holds_in_words() -> None:
    """The reference says of it what the document says."""
    assert (
        reference.kind(DOCUMENT["components"]["schemas"]["Occurrence"]["properties"]["data"])
        == "object or array of anything"
    )


@pytest.mark.parametrize("name", DOCUMENT["components"]["schemas"])
def test_schemas_describe_their_examples(name: str) -> None:
    """A schema is one of JSON Schema 2020-12, and its examples are what it describes."""
    schema = DOCUMENT["components"]["schemas"][name]

    jsonschema_rs.meta.validate(schema)
    for example in schema.get("examples", []):
        AGREED.valid(example, schema)


#: What the prose says of answers, and the statuses that it says it of.
ANSWERS: list[tuple[Policy, str, set[int], OutcomeKind, bool]] = [
    ("standard", "2xx succeeds;", set(range(200, 300)), OutcomeKind.SUCCESS, False),
    ("standard", "410 is a failure for good and disables the webhook at once;", {410}, OutcomeKind.FINAL, True),
    ("standard", "a 3xx is a failure for good, and the webhook stays;", set(range(300, 400)), OutcomeKind.FINAL, False),
    ("standard", "all else is tried again.", set(range(400, 600)) - {410}, OutcomeKind.RETRYABLE, False),
    ("greenlake", "2xx succeeds;", set(range(200, 300)), OutcomeKind.SUCCESS, False),
    ("greenlake", ", ".join(map(str, sorted(GREENLAKE_RETRIED))), set(GREENLAKE_RETRIED), OutcomeKind.RETRYABLE, False),
    (
        "greenlake",
        "every other answer from 300 to 599 is a failure for good and disables the webhook at once.",
        set(range(300, 600)) - GREENLAKE_RETRIED,
        OutcomeKind.FINAL,
        True,
    ),
]


@pytest.mark.parametrize(("policy", "said", "statuses", "kind", "disables"), ANSWERS)
def test_answers_under_a_policy_are_told_as_made(
    policy: Policy, said: str, statuses: set[int], kind: OutcomeKind, disables: bool, clock: Clock
) -> None:
    """What is said of answers under each policy is what is made of them."""
    text = dict(prose.notes())["Attempts and their answers"]
    [line] = [line for line in text.splitlines() if line.startswith(f"- `{policy}`")]
    judged = [outcome.of_reply(status, (), policy=policy, now=clock()) for status in statuses]

    assert said in line
    assert {(each.kind, each.disables) for each in judged} == {(kind, disables)}


async def test_anybody_may_read_the_documents(api: httpx.AsyncClient) -> None:
    """Anybody may read both: the one as JSON, the other as a page that may load nothing."""
    document = await api.get("/openapi.json")
    page = await api.get("/docs")

    assert (document.status_code, document.json()["openapi"]) == (200, "3.1.0")
    assert document.json()["paths"].keys() == DOCUMENT["paths"].keys()
    assert (page.status_code, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert page.headers["content-security-policy"].startswith("default-src 'none'")


class Page(HTMLParser):
    """What a page has in it."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.links: set[str] = set()
        self.tags: set[str] = set()
        self.open: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        if tag not in ("meta", "br"):
            self.open.append(tag)
        given = dict(attributes)
        assert "src" not in given
        self.ids += [str(given["id"])] if "id" in given else []
        self.links |= {str(given["href"])} if "href" in given else set()

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_every_link_of_the_reference_leads_somewhere() -> None:
    """Every operation, schema and sample has one anchor, every link leads there, and nothing comes from outside."""
    page = Page(reference.page(URL))

    wanted = {one.id for one in openapi.OPERATIONS} | {f"schema-{name}" for name in openapi.SCHEMAS}
    wanted |= {found["post"]["operationId"] for found in received.WEBHOOKS.values()}
    wanted |= {name for _, name in reference.SAMPLES}
    assert wanted <= set(page.ids)
    assert sorted(set(page.ids)) == sorted(page.ids)
    assert page.links <= {f"#{identity}" for identity in page.ids} | {"/openapi.json", "/docs/events", "/dashboard"}
    assert page.tags & {"script", "link", "img", "iframe", "form"} == set()
    assert page.open == []


def test_every_operation_has_its_command() -> None:
    """Each operation has the command that asks for it: as a shell reads it, its method, address, token and example."""
    commands = re.findall(r"<pre><code>(curl .*?)</code></pre>", reference.page(URL), re.DOTALL)

    asked = [shlex.split(html.unescape(text)) for text in commands]
    assert len(asked) == len(openapi.OPERATIONS)
    for operation, words in zip(openapi.OPERATIONS, asked, strict=True):
        told = dict(itertools.pairwise(words))
        assert told.get("-X", "POST" if "-d" in words else "GET") == operation.method
        [address] = [word for word in words if word.startswith("http")]
        assert re.sub(r"\$(\w+)", r"{\1}", address.partition("?")[0]) == URL + operation.path
        assert ("Authorization: Bearer $TOKEN" in words) is not operation.open
        if "json" in told.get("-H", ""):
            json.loads(told["-d"])


def test_page_escapes() -> None:
    """What looks like markup is shown, not followed."""
    assert "&lt;token&gt;" in reference.page(URL)
    assert "<token>" not in reference.page(URL)


def test_what_is_received(clock: Clock) -> None:
    """The headers of the `webhooks` section are those that the signer makes, the challenge is the one that is sent."""
    headers = signing.sign(b"{}", parcel_id="1", secrets=("first", "second"), now=clock())
    body = challenge.event(challenge=str(uuid4()), event_id=str(uuid4()), workspace_id="0" * 32, now=clock())

    described = {header["name"]: header for header in received.HEADERS}
    for name, value in headers:
        pattern = described[name]["schema"].get("pattern", "")
        assert re.search(pattern, value), name
    made = {name for name, _ in headers}
    assert {name for name, header in described.items() if header["required"]} <= made
    assert described.keys() - made == {"Authorization"}
    AGREED.valid(_read(body), {"$ref": "#/components/schemas/VerificationEvent"})


def test_challenge_example() -> None:
    """The examples of challenge and answer belong together, under the secret that the description names."""
    [asked] = received.SCHEMAS["VerificationEvent"]["examples"]
    [answered] = received.SCHEMAS["VerificationAnswer"]["examples"]

    assert answered == {"verification": signing.answer("s3cr3tKey", asked["data"]["challengeRequest"])}


def _read(body: bytes) -> Any:
    return httpx.Response(200, content=body).json()


def _objects(value: Any) -> list[dict[str, Any]]:
    if isinstance(value, list):
        return [found for each in value for found in _objects(each)]
    if not isinstance(value, dict):
        return []
    return [value, *(found for each in value.values() for found in _objects(each))]


def test_every_list_gives_what_hpes_module_steps_by() -> None:
    """Its clients ask for a hundred and step by a hundred: a list that gave fewer would hide the
    rest from them (greenlake.md 1.6)."""
    most = {
        one.id: int(re.search(r"more than (\d+)", parameter["description"])[1])  # type: ignore[index]
        for one in openapi.OPERATIONS
        for parameter in one.query
        if parameter["name"] == "limit"
    }

    assert len(most) >= 9
    assert {name: number for name, number in most.items() if number < 100} == {}

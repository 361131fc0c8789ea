"""Event APIs as the catalogue keeps them: what they bring, what may change, and what goes with them."""

import json
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import func, select

from subscriptions.catalogue import comparing
from subscriptions.catalogue.api_drafts import EventApiChange, EventApiDraft
from subscriptions.catalogue.api_rows import ApiVersion
from subscriptions.catalogue.event_apis import CatalogueLimits, EventApiStore
from subscriptions.catalogue.event_schemas import EventSchemaStore, SchemaDraft
from subscriptions.catalogue.schemas.schema import vet
from subscriptions.catalogue.tables import event_type_versions
from subscriptions.events.catalogue import PREFIX
from subscriptions.ground import tables
from subscriptions.ground.apart import Apart
from subscriptions.ground.database import Database
from subscriptions.ground.errors import Absent, Conflicting, Forbidden, LimitReached, Refused, TooLarge
from subscriptions.ground.vault import Vault
from subscriptions.webhooks.subscription_list import SubscriptionRequest
from subscriptions.webhooks.subscription_store import SubscriptionStore
from tests.builders import OWNER, Builder

MINE, OTHERS = "a" * 32, "b" * 32
VAULT = Vault([("test", b"0" * 32)])
NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)
LATER = NOW + timedelta(hours=1)


def document(**types: str) -> bytes:
    """AsyncAPI with an event of each name (`_` for a dot), whose payload has these members."""
    channels = "".join(
        f"  com.acme.{name.replace('_', '.')}:\n    subscribe: {{message: {{title: T {name}, payload: "
        f"{{type: object, additionalProperties: true, properties: {{{members}}}}}}}}}\n"
        for name, members in types.items()
    )
    return (
        f"asyncapi: 2.6.0\ninfo: {{title: Acme, version: '1.0', description: Things}}\nchannels:\n{channels}".encode()
    )


@pytest.fixture
def apis(database: Database) -> EventApiStore:
    return EventApiStore(database, Apart(), prefix=PREFIX, limits=CatalogueLimits(apis=3, types=5), vault=VAULT)


async def types(database: Database) -> dict[str, tuple[str | None, bool]]:
    """Whose each of our types is, and whether it is retired."""
    table = tables.event_types
    async with database.transaction() as connection:
        found = select(table.c.type, table.c.workspace_id, table.c.retired_at).where(
            table.c.type.startswith("com.acme")
        )
        return {row.type: (row.workspace_id, row.retired_at is not None) for row in await connection.execute(found)}


async def test_a_document_makes_its_types(apis: EventApiStore, database: Database) -> None:
    """Registering a document makes a type of each event, which is the workspace's, with what the document says of it."""
    text = document(created="a: {type: string}", gone="b: {type: integer}")

    made = await apis.register(EventApiDraft(text=text, group="acme"), by=MINE, now=NOW)

    assert (made.name, made.description, made.version.value, made.asyncapi) == ("Acme", "Things", "1.0", "2.6.0")
    assert made.types == ("com.acme.created", "com.acme.gone")
    assert await apis.document(made.id, by=None) == (text, "YAML")
    assert await types(database) == dict.fromkeys(made.types, (MINE, False))
    async with database.transaction() as connection:
        rows = (await connection.execute(select(event_type_versions).order_by(event_type_versions.c.event_type))).all()
    assert [(row.version, row.revision, row.made_type) for row in rows] == [("1.0", 1, True)] * 2
    assert rows[1].payload == '{"type":"object","additionalProperties":true,"properties":{"b":{"type":"integer"}}}'
    assert await apis.find(made.id) == made
    assert await apis.page(limit=5, offset=0, event_type="com.acme.gone") == ([replace(made, types=())], 1)
    assert await apis.page(limit=5, offset=0, group="other") == ([], 0)


async def test_a_type_of_somebody_else_is_not_taken(apis: EventApiStore, database: Database) -> None:
    """A document that describes another workspace's type, or one of ours, changes nothing, and names the message."""
    await apis.register(EventApiDraft(text=document(a="x: {}")), by=MINE, now=NOW)

    with pytest.raises(Conflicting) as told:
        await apis.register(EventApiDraft(text=document(b="x: {}", a="x: {}")), by=OTHERS, now=NOW)
    assert told.value.issues[0].subject == "/channels/com.acme.a/subscribe/message"
    assert await types(database) == {"com.acme.a": (MINE, False)}
    ours = document(a="x: {}").replace(b"com.acme.a", f"{PREFIX}.events.v1beta1.webhooks.delivery-failed".encode())
    with pytest.raises(Refused, match=r"sends itself: nobody registers or publishes it \(line 5\)"):
        await apis.register(EventApiDraft(text=ours), by=None, now=NOW)
    misspelt = document(a="x: {}").replace(b"com.acme.a", b"com.hpe.greenlake.a")
    with pytest.raises(Refused, match="must be com"):
        await apis.register(EventApiDraft(text=misspelt), by=None, now=NOW)


async def test_examples_have_to_fit(apis: EventApiStore) -> None:
    """An example that its own schema refuses is told by its pointer and line."""
    examples = b"title: T a, examples: [{payload: {n: 1}}, {payload: {n: x}}]"
    text = document(a="n: {type: integer}").replace(b"title: T a", examples)
    with pytest.raises(Refused) as told:
        await apis.register(EventApiDraft(text=text), by=MINE, now=NOW)
    assert told.value.issues[0].subject == "/channels/com.acme.a/subscribe/message/examples/1/n"
    assert "(line 5)" in told.value.issues[0].description


async def test_a_changed_schema_needs_a_new_version(apis: EventApiStore, database: Database) -> None:
    """An optional member may come along; one that is wider or gone is refused with its pointer, until the version is another."""
    made = await apis.register(EventApiDraft(text=document(a="n: {type: integer}")), by=MINE, now=NOW)

    more = await apis.change(
        made.id, EventApiChange(text=document(a="n: {type: integer}, m: {type: string}")), by=MINE, now=LATER
    )
    assert (more.generation, more.version.value) == (2, "1.0")
    wide = EventApiChange(text=document(a="n: {type: [integer, string]}, m: {type: string}"))
    with pytest.raises(Conflicting) as told:
        await apis.change(made.id, wide, by=MINE, now=LATER)
    assert told.value.issues[0].subject.startswith("/channels/com.acme.a/subscribe/message/payload/properties/n")
    wider = EventApiChange(text=document(a="n: {type: [integer, string]}"), version={"value": "2.0"})
    other = await apis.change(made.id, wider, by=MINE, now=LATER)
    assert other.version.value == "2.0"
    async with database.transaction() as connection:
        rows = (await connection.execute(select(event_type_versions.c.version, event_type_versions.c.revision))).all()
    assert [tuple(row) for row in rows] == [("2.0", 3)]


class Meanwhile(Apart):
    """Lets something else happen the first time that documents are compared."""

    def __init__(self, happens: Callable[[], Awaitable[object]]) -> None:
        super().__init__()
        self._happens: Callable[[], Awaitable[object]] | None = happens
        self.compared = 0

    async def work(self, whose: Hashable, size: int, function: Callable[..., Any], *args: Any, **named: Any) -> Any:
        if function is comparing.check:
            self.compared += 1
            happens, self._happens = self._happens, None
            if happens is not None:
                await happens()
        return await super().work(whose, size, function, *args, **named)


@pytest.mark.parametrize("changes", [False, True])
async def test_nobody_waits_while_documents_are_compared(
    apis: EventApiStore, database: Database, changes: bool
) -> None:
    """Another workspace makes types meanwhile; what was said anew of one's own meanwhile is compared as well."""
    made = await apis.register(EventApiDraft(text=document(a="n: {type: integer}")), by=MINE, now=NOW)
    other = EventApiDraft(text=document(b="n: {type: integer}"))
    beside = Meanwhile(lambda: apis.register(other, by=OTHERS, now=NOW))
    same = document(a="n: {type: integer}, m: {type: string}")

    async def asked(by: Apart, text: bytes) -> object:
        store = EventApiStore(database, by, prefix=PREFIX, limits=CatalogueLimits(apis=3, types=5), vault=VAULT)
        if changes:
            return await store.change(made.id, EventApiChange(text=text), by=MINE, now=LATER)
        return await store.register(EventApiDraft(text=text), by=MINE, now=LATER)

    await asked(beside, same)
    assert beside.compared == 1
    assert (await types(database)).keys() == {"com.acme.a", "com.acme.b"}

    narrower = EventApiChange(text=document(a="n: {type: integer}, m: {type: string, maxLength: 5}"))
    again = Meanwhile(lambda: apis.change(made.id, narrower, by=MINE, now=LATER))
    with pytest.raises(Conflicting, match=r"com\.acme\.a"):
        await asked(again, same)
    assert again.compared == 2


async def test_versions_stand_side_by_side(apis: EventApiStore, database: Database) -> None:
    """Two versions of a group describe one type each in its own way; one version twice is refused, however it is called."""
    draft = EventApiDraft(text=document(a="n: {type: integer}"), group="acme")
    first = await apis.register(draft, by=MINE, now=NOW)
    wider = document(a="n: {type: string}")
    with pytest.raises(Conflicting, match="already: the event API"):
        await apis.register(replace(draft, text=wider), by=MINE, now=LATER)
    with pytest.raises(Conflicting, match="another event API describes the version"):
        await apis.register(EventApiDraft(text=wider), by=MINE, now=LATER)

    second = await apis.register(replace(draft, text=wider, version=ApiVersion(value="2.0")), by=MINE, now=LATER)

    found, total = await apis.page(limit=5, offset=0, group="acme")
    assert (total, [each.id for each in found]) == (2, [second.id, first.id])
    await apis.remove(first.id, force=False, by=MINE, now=LATER)
    assert await types(database) == {"com.acme.a": (MINE, False)}
    await apis.remove(second.id, force=False, by=MINE, now=LATER)
    assert await types(database) == {"com.acme.a": (MINE, True)}


async def test_types_with_subscriptions_stay(apis: EventApiStore, database: Database, builder: Builder) -> None:
    """An API whose types webhooks have subscribed to is removed by force alone, and so is a message of its document."""
    made = await apis.register(EventApiDraft(text=document(a="n: {}", b="n: {}")), by=MINE, now=NOW)
    webhook = await builder.webhook()
    asked = SubscriptionRequest(event_type="com.acme.a", webhook=webhook.id)
    await SubscriptionStore(database).add([asked], OWNER, within=None, now=NOW)

    with pytest.raises(Conflicting, match="has 1 subscriptions"):
        await apis.remove(made.id, force=False, by=MINE, now=LATER)
    with pytest.raises(Conflicting, match="has 1 subscriptions"):
        await apis.change(made.id, EventApiChange(text=document(b="n: {}")), by=MINE, now=LATER)
    assert await apis.find(made.id) == made

    await apis.remove(made.id, force=True, by=MINE, now=LATER)
    assert await types(database) == {"com.acme.a": (MINE, True), "com.acme.b": (MINE, True)}
    with pytest.raises(Absent):
        await apis.find(made.id)


async def test_only_its_owner_changes_it(apis: EventApiStore) -> None:
    """Another workspace neither changes nor removes an API; operators do both."""
    made = await apis.register(EventApiDraft(text=document(a="n: {}")), by=MINE, now=NOW)

    for change in (EventApiChange(name="x"), EventApiChange(text=document(b="n: {}"))):
        with pytest.raises(Forbidden):
            await apis.change(made.id, change, by=OTHERS, now=LATER)
    with pytest.raises(Forbidden):
        await apis.remove(made.id, force=True, by=OTHERS, now=LATER)
    renamed = await apis.change(made.id, EventApiChange(name="x"), by=None, now=LATER)
    assert (renamed.name, renamed.workspace_id) == ("x", MINE)
    with pytest.raises(Absent):
        await apis.change(uuid4(), EventApiChange(name="x"), by=None, now=LATER)


async def test_a_workspace_has_so_many(apis: EventApiStore) -> None:
    """APIs and types of a workspace are counted; a document that would bring one too many brings none; operators' are not."""
    many = document(**{f"t{n}": "n: {}" for n in range(6)})
    with pytest.raises(LimitReached, match="HOOKLAKE_MAX_EVENT_TYPES_PER_WORKSPACE"):
        await apis.register(EventApiDraft(text=many), by=MINE, now=NOW)
    for name in ("a", "b", "c"):
        await apis.register(EventApiDraft(text=document(**{name: "n: {}"})), by=MINE, now=NOW)
    with pytest.raises(LimitReached, match="HOOKLAKE_MAX_EVENT_APIS_PER_WORKSPACE"):
        await apis.register(EventApiDraft(text=document(d="n: {}")), by=MINE, now=NOW)
    await apis.register(EventApiDraft(text=many), by=None, now=NOW)


def shared(kib: int, messages: int) -> bytes:
    """AsyncAPI with so many messages of one schema that is so large."""
    schema = {"description": "d" * kib * 1024, "type": "object"}
    to = {"payload": {"$ref": "#/components/schemas/s"}}
    channels = {f"com.acme.t{n}": {"subscribe": {"message": to | {"title": str(n)}}} for n in range(messages)}
    info = {"title": "Acme", "version": "1"}
    whole = {"asyncapi": "2.6.0", "info": info, "channels": channels, "components": {"schemas": {"s": schema}}}
    return json.dumps(whole).encode()


async def test_a_schema_counts_for_each_event_that_has_it(apis: EventApiStore) -> None:
    """A large schema that many messages refer to is as many times as large: a document of so much is refused, nothing kept."""
    with pytest.raises(TooLarge, match="bytes told of the messages"):
        await apis.register(EventApiDraft(text=shared(600, 40)), by=None, now=NOW)

    assert (await apis.page(limit=1, offset=0))[1] == 0


async def test_a_workspace_keeps_so_many_bytes(database: Database) -> None:
    """Documents and schemas of a workspace are counted by bytes, whichever way they came: what would be too many changes nothing;
    operators' are not counted."""
    limits = CatalogueLimits(apis=9, types=30, schema_bytes=100_000)
    apis = EventApiStore(database, Apart(), prefix=PREFIX, limits=limits, vault=VAULT)
    schemas = EventSchemaStore(database, Apart(), most_bytes=100_000)
    small, large = shared(10, 2), shared(10, 9)

    made = await apis.register(EventApiDraft(text=small), by=MINE, now=NOW)
    for refused in (
        apis.register(EventApiDraft(text=large.replace(b"com.acme", b"com.other")), by=MINE, now=NOW),
        apis.change(made.id, EventApiChange(text=large), by=MINE, now=NOW),
        schemas.put("com.acme.t0", drafted({"title": "t" * 90_000}), by=MINE, now=NOW),
    ):
        with pytest.raises(LimitReached, match="HOOKLAKE_MAX_SCHEMA_BYTES_PER_WORKSPACE"):
            await refused

    rows, total = await apis.described(made.id, limit=9, offset=0)
    assert (len(rows), total, (await apis.page(limit=9, offset=0))[1]) == (2, 2, 1)
    await schemas.put("com.acme.t0", drafted({"title": "t"}), by=MINE, now=NOW)
    await apis.register(EventApiDraft(text=large.replace(b"com.acme", b"com.other")), by=None, now=NOW)


async def test_pages_of_what_is_said_end_by_bytes(apis: EventApiStore) -> None:
    """A page has no more than two mebibytes, and something of what is left: who goes on from where it ended sees each once."""
    made = await apis.register(EventApiDraft(text=shared(600, 10)), by=None, now=NOW)

    seen: list[str] = []
    pages = 0
    while len(seen) < 10:
        rows, total = await apis.described(made.id, limit=200, offset=len(seen))
        assert total == 10
        assert 0 < sum(len(row["payload"]) for row in rows) <= 2 << 20
        seen += [row["event_type"] for row in rows]
        pages += 1

    assert (seen, pages) == ([f"com.acme.t{n}" for n in range(10)], 4)


def drafted(value: object) -> SchemaDraft:
    """A schema as somebody gives it."""
    return SchemaDraft(schema=vet(json.dumps(value).encode()), version=None, dataschema=None, served_at="https://x")


async def test_a_types_own_schema_is_its_current_version_at_once(apis: EventApiStore, database: Database) -> None:
    """A schema of its own, newer than a deprecated version, is what events without a dataschema have; with its removal they
    are of the deprecated version again."""
    deprecated = ApiVersion(value="1.0", deprecated=True)
    schemas = EventSchemaStore(database, Apart())
    await apis.register(EventApiDraft(text=document(placed="n: {}"), version=deprecated), by=MINE, now=NOW)
    kept = [await deprecation_of(database)]

    await schemas.put("com.acme.placed", drafted({"title": "t"}), by=MINE, now=LATER)
    kept.append(await deprecation_of(database))
    await schemas.remove("com.acme.placed", by=MINE, now=LATER)
    kept.append(await deprecation_of(database))

    assert [each is None for each in kept] == [False, True, False]


async def deprecation_of(database: Database) -> str | None:
    """What events of the type get."""
    table = tables.event_types
    async with database.transaction() as connection:
        found: str | None = await connection.scalar(
            select(table.c.deprecation).where(table.c.type == "com.acme.placed")
        )
    return found


async def test_five_thousand_messages_are_one_registration(apis: EventApiStore, database: Database) -> None:
    """A document of a mebibyte with five thousand events is taken in one transaction, and taken out in one."""
    text = document(**{f"t{n}": "n: {type: integer}" for n in range(5000)})
    made = await apis.register(EventApiDraft(text=text), by=None, now=NOW)

    assert len(made.types) == 5000
    async with database.transaction() as connection:
        assert await connection.scalar(select(func.count()).select_from(event_type_versions)) == 5000
    again = await apis.change(made.id, EventApiChange(text=text), by=None, now=LATER)
    assert again.types == made.types
    await apis.remove(made.id, force=False, by=None, now=LATER)
    assert all(retired for _, retired in (await types(database)).values())

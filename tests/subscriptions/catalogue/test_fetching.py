"""Fetched documents as the catalogue takes them: what comes of each, whoever reads them, and how many at once."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from sqlalchemy import select

from subscriptions.catalogue import fetching
from subscriptions.catalogue.api_access import FetchRequest
from subscriptions.catalogue.api_drafts import EventApiChange, EventApiDraft
from subscriptions.catalogue.event_apis import CatalogueLimits, EventApiStore
from subscriptions.catalogue.fetching import DocumentFetcher, FetchMinute, Unfetched
from subscriptions.events.catalogue import PREFIX
from subscriptions.ground import audit
from subscriptions.ground.apart import Apart
from subscriptions.ground.audit import Actor, ActorKind
from subscriptions.ground.database import Database
from subscriptions.ground.errors import Forbidden, Refused, TooSoon
from subscriptions.ground.tables import audit_entries
from subscriptions.ground.vault import Vault

MINE, OTHERS = "a" * 32, "b" * 32
NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)
DRAFT = EventApiDraft(access={"fetchRequest": {"url": "https://specs.example/"}})


def document(payload: str = "{type: object, properties: {n: {type: integer}}}", name: str = "com.acme.a") -> bytes:
    channel = f"{name}: {{subscribe: {{message: {{payload: {payload}}}}}}}"
    return f"asyncapi: 2.6.0\ninfo: {{title: Shop, version: '1', description: D}}\nchannels: {{{channel}}}\n".encode()


@pytest.fixture
def store(database: Database) -> EventApiStore:
    vault = Vault([("test", b"0" * 32)])
    return EventApiStore(database, Apart(), prefix=PREFIX, limits=CatalogueLimits(), vault=vault)


def fetcher(
    store: EventApiStore, read: Callable[[FetchRequest], Awaitable[bytes]], minute: FetchMinute | None = None
) -> DocumentFetcher:
    return DocumentFetcher(store, read, lambda: NOW, minute or FetchMinute(store._database, limit=0))


async def test_what_comes_of_a_fetch(store: EventApiStore) -> None:
    """A document makes its types and says what nobody said; where none comes that can be taken, what was there stays."""
    answers: list[bytes | str] = []

    async def read(_: FetchRequest) -> bytes:
        answer = answers.pop(0)
        if isinstance(answer, str):
            raise Unfetched(answer)
        return answer

    documents = fetcher(store, read)
    answers.append("it answered 404")
    made = await documents.register(DRAFT, by=MINE)
    assert made.fetch is not None
    assert (made.name, made.fetch.condition, made.fetch.message, made.types) == (
        str(made.id),
        "FAILED",
        "it answered 404",
        (),
    )
    with pytest.raises(Forbidden):
        await documents.refetch(made.id, by=OTHERS)

    answers.append(document())
    came = await documents.refetch(made.id, by=MINE)
    assert came.fetch is not None
    assert (came.name, came.description, came.version.value, came.types) == ("Shop", "D", "1", ("com.acme.a",))
    assert (came.fetch.condition, came.fetch.message, came.fetch.at) == ("SUCCEEDED", "", NOW)
    answers.append(document())
    assert await documents.refetch(made.id, by=MINE) == came, "the same text is no change"

    for answer, said in (
        (document("{type: string}"), "give the API another version"),
        (b"no document", "could not be taken"),
        (b"x" * (2 << 20), "could not be taken"),
    ):
        answers.append(answer)
        kept = await documents.refetch(made.id, by=MINE)
        assert kept.fetch is not None
        assert (kept.fetch.condition, kept.digest, kept.types, kept.error) == ("FAILED", came.digest, came.types, "")
        assert said in kept.fetch.message
    assert not answers


async def test_versions_that_come_with_documents(store: EventApiStore) -> None:
    """Several of a group may wait for their documents; of two that bring one version the second is not taken, and says why."""
    answers: list[bytes] = []

    async def read(_: FetchRequest) -> bytes:
        if not answers:
            raise Unfetched("it answered 404")
        return answers.pop()

    documents = fetcher(store, read)
    one, two = [await documents.register(replace(DRAFT, group="shop"), by=MINE) for _ in range(2)]
    answers += [document(name="com.acme.b"), document()]
    first, second = [await documents.refetch(each.id, by=MINE) for each in (one, two)]
    assert first.fetch is not None
    assert second.fetch is not None
    assert (first.version.value, first.fetch.condition) == ("1", "SUCCEEDED")
    assert (second.version.value, second.fetch.condition, second.types) == ("", "FAILED", ())
    assert "the group shop has the version 1 already" in second.fetch.message


async def test_each_fetch_leaves_an_entry(store: EventApiStore, database: Database) -> None:
    """Who asked for a fetch, and how it went, is in the audit log, and counts as a change: no host is asked without end."""

    async def read(_: FetchRequest) -> bytes:
        if not answers:
            raise Unfetched("it answered 404")
        return answers.pop()

    answers = [document(), document()]
    actor = Actor(kind=ActorKind.CLIENT, id="me", name="me", workspace_id=MINE, roles=(), address="", at=NOW)
    with audit.acting(actor) as acting:
        made = await fetcher(store, read).register(DRAFT, by=MINE)
        for _ in range(2):
            before = acting.entries
            await fetcher(store, read).refetch(made.id, by=MINE)
            assert acting.entries == before + 1
    async with database.transaction() as connection:
        entries = select(audit_entries.c.after).where(audit_entries.c.action == "event-api.fetched")
        found = [json.loads(each) for each in await connection.scalars(entries)]
    assert found.count({"condition": "SUCCEEDED"}) == 2
    assert {"condition": "FAILED", "message": "it answered 404"} in found


async def test_a_document_that_is_compared_leaves_one_entry(store: EventApiStore, database: Database) -> None:
    """How a fetch ended is told once, also where the document was compared with the one before, beside the transaction."""
    answers = [document(), document("{type: object, required: [n], properties: {n: {type: integer}}}"), document()]

    async def read(_: FetchRequest) -> bytes:
        return answers.pop()

    actor = Actor(kind=ActorKind.CLIENT, id="me", name="me", workspace_id=MINE, roles=(), address="", at=NOW)
    with audit.acting(actor):
        made = await fetcher(store, read).register(DRAFT, by=MINE)
        ended = [(await fetcher(store, read).refetch(made.id, by=MINE)).fetch for _ in range(2)]
    async with database.transaction() as connection:
        entries = select(audit_entries.c.after).where(audit_entries.c.action == "event-api.fetched")
        found = [json.loads(each)["condition"] for each in await connection.scalars(entries)]

    assert [None if each is None else each.condition for each in ended] == ["SUCCEEDED", "FAILED"]
    assert sorted(found) == ["FAILED", "SUCCEEDED", "SUCCEEDED"]


async def test_so_many_a_minute(store: EventApiStore, database: Database) -> None:
    """A workspace has a minute's worth of fetches, over all processes; over it nothing is asked, and nothing changed."""
    asked = 0

    async def read(_: FetchRequest) -> bytes:
        nonlocal asked
        asked += 1
        raise Unfetched("it answered 404")

    one, two = (fetcher(store, read, FetchMinute(database, limit=3)) for _ in range(2))
    made = await one.register(DRAFT, by=MINE)
    await two.refetch(made.id, by=MINE)
    await one.change(made.id, EventApiChange(access=DRAFT.access), by=MINE)
    for refused in (one.refetch(made.id, by=MINE), two.register(DRAFT, by=MINE)):
        with pytest.raises(TooSoon, match="HOOKLAKE_REGISTRATIONS_PER_MINUTE"):
            await refused
    assert (asked, (await store.page(limit=9, offset=0))[1]) == (3, 1)
    await one.register(DRAFT, by=OTHERS)
    await one.refetch(made.id, by=None)


async def test_secrets_that_are_gone(store: EventApiStore, database: Database) -> None:
    """Where the key of its secrets was forgotten nothing is asked with what stands in their place."""
    auth = {"credential": {"basic": {"username": "me", "password": "first-secret"}}}

    async def read(_: FetchRequest) -> bytes:
        pytest.fail("nothing is to be fetched")

    draft = EventApiDraft(access={"fetchRequest": {"url": "https://specs.example/", "auth": auth}})
    made = await store.register(draft, by=MINE, now=NOW)
    async with database.raw() as connection:
        await connection.execute("UPDATE event_apis SET access_sealed = ''")
    failed = await fetcher(store, read).refetch(made.id, by=MINE)
    assert failed.fetch is not None
    assert "give them again" in failed.fetch.message


async def test_text_that_is_no_document_comes_first(store: EventApiStore) -> None:
    """Where there is no document yet, text that is none is kept with the reason: the fetch itself succeeded."""

    async def read(_: FetchRequest) -> bytes:
        return b"asyncapi"

    made = await fetcher(store, read).register(DRAFT, by=None)

    assert made.fetch is not None
    assert (made.fetch.condition, made.types, bool(made.error)) == ("SUCCEEDED", (), True)
    assert await store.document(made.id, by=None) == (b"asyncapi", "YAML")


async def test_what_was_asked_before_a_change_is_dropped(store: EventApiStore) -> None:
    """What comes for a URL that is another by then is dropped, and so is why it did not come."""
    other = {"fetchRequest": {"url": "https://others.example/"}}

    async def read(request: FetchRequest) -> bytes:
        if "specs" not in request.url:
            return document(name="com.acme.other")
        await store.change(made.id, EventApiChange(access=other), by=None, now=NOW)
        if fails:
            raise Unfetched("it answered 500")
        return document()

    made = await store.register(DRAFT, by=None, now=NOW)
    for failing in (False, True):
        fails = failing
        after = await fetcher(store, read).refetch(made.id, by=None)
        assert after.fetch is not None
        assert (after.fetch.condition, after.fetch.request["url"], after.types) == (
            "INITIAL",
            "https://others.example/",
            (),
        )
        await store.change(made.id, EventApiChange(access=DRAFT.access), by=None, now=NOW)
    changed = await fetcher(store, read).change(made.id, EventApiChange(access=other), by=None)
    assert changed.types == ("com.acme.other",)


async def test_how_it_is_fetched_only_where_it_is(store: EventApiStore) -> None:
    """A document that was given is not fetched, and nothing is changed by asking for that."""

    async def read(_: FetchRequest) -> bytes:
        pytest.fail("nothing is to be fetched")

    documents = fetcher(store, read)
    made = await documents.register(EventApiDraft(text=document()), by=MINE)
    with pytest.raises(Refused, match="its document was given"):
        await documents.refetch(made.id, by=MINE)
    named = await documents.change(made.id, EventApiChange(name="Mine"), by=MINE)
    assert (named.name, named.fetch) == ("Mine", None)


async def test_few_at_once(store: EventApiStore) -> None:
    """A workspace has its share of fetches, a few that wait, and then is told so with nothing changed; others have theirs."""
    go, asked = asyncio.Event(), asyncio.Semaphore(0)

    async def read(_: FetchRequest) -> bytes:
        asked.release()
        await go.wait()
        return b""

    documents = fetcher(store, read)
    places = fetching.SHARE + fetching.WAITING
    tasks = [asyncio.create_task(documents.register(DRAFT, by=MINE)) for _ in range(places)]
    for _ in range(fetching.SHARE):
        await asked.acquire()
    with pytest.raises(TooSoon):
        await documents.register(DRAFT, by=MINE)
    tasks.append(asyncio.create_task(documents.register(DRAFT, by=OTHERS)))
    await asked.acquire()
    assert (await store.page(limit=10, offset=0))[1] == fetching.SHARE + 1
    go.set()
    made = await asyncio.gather(*tasks)
    assert {each.fetch.condition for each in made if each.fetch is not None} == {"SUCCEEDED"}

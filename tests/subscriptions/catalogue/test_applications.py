"""Applications as they are kept: whose they are, what their names may be, and what goes with them."""

import asyncio
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from subscriptions.catalogue import applications
from subscriptions.catalogue.api_drafts import EventApiDraft
from subscriptions.catalogue.applications import ApplicationChange, ApplicationDraft, ApplicationStore
from subscriptions.catalogue.event_apis import CatalogueLimits, EventApiStore
from subscriptions.events.catalogue import PREFIX
from subscriptions.ground.apart import Apart
from subscriptions.ground.database import Database
from subscriptions.ground.errors import Absent, Conflicting, Forbidden, LimitReached, Refused
from subscriptions.ground.vault import Vault
from tests.builders import WORKSPACE, Builder

OTHERS = "b" * 32
VAULT = Vault([("test", b"0" * 32)])
NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)
LATER = NOW + timedelta(hours=1)
DOCUMENT = b"asyncapi: 2.6.0\ninfo: {title: Shop, version: '1'}\nchannels: {a.b: {subscribe: {message: {title: T}}}}\n"
SHOP = ApplicationDraft(workspace_id=WORKSPACE, name="shop")


@pytest.fixture
def store(database: Database) -> ApplicationStore:
    return ApplicationStore(database, most=3)


async def test_a_name_is_a_workspaces_own(store: ApplicationStore) -> None:
    """Two workspaces may have an application of one name, and neither learns of the other's; within one a name is taken once."""
    mine = await store.register(SHOP, by=WORKSPACE, now=NOW)
    theirs = await store.register(ApplicationDraft(workspace_id=OTHERS, name="shop"), by=OTHERS, now=NOW)

    with pytest.raises(Conflicting, match=f"another application of the workspace, .*{mine.id}"):
        await store.register(SHOP, by=None, now=NOW)
    assert await store.named(WORKSPACE, "shop") == mine
    assert await store.named(OTHERS, "shop") == theirs
    assert await store.named(OTHERS, "Shop") is None
    assert await store.page(workspace_id=OTHERS, limit=5, offset=0) == ([theirs], 1)
    assert (await store.page(workspace_id=None, limit=1, offset=1))[1] == 2
    assert await store.page(workspace_id=WORKSPACE, limit=5, offset=0, search="SHO") == ([mine], 1)
    assert await store.find(mine.id, by=WORKSPACE) == await store.find(mine.id, by=None) == mine
    with pytest.raises(Absent):
        await store.find(mine.id, by=OTHERS)
    with pytest.raises(Absent):
        await store.change(mine.id, ApplicationChange(description="x"), by=OTHERS, now=LATER)
    with pytest.raises(Absent):
        await store.remove(mine.id, force=True, by=OTHERS)
    with pytest.raises(Forbidden):
        await store.register(ApplicationDraft(workspace_id=OTHERS, name="x"), by=WORKSPACE, now=NOW)


@pytest.mark.parametrize(
    "name",
    [
        *("", ".", "..", "a/b", "a b", "-a", "_a", "é", "a\n", "a%2e", "x" * 101),
        *sorted(applications.RESERVED),
        "Events",
    ],
)
async def test_names_that_cannot_be(store: ApplicationStore, name: str) -> None:
    """A name is one segment of a path, the same in every spelling, and none of the segments that paths of ours begin with."""
    with pytest.raises(Refused) as refused:
        await store.register(ApplicationDraft(workspace_id=WORKSPACE, name=name), by=WORKSPACE, now=NOW)

    assert [each.subject for each in refused.value.issues] == ["name"]
    assert await store.page(workspace_id=None, limit=5, offset=0) == ([], 0)


async def test_a_workspace_has_so_many(store: ApplicationStore) -> None:
    """However many register at once, a workspace has no more than its limit, whoever registers them; another has its own."""
    drafts = [ApplicationDraft(workspace_id=WORKSPACE, name=f"app-{n}") for n in range(8)]

    made = await asyncio.gather(*(store.register(draft, by=None, now=NOW) for draft in drafts), return_exceptions=True)

    refused = [each for each in made if isinstance(each, BaseException)]
    assert {type(each) for each in refused} == {LimitReached}
    assert len(refused) == 5
    assert "HOOKLAKE_MAX_APPLICATIONS_PER_WORKSPACE" in str(refused[0])
    await store.register(ApplicationDraft(workspace_id=OTHERS, name="app"), by=OTHERS, now=NOW)


async def test_its_own_webhook(store: ApplicationStore, builder: Builder, database: Database) -> None:
    """An application's webhook is one of its workspace; one that is deleted is none any more, and the application stays."""
    (hook,) = [(await builder.webhook()).id]
    made = await store.register(
        ApplicationDraft(workspace_id=WORKSPACE, name="shop", webhook=hook), by=WORKSPACE, now=NOW
    )
    assert made.webhook == hook
    for wrong in (uuid4(), hook):
        whose = WORKSPACE if wrong != hook else OTHERS
        with pytest.raises(Refused, match="is no webhook of the application's workspace"):
            await store.register(ApplicationDraft(workspace_id=whose, name="other", webhook=wrong), by=None, now=NOW)

    with_words = await store.change(made.id, ApplicationChange(description="It sells"), by=WORKSPACE, now=LATER)
    assert (with_words.webhook, with_words.description, with_words.generation) == (hook, "It sells", 2)
    assert await store.change(made.id, ApplicationChange(description="It sells"), by=None, now=LATER) == with_words
    without = await store.change(made.id, ApplicationChange(without_webhook=True), by=WORKSPACE, now=LATER)
    assert (without.webhook, without.description, without.generation) == (None, "It sells", 3)
    await store.change(made.id, ApplicationChange(webhook=hook), by=WORKSPACE, now=LATER)
    async with database.raw() as connection:
        await connection.execute("UPDATE webhooks SET deleted_at = now() WHERE id = $1", hook)
    assert (await store.find(made.id, by=WORKSPACE)).webhook is None


async def test_one_with_event_apis_is_removed_by_force(store: ApplicationStore, database: Database) -> None:
    """Event APIs that name it keep it, whether they came before it or after; by force it goes, and they stay as they are."""
    apis = EventApiStore(database, Apart(), prefix=PREFIX, limits=CatalogueLimits(), vault=VAULT)
    api = await apis.register(EventApiDraft(text=DOCUMENT, application="shop"), by=WORKSPACE, now=NOW)
    made = await store.register(SHOP, by=WORKSPACE, now=NOW)
    theirs = await store.register(ApplicationDraft(workspace_id=OTHERS, name="shop"), by=OTHERS, now=NOW)

    with pytest.raises(Conflicting, match=f"has the event API Shop .{api.id}."):
        await store.remove(made.id, force=False, by=WORKSPACE)
    assert await store.remove(theirs.id, force=False, by=OTHERS) == theirs
    assert await store.remove(made.id, force=True, by=WORKSPACE) == made
    assert await store.named(WORKSPACE, "shop") is None
    assert await apis.find(api.id) == api


def test_event_url() -> None:
    """The event URL is the path of Kyma's legacy events under the application's name."""
    assert applications.event_url("https://x.example", "shop") == "https://x.example/shop/v1/events"

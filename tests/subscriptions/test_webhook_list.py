"""The list of webhooks: searched, narrowed, in each order, a page behind another."""

from collections.abc import Sequence
from dataclasses import replace
from uuid import UUID

import pytest

from subscriptions.ground.database import Database
from subscriptions.ground.vault import Vault
from subscriptions.webhooks import webhook_list
from subscriptions.webhooks.webhook import Owner, Registration, Webhook
from subscriptions.webhooks.webhook_list import Sort, WebhookPage, WebhookQuery
from subscriptions.webhooks.webhook_store import WebhookStore
from tests.builders import WORKSPACE
from tests.clock import Clock

OTHER = "f" * 32
OWNER = Owner(workspace_id=WORKSPACE, principal="user:x", created_by="x")
PLAIN = Registration(name="x", destination="https://example.com/", secret="s3cr3t", challenge_request_enabled=False)
#: Name, destination, status, failures; registered in this order.
ROWS = (
    ("licences", "https://a.example.com/hook", "ACTIVE", 0),
    ("Backups", "https://b.example.com/100%", "WARNING", 3),
    ("audit_1", "https://c.example.com/hook", "ERROR", 9),
    ("auditor", "https://d.example.com/hook", "PENDING", 3),
)


@pytest.fixture
async def four(database: Database, clock: Clock) -> list[Webhook]:
    made, webhook_store = [], WebhookStore(Vault([("one", b"1" * 32)]))
    async with database.transaction() as connection:
        for name, destination, _, _ in ROWS:
            clock.advance(1)
            asked = replace(PLAIN, name=name, destination=destination)
            made.append(await webhook_store.insert(connection, asked, OWNER, now=clock()))
    async with database.raw() as raw:
        for one, (_, _, status, failures) in zip(made, ROWS, strict=True):
            await raw.execute("UPDATE webhooks SET status = $2, failures = $3 WHERE id = $1", one.id, status, failures)
    return made


async def listed(database: Database, query: WebhookQuery) -> WebhookPage:
    async with database.transaction() as connection:
        return await webhook_list.listed(connection, query)


def names(webhooks: Sequence[Webhook]) -> list[str]:
    return [each.name for each in webhooks]


@pytest.mark.parametrize(
    ("sort", "order"),
    [
        (Sort.NEWEST, ["auditor", "audit_1", "Backups", "licences"]),
        (Sort.NAME, ["audit_1", "auditor", "Backups", "licences"]),
        (Sort.STATUS, ["audit_1", "Backups", "auditor", "licences"]),
        (Sort.FAILURES, ["audit_1", "Backups|auditor", "Backups|auditor", "licences"]),
    ],
)
async def test_each_order_is_kept_from_page_to_page(
    database: Database, four: list[Webhook], sort: Sort, order: list[str]
) -> None:
    """Pages of one, each behind the last one of the page before, are the whole list, each webhook once."""
    found: list[str] = []
    after: UUID | None = None
    for _ in range(len(four) + 1):
        page = await listed(database, WebhookQuery(workspace_id=WORKSPACE, sort=sort, limit=1, after=after))
        found += names(page.webhooks)
        after = page.following
        if after is None:
            break

    assert len(set(found)) == len(four)
    assert all(name in place.split("|") for name, place in zip(found, order, strict=True))


@pytest.mark.parametrize("sort", Sort)
async def test_a_place_of_another_workspace_is_none(
    database: Database, clock: Clock, four: list[Webhook], sort: Sort
) -> None:
    """Behind a webhook that one may not see stands the whole list: else where it stands would tell its name, state and age."""
    async with database.transaction() as connection:
        store = WebhookStore(Vault([("one", b"1" * 32)]))
        for name in ("a", "z"):
            await store.insert(connection, replace(PLAIN, name=name), replace(OWNER, workspace_id=OTHER), now=clock())
    theirs = await listed(database, WebhookQuery(workspace_id=OTHER, sort=sort, limit=9))
    page = await listed(database, WebhookQuery(workspace_id=OTHER, sort=sort, limit=9, after=four[1].id))

    assert names(page.webhooks) == names(theirs.webhooks)
    assert len(theirs.webhooks) == 2


async def test_a_search_is_for_what_it_says(database: Database, four: list[Webhook]) -> None:
    """A part of the name or destination in any case, or the beginning of an id; `%` and `_` mean themselves."""

    async def search(text: str) -> set[str]:
        return set(names((await listed(database, WebhookQuery(workspace_id=WORKSPACE, search=text, limit=9))).webhooks))

    assert await search("AUDIT") == {"audit_1", "auditor"}
    assert await search("audit_") == {"audit_1"}
    assert await search("0%") == {"Backups"}
    assert await search("A.EXAMPLE") == {"licences"}
    assert await search(str(four[1].id)[:13]) == {"Backups"}
    assert await search("nothing like it") == set()


async def test_a_status_narrows_and_is_counted(database: Database, four: list[Webhook]) -> None:
    """Only those of the status, and only the workspace's: `total` counts what is found."""
    page = await listed(database, WebhookQuery(workspace_id=WORKSPACE, status="ERROR", limit=9))
    nobody = await listed(database, WebhookQuery(workspace_id="0" * 32, limit=9))

    assert (names(page.webhooks), page.total, page.more, page.following) == (["audit_1"], 1, False, None)
    assert (nobody.webhooks, nobody.total) == ([], 0)

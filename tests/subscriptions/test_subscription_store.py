"""Subscriptions as they are kept: all or nothing, limits, workspaces."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from uuid import UUID, uuid4

import pytest
from sqlalchemy import insert

from subscriptions.ground import tables
from subscriptions.ground.database import Database
from subscriptions.ground.errors import Absent, LimitReached, Refused
from subscriptions.ground.settings import GroundSettings
from subscriptions.ground.vault import Vault
from subscriptions.webhooks.subscription_list import Subscription, SubscriptionQuery, SubscriptionRequest
from subscriptions.webhooks.subscription_store import Replacement, SubscriptionStore
from subscriptions.webhooks.webhook import Owner, Registration
from subscriptions.webhooks.webhook_store import WebhookStore
from tests.clock import Clock
from tests.conftest import VAULT_KEYS

ANNA = Owner(workspace_id="a" * 32, principal="user:anna", created_by="Anna's client")
BERT = Owner(workspace_id="b" * 32, principal="user:bert", created_by="Bert's client")
TYPES = [f"com.example.v1.things.event{number}" for number in range(8)]


@pytest.fixture
async def webhook(database: Database, clock: Clock) -> UUID:
    """Anna's webhook, in a catalogue of eight types."""
    async with database.transaction() as connection:
        await connection.execute(insert(tables.event_types), [_entry(name, clock()) for name in TYPES])
    return await register(database, clock, "First", ANNA)


async def register(database: Database, clock: Clock, name: str, owner: Owner) -> UUID:
    asked = Registration(name=name, destination="https://example.com/", secret="s3cr3tKey")
    async with database.transaction() as connection:
        made = await WebhookStore(Vault([("one", b"1" * 32)])).insert(connection, asked, owner, now=clock())
    return made.id


async def add(
    database: Database,
    clock: Clock,
    orders: Sequence[SubscriptionRequest],
    owner: Owner = ANNA,
    *,
    within: str | None = ANNA.workspace_id,
) -> list[Subscription]:
    return await SubscriptionStore(database).add(orders, owner, within=within, now=clock())


async def listed(
    database: Database, within: str | None, webhook: UUID | None = None, *, limit: int = 10, offset: int = 0
) -> tuple[list[Subscription], int]:
    return await SubscriptionStore(database).listed(
        SubscriptionQuery(workspace_id=within, webhook=webhook, limit=limit, offset=offset)
    )


async def test_orders_are_kept_in_order_with_what_the_catalogue_says(
    database: Database, clock: Clock, webhook: UUID
) -> None:
    """Each order is answered in its place, with the names that the catalogue gives its type."""
    made = await add(
        database,
        clock,
        [
            SubscriptionRequest(event_type=TYPES[1], webhook=webhook),
            SubscriptionRequest(event_type=TYPES[0], webhook=webhook),
        ],
    )

    assert [each.event_type for each in made] == [TYPES[1], TYPES[0]]
    assert made[0] == Subscription(
        id=made[0].id,
        workspace_id=ANNA.workspace_id,
        webhook=webhook,
        event_type=TYPES[1],
        event_filter="",
        version="",
        subscription_set="",
        service_manager="Manager",
        api_group="things",
        friendly_name=f"Friendly {TYPES[1]}",
        description="What it says",
        generation=1,
        hpe_principal="user:anna",
        created_by="Anna's client",
        created_at=clock(),
        updated_by="Anna's client",
        updated_at=clock(),
    )


async def test_one_bad_order_refuses_all_and_every_fault_is_named(
    database: Database, clock: Clock, webhook: UUID
) -> None:
    """An unknown type, an unknown webhook, a type twice: each is named with its place, and nothing is kept."""
    orders = [
        SubscriptionRequest(event_type=TYPES[0], webhook=webhook, at="[0]."),
        SubscriptionRequest(event_type="com.example.nothing", webhook=webhook, at="[1]."),
        SubscriptionRequest(event_type=TYPES[1], webhook=uuid4(), at="[2]."),
        SubscriptionRequest(event_type=TYPES[0], webhook=webhook, at="[3]."),
    ]

    with pytest.raises(Refused) as raised:
        await add(database, clock, orders)

    subjects = [issue.subject for issue in raised.value.issues]
    assert subjects == ["[1].eventType", "[2].webhook.resourceUri", "[3].eventType"]
    assert await listed(database, None) == ([], 0)


async def test_another_workspace_s_webhook_cannot_be_subscribed(
    database: Database, clock: Clock, webhook: UUID
) -> None:
    """A stranger is told that there is no such webhook; an operator's order belongs to the webhook's workspace."""
    with pytest.raises(Refused, match=r"webhook\.resourceUri"):
        await add(
            database, clock, [SubscriptionRequest(event_type=TYPES[0], webhook=webhook)], BERT, within=BERT.workspace_id
        )

    [made] = await add(database, clock, [SubscriptionRequest(event_type=TYPES[0], webhook=webhook)], BERT, within=None)

    assert (made.workspace_id, made.created_by) == (ANNA.workspace_id, "Bert's client")


async def test_the_limit_holds_however_many_subscribe_at_once(database: Database, clock: Clock, webhook: UUID) -> None:
    """Eight subscriptions of one webhook at the same moment: five stand."""
    results = await asyncio.gather(
        *(add(database, clock, [SubscriptionRequest(event_type=name, webhook=webhook)]) for name in TYPES),
        return_exceptions=True,
    )

    assert sum(isinstance(result, LimitReached) for result in results) == 3
    assert (await listed(database, ANNA.workspace_id))[1] == 5


async def test_the_limit_is_each_webhook_s_own(database: Database, clock: Clock, webhook: UUID) -> None:
    """Two webhooks may have five each, also in one request; one array with six for one of them is refused whole."""
    other = await register(database, clock, "Second", ANNA)
    orders = [SubscriptionRequest(event_type=name, webhook=each) for each in (webhook, other) for name in TYPES[:5]]

    with pytest.raises(LimitReached):
        await add(database, clock, [*orders, SubscriptionRequest(event_type=TYPES[5], webhook=other)])
    made = await add(database, clock, orders)

    assert len(made) == 10


async def test_lists_are_newest_first_and_within_the_workspace(database: Database, clock: Clock, webhook: UUID) -> None:
    """By webhook or by workspace, in pages; a stranger's webhook has an empty list."""
    other = await register(database, clock, "Second", ANNA)
    [first] = await add(database, clock, [SubscriptionRequest(event_type=TYPES[0], webhook=webhook)])
    clock.advance(1)
    [second] = await add(database, clock, [SubscriptionRequest(event_type=TYPES[0], webhook=other)])

    assert await listed(database, ANNA.workspace_id) == ([second, first], 2)
    assert await listed(database, ANNA.workspace_id, webhook) == ([first], 1)
    assert await listed(database, None, limit=1, offset=1) == ([first], 2)
    assert await listed(database, BERT.workspace_id, webhook) == ([], 0)


async def test_ending_subscriptions_is_all_or_nothing(database: Database, clock: Clock, webhook: UUID) -> None:
    """One unknown id, or one of a stranger: nothing is ended; the workspace's own are."""
    made = await add(database, clock, [SubscriptionRequest(event_type=name, webhook=webhook) for name in TYPES[:2]])
    ids = [each.id for each in made]

    for within, wanted in ((ANNA.workspace_id, [ids[0], uuid4()]), (BERT.workspace_id, [ids[0]])):
        with pytest.raises(Absent):
            await SubscriptionStore(database).remove(within, wanted)
    before = (await listed(database, None))[1]
    await SubscriptionStore(database).remove(ANNA.workspace_id, ids)

    assert (before, (await listed(database, None))[1]) == (2, 0)


@pytest.fixture
async def patient(database_url: str) -> AsyncIterator[Database]:
    """A door whose callers wait for as long as a busy machine takes."""
    door = Database(GroundSettings(database_url=database_url, vault_keys=VAULT_KEYS, database_wait=60.0))
    yield door
    await door.close()


async def test_replacing_beside_others(database: Database, patient: Database, clock: Clock, webhook: UUID) -> None:
    """Ten replacements of one subscription at the same moment, beside a swap of two others: each counts, nobody deadlocks."""
    first, second, third = await add(
        database,
        clock,
        [SubscriptionRequest(event_type=name, webhook=webhook) for name in (TYPES[0], TYPES[1], TYPES[2])],
    )
    swap = [(second.id, TYPES[2]), (third.id, TYPES[1])]

    await asyncio.gather(
        *(replace(patient, clock, [(first.id, TYPES[0])], f"n eq {number}") for number in range(10)),
        replace(patient, clock, swap),
        replace(patient, clock, swap[::-1]),
    )

    kept = {each.id: each for each in (await listed(database, None))[0]}
    assert [kept[each.id].generation for each in (first, second, third)] == [11, 3, 3]
    assert [kept[each.id].event_type for each in (first, second, third)] == [TYPES[0], TYPES[2], TYPES[1]]
    assert kept[first.id].event_filter.startswith("n eq ")


async def test_replacing_while_it_is_ended(database: Database, clock: Clock, webhook: UUID) -> None:
    """Of a replacement and a deletion at the same moment, the deletion holds, whichever came first."""
    made = await add(database, clock, [SubscriptionRequest(event_type=name, webhook=webhook) for name in TYPES[:5]])

    async def end() -> None:
        await SubscriptionStore(database).remove(ANNA.workspace_id, [each.id for each in made[::-1]])

    changes = [(each.id, each.event_type) for each in made]
    replaced, ended = await asyncio.gather(replace(database, clock, changes), end(), return_exceptions=True)

    assert (ended, await listed(database, None)) == (None, ([], 0))
    assert isinstance(replaced, list | Absent)


async def replace(
    database: Database, clock: Clock, changes: Sequence[tuple[UUID, str]], event_filter: str = ""
) -> list[Subscription]:
    """Each subscription with another type, and all with this filter."""
    store = SubscriptionStore(database)
    found = {each.id: each.webhook for each in (await store.listed(SubscriptionQuery(workspace_id=None, limit=10)))[0]}
    replacements = [
        Replacement(
            subscription=key,
            order=SubscriptionRequest(event_type=name, webhook=found.get(key, uuid4()), event_filter=event_filter),
        )
        for key, name in changes
    ]
    return await store.replace(replacements, ANNA, within=ANNA.workspace_id, now=clock())


def _entry(name: str, now: datetime) -> dict[str, object]:
    return {
        "type": name,
        "service_manager": "Manager",
        "api_group": "things",
        "friendly_name": f"Friendly {name}",
        "description": "What it says",
        "generation": 1,
        "created_at": now,
        "updated_at": now,
    }

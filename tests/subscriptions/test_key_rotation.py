"""The rotation of vault keys over a real database: what is sealed, sealed again, and never at another's expense.

The commands are left to `tests/service/test_vault_commands.py`, deliveries meanwhile to `tests/flows`.
"""

import asyncio
from dataclasses import replace

import pytest
from sqlalchemy import LargeBinary

from subscriptions import key_rotation
from subscriptions.access.keyring import Keyring
from subscriptions.catalogue.api_drafts import EventApiChange, EventApiDraft
from subscriptions.catalogue.api_rows import EventApi
from subscriptions.catalogue.event_apis import CatalogueLimits, EventApiStore
from subscriptions.events.catalogue import PREFIX
from subscriptions.ground import tables
from subscriptions.ground.apart import Apart
from subscriptions.ground.database import Database
from subscriptions.ground.errors import Refused
from subscriptions.ground.vault import Vault
from subscriptions.webhooks.webhook import Change, Owner, Registration, Webhook
from subscriptions.webhooks.webhook_store import Hook, WebhookStore
from tests.clock import Clock

OLD, NEW = ("old", b"o" * 32), ("new", b"n" * 32)
BEFORE, ROTATING, AFTER = Vault([OLD]), Vault([NEW, OLD]), Vault([NEW])
OWNER = Owner(workspace_id="3009de2825f211ec8a84fedebcb4a754", principal="user:one", created_by="a program")
PLAIN = Registration(name="hook", destination="https://example.com/hook", secret="first-secret")
#: Binary columns that hold no secret.
CLEAR = {
    "attempts": {"request_headers", "response_headers", "response_body", "wire"},
    "clients": {"secret_hash"},
    "event_apis": {"document"},
    "events": {"body"},
    "receipts": {"key", "digest"},
    "sessions": {"token_hash"},
    "sign_in_links": {"token_hash"},
}


async def insert(database: Database, clock: Clock, count: int = 1, vault: Vault = BEFORE) -> list[Webhook]:
    """Webhooks of which each has two secrets and an API key."""
    webhook_store = WebhookStore(vault, most=10_000)
    async with database.transaction() as connection:
        return [
            await webhook_store.insert(
                connection,
                replace(PLAIN, name=f"hook {n}", secondary_secret="second", auth_type="APIKey", api_key=f"key-{n}"),
                OWNER,
                now=clock(),
            )
            for n in range(count)
        ]


async def hooks(database: Database, vault: Vault, made: list[Webhook]) -> list[Hook]:
    async with database.raw() as connection:
        found = await WebhookStore(vault).hooks(connection, [webhook.id for webhook in made])
    return [found[webhook.id] for webhook in made]


async def change(database: Database, vault: Vault, webhook: Webhook, secret: str, clock: Clock) -> None:
    async with database.transaction() as connection:
        await WebhookStore(vault).update(connection, webhook.id, Change(secret=secret), now=clock())


def test_every_sealed_column_is_known() -> None:
    """Whatever binary column there is holds either something sealed, which a rotation seals again, or no secret."""
    binary = {
        table.name: {column.name for column in table.columns if isinstance(column.type, LargeBinary)}
        for table in tables.metadata.tables.values()
    }
    sealed = {shelf.table: set(shelf.columns) for shelf in key_rotation.SHELVES}

    assert {name: columns - CLEAR.get(name, set()) for name, columns in binary.items() if columns} == {
        name: sealed.get(name, set()) for name, columns in binary.items() if columns
    }


async def test_everything_is_sealed_again(database: Database, clock: Clock) -> None:
    """After a rotation the first key alone opens all there is; generation, epoch and time of change are as they were."""
    made = await insert(database, clock, 3)
    kid, _ = await Keyring(database, BEFORE).signing(clock())
    before = await hooks(database, BEFORE, made)

    first = await key_rotation.reseal(database, ROTATING)
    second = await key_rotation.reseal(database, ROTATING)

    assert (first.resealed, first.in_use, first.shut) == (10, {"new": 10}, ())
    assert (second.resealed, second.in_use, second.shut) == (0, {"new": 10}, ())
    assert await hooks(database, AFTER, made) == before
    assert (await Keyring(database, AFTER).signing(clock()))[0] == kid


async def test_many_chunks(database: Database, clock: Clock) -> None:
    """It goes on from chunk to chunk to the end, past deleted webhooks, which hold nothing."""
    made = await insert(database, clock, 6)
    async with database.transaction() as connection:
        await WebhookStore(BEFORE).soft_delete(connection, made[0].id, now=clock())

    done = await key_rotation.reseal(database, ROTATING, chunk=2)

    assert (done.resealed, done.in_use) == (15, {"new": 15})


async def test_a_change_meanwhile_stays(database: Database, clock: Clock) -> None:
    """A secret that was replaced after it was found is not overwritten, whichever key sealed the new one."""
    made = await insert(database, clock, 2)
    found = [text async for text in key_rotation.texts(database, key_rotation.WEBHOOKS) if text.column == "secret"]
    await change(database, BEFORE, made[0], "by an old process", clock)
    await change(database, ROTATING, made[1], "by a new process", clock)

    replaced = [await key_rotation.replace(database, ROTATING, text) for text in found]
    done = await key_rotation.reseal(database, ROTATING)

    assert replaced == [False, False]
    assert done.in_use == {"new": 6}
    secrets = [hook.secrets[0] for hook in await hooks(database, AFTER, made)]
    assert secrets == ["by an old process", "by a new process"]


async def test_changes_under_way(database: Database, clock: Clock) -> None:
    """Rotations and changes of the same secrets, all at once: each webhook ends with the last secret it was given."""
    made = await insert(database, clock, 8)

    async def give(webhook: Webhook) -> None:
        for number in range(5):
            await change(database, ROTATING if number % 2 else BEFORE, webhook, f"secret-{number}", clock)

    async with asyncio.TaskGroup() as tasks:
        for webhook in made:
            tasks.create_task(give(webhook))
        tasks.create_task(key_rotation.reseal(database, ROTATING))
        tasks.create_task(key_rotation.reseal(database, ROTATING))
    await key_rotation.reseal(database, ROTATING)

    found = await hooks(database, AFTER, made)
    assert [hook.secrets for hook in found] == [("secret-4", "second")] * 8
    assert [hook.generation for hook in found] == [6] * 8


async def test_what_stays_shut_is_told(database: Database, clock: Clock) -> None:
    """What no key opens is named with its place and its reason, without the text; the rest is sealed again all the same."""
    lost = await insert(database, clock, vault=Vault([("lost", b"l" * 32)]))
    async with database.raw() as connection:
        await connection.execute("UPDATE webhooks SET name = 'another'")
    await insert(database, clock)

    done = await key_rotation.reseal(database, ROTATING)

    assert (done.resealed, done.in_use) == (3, {"lost": 3, "new": 3})
    assert [text.split(":")[0] for text in done.shut] == [
        f"webhooks {lost[0].id} {column}" for column in ("secret", "secondary_secret", "api_key")
    ]
    assert all("'lost', which is not in HOOKLAKE_VAULT_KEYS" in text for text in done.shut)


@pytest.mark.parametrize(
    ("vault", "missing"),
    [
        (BEFORE, []),
        (ROTATING, []),
        (AFTER, ["old"]),
        (Vault([("old", b"x" * 32)]), ["old"]),
        (Vault([("old", b"x" * 32), NEW]), ["old"]),
    ],
    ids=["same", "rotating", "gone", "another of the same id", "another beside"],
)
async def test_missing_keys(database: Database, clock: Clock, vault: Vault, missing: list[str]) -> None:
    """A key that is not here is missing, and so is one that is another under the same id."""
    await insert(database, clock, 2)
    await Keyring(database, BEFORE).signing(clock())
    await insert_api(database, clock)

    async with database.raw() as connection:
        found = [await key_rotation.missing_keys(connection, vault, shelf) for shelf in key_rotation.SHELVES]

    assert found == [missing, missing, missing]


async def test_what_asks_for_no_key(database: Database, clock: Clock) -> None:
    """Neither a deleted webhook asks for a key, nor a damaged text beside whole ones of the same key."""
    gone, damaged, _ = (
        *await insert(database, clock, vault=Vault([("lost", b"l" * 32)])),
        *await insert_renamed(database, clock),
    )
    async with database.transaction() as connection:
        await WebhookStore(BEFORE).soft_delete(connection, gone.id, now=clock())
    async with database.raw() as connection:
        await connection.execute("UPDATE webhooks SET secret = secondary_secret WHERE id = $1", damaged.id)

        missing = await key_rotation.missing_keys(connection, BEFORE, *key_rotation.SHELVES)

    assert missing == []


async def insert_api(database: Database, clock: Clock, vault: Vault = BEFORE) -> tuple[EventApiStore, EventApi]:
    """An event API with a secret beside its document, and the store of it."""
    apis = EventApiStore(database, Apart(), prefix=PREFIX, limits=CatalogueLimits(), vault=vault)
    auth = {"credential": {"basic": {"username": "me", "password": "first-secret"}}}
    draft = EventApiDraft(access={"fetchRequest": {"url": "https://specs.example", "auth": auth}})
    return apis, await apis.register(draft, by=None, now=clock())


async def test_secrets_of_event_apis(database: Database, clock: Clock) -> None:
    """What an event API keeps secret is sealed again with the rest; where its key is lost it goes, and new ones can be given."""
    apis, made = await insert_api(database, clock)
    done = await key_rotation.reseal(database, ROTATING)
    after = EventApiStore(database, Apart(), prefix=PREFIX, limits=CatalogueLimits(), vault=AFTER)
    opened = (await after.fetch_target(made.id, by=None)).request.auth
    assert (
        done.in_use,
        opened and opened.credential and opened.credential.basic and opened.credential.basic.password,
    ) == (
        {"new": 1},
        "first-secret",
    )

    assert await key_rotation.forget(database, "new") == 1
    async with database.raw() as connection:
        assert await key_rotation.missing_keys(connection, BEFORE, *key_rotation.SHELVES) == []
    assert (await apis.fetch_target(made.id, by=None)).lost
    lost = {"fetchRequest": {"auth": {"additionalHeaders": {"X-Key": ["new"]}}}}
    with pytest.raises(Refused, match="stands for a secret that is kept, and none is"):
        await apis.change(made.id, EventApiChange(access=lost, merging=True), by=None, now=clock())
    given = {"fetchRequest": {"url": "https://specs.example", "auth": lost["fetchRequest"]["auth"]}}
    changed = await apis.change(made.id, EventApiChange(access=given), by=None, now=clock())
    assert changed.fetch is not None
    assert changed.fetch.request["auth"] == {"additionalHeaders": {"X-Key": ["***"]}}


async def insert_renamed(database: Database, clock: Clock) -> list[Webhook]:
    async with database.raw() as connection:
        await connection.execute("UPDATE webhooks SET name = 'another'")
    return await insert(database, clock, 2)


async def test_forgetting_a_lost_key(database: Database, clock: Clock) -> None:
    """What a lost key sealed is emptied, and only that: the others go on, and new secrets can be given."""
    (lost,) = await insert(database, clock, vault=Vault([("lost", b"l" * 32)]))
    kept = await insert_renamed(database, clock)
    await Keyring(database, Vault([("lost", b"l" * 32)])).signing(clock())

    forgotten = await key_rotation.forget(database, "lost")

    async with database.raw() as connection:
        assert await key_rotation.missing_keys(connection, BEFORE, *key_rotation.SHELVES) == []
    assert forgotten == 4
    assert [hook.sealed for hook in await hooks(database, BEFORE, kept)] == [None, None]
    assert (await hooks(database, BEFORE, [lost]))[0].secrets == ()
    assert await Keyring(database, BEFORE).signing(clock())


async def test_credentials_sealed_before_origins_were_bound(database: Database, clock: Clock) -> None:
    """What an earlier release sealed opens as ever; a rotation binds it to its origin, under the same key too."""
    (made,) = await insert(database, clock)
    sealed = BEFORE.seal("key-0", context=f"webhook:{made.id}:api_key".encode())
    async with database.raw() as connection:
        await connection.execute("UPDATE webhooks SET api_key = $1", sealed)
    (before,) = await hooks(database, BEFORE, [made])

    done = [await key_rotation.reseal(database, BEFORE) for _ in range(2)]
    (bound,) = await hooks(database, BEFORE, [made])
    async with database.raw() as connection:
        await connection.execute("UPDATE webhooks SET destination = 'https://example.org/hook'")
    (moved,) = await hooks(database, BEFORE, [made])

    assert before.authorization == bound.authorization == "key-0"
    assert [each.resealed for each in done] == [1, 0]
    assert (moved.authorization, moved.secrets) == (None, ())

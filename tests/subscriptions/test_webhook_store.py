"""Webhooks as they are kept: rules, secrets at rest, workspaces, limits and names."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from subscriptions.ground.database import Database
from subscriptions.ground.errors import Absent, LimitReached, Refused
from subscriptions.ground.vault import Vault
from subscriptions.webhooks import webhook_list
from subscriptions.webhooks.webhook import Change, OAuthClient, Owner, Registration, Webhook
from subscriptions.webhooks.webhook_list import WebhookQuery
from subscriptions.webhooks.webhook_store import WebhookStore
from tests.clock import Clock

ANNA = Owner(workspace_id="a" * 32, principal="user:anna", created_by="Anna's client")
BERT = Owner(workspace_id="b" * 32, principal="user:bert", created_by="Bert's client")
PLAIN = Registration(name="Licences", destination="https://example.com/hook", secret="s3cr3tKey")


@pytest.fixture
def webhook_store(vault: Vault) -> WebhookStore:
    return WebhookStore(vault)


@pytest.fixture
def vault() -> Vault:
    return Vault([("one", b"1" * 32)])


async def insert(
    database: Database, webhook_store: WebhookStore, clock: Clock, asked: Registration = PLAIN, owner: Owner = ANNA
) -> Webhook:
    async with database.transaction() as connection:
        return await webhook_store.insert(connection, asked, owner, now=clock())


async def update(database: Database, webhook_store: WebhookStore, clock: Clock, key: UUID, change: Change) -> Webhook:
    async with database.transaction() as connection:
        return await webhook_store.update(connection, key, change, now=clock())


async def test_a_registered_webhook_is_read_back_as_it_was_asked_for(
    database: Database, webhook_store: WebhookStore, clock: Clock
) -> None:
    """A registration is kept field by field, PENDING and of generation 1, and never shows a secret."""
    made = await insert(
        database, webhook_store, clock, replace(PLAIN, secondary_secret="other", description="For licences")
    )

    assert made == Webhook(
        id=made.id,
        workspace_id=ANNA.workspace_id,
        name="Licences",
        description="For licences",
        destination="https://example.com/hook",
        auth_type="",
        client_id="",
        issuer_url="",
        dual_secret=True,
        batching=False,
        challenge_request_enabled=True,
        content_mode="json",
        paused=False,
        status="PENDING",
        state_reason="",
        endpoint_rate_limit=None,
        epoch=1,
        generation=1,
        hpe_principal="user:anna",
        created_by="Anna's client",
        created_at=clock(),
        updated_at=clock(),
        secret_since=clock(),
        secondary_secret_since=clock(),
    )


async def test_without_a_challenge_a_webhook_is_active_at_once(
    database: Database, webhook_store: WebhookStore, clock: Clock
) -> None:
    """`challengeRequestEnabled: false` registers as ACTIVE."""
    made = await insert(database, webhook_store, clock, replace(PLAIN, challenge_request_enabled=False))

    assert made.status == "ACTIVE"


async def test_workspaces_do_not_see_each_other(database: Database, webhook_store: WebhookStore, clock: Clock) -> None:
    """Two workspaces may use one name; each finds and lists its own alone, operators both."""
    hers = await insert(database, webhook_store, clock)
    clock.advance(1)
    his = await insert(database, webhook_store, clock, owner=BERT)

    async with database.transaction() as connection:
        with pytest.raises(Absent):
            await webhook_store.find(connection, BERT.workspace_id, hers.id)
        listed = [
            await webhook_list.listed(connection, WebhookQuery(workspace_id=scope, limit=10))
            for scope in (ANNA.workspace_id, BERT.workspace_id, None)
        ]
        page = await webhook_list.listed(connection, WebhookQuery(workspace_id=None, limit=1, offset=1))

    assert [(each.webhooks, each.total) for each in listed] == [([hers], 1), ([his], 1), ([his, hers], 2)]
    assert (page.webhooks, page.total) == ([hers], 2)


async def test_a_name_is_used_once_in_a_workspace(
    database: Database, webhook_store: WebhookStore, clock: Clock
) -> None:
    """A second webhook, or a renamed one, of the same name is refused naming the field; its own name is no obstacle."""
    first = await insert(database, webhook_store, clock)
    second = await insert(database, webhook_store, clock, replace(PLAIN, name="Other"))

    with pytest.raises(Refused, match="name: 'Licences'"):
        await insert(database, webhook_store, clock)
    with pytest.raises(Refused, match="name: 'Licences'"):
        await update(database, webhook_store, clock, second.id, Change(name="Licences"))
    same = await update(database, webhook_store, clock, first.id, Change(name="Licences", description="New"))

    assert (same.name, same.description) == ("Licences", "New")


async def test_the_limit_holds_however_many_register_at_once(
    database: Database, webhook_store: WebhookStore, clock: Clock
) -> None:
    """Nine registrations at the same moment: five stand, four are told the limit."""
    asked = [replace(PLAIN, name=f"Hook {number}") for number in range(9)]

    results = await asyncio.gather(
        *(insert(database, webhook_store, clock, each) for each in asked), return_exceptions=True
    )

    made = [result for result in results if isinstance(result, Webhook)]
    refused = [str(result) for result in results if isinstance(result, LimitReached)]
    assert (len(made), len(refused)) == (5, 4)
    assert "may not have more" in refused[0]


async def test_two_registrations_of_one_name_at_once(
    database: Database, webhook_store: WebhookStore, clock: Clock
) -> None:
    """One of them is registered, the others are refused: none fails in any other way."""
    results = await asyncio.gather(*(insert(database, webhook_store, clock) for _ in range(4)), return_exceptions=True)

    assert sorted(type(result).__name__ for result in results) == ["Refused", "Refused", "Refused", "Webhook"]


async def test_a_change_writes_its_fields_and_raises_the_generation(
    database: Database, webhook_store: WebhookStore, clock: Clock
) -> None:
    """What is given changes, what is not stays; status and epoch are not touched; an empty change changes nothing."""
    made = await insert(database, webhook_store, clock)
    clock.advance(60)

    changed = await update(
        database,
        webhook_store,
        clock,
        made.id,
        Change(destination="https://example.com/new", secondary_secret="second"),
    )
    untouched = await update(database, webhook_store, clock, made.id, Change(paused=True))
    cleared = await update(database, webhook_store, clock, made.id, Change(secondary_secret=""))

    moved = replace(made, destination="https://example.com/new", dual_secret=True, generation=2, updated_at=clock())
    assert changed == replace(moved, secondary_secret_since=clock())
    assert untouched == changed
    assert cleared == replace(changed, dual_secret=False, generation=3, secondary_secret_since=None)


async def test_a_deleted_webhook_is_gone_with_its_secrets(
    database: Database, webhook_store: WebhookStore, clock: Clock
) -> None:
    """Its workspace and operators find nothing, its name is free at once, and nothing sealed of it is left."""
    made = await insert(database, webhook_store, clock, replace(PLAIN, auth_type="apikey", api_key="key"))

    async with database.transaction() as connection:
        await webhook_store.soft_delete(connection, made.id, now=clock())
    again = await insert(database, webhook_store, clock)

    async with database.transaction() as connection:
        with pytest.raises(Absent):
            await webhook_store.find(connection, None, made.id)
    async with database.raw() as connection:
        left = await connection.fetchrow(
            "SELECT secret, secondary_secret, api_key FROM webhooks WHERE id = $1", made.id
        )
        assert await webhook_store.hooks(connection, [made.id]) == {}
    assert left is not None
    assert tuple(left.values()) == (b"", None, None)
    assert again.id != made.id


async def test_hooks_carry_the_unsealed_credentials(
    database: Database, webhook_store: WebhookStore, clock: Clock
) -> None:
    """A worker gets both secrets, primary first, and an API key verbatim; at rest none of them can be read (greenlake.md 4.4)."""
    asked = replace(
        PLAIN, secondary_secret="zweites", auth_type="APIKEY", api_key="Token abc", content_mode="structured"
    )
    made = await insert(database, webhook_store, clock, asked)

    async with database.raw() as connection:
        hook = (await webhook_store.hooks(connection, [made.id, uuid4()]))[made.id]
        kept = await connection.fetchval("SELECT w::text FROM webhooks w")

    assert hook.secrets == ("s3cr3tKey", "zweites")
    assert hook.authorization == "Token abc"
    assert (hook.generation, hook.epoch, hook.content_mode, hook.sealed) == (1, 1, "structured", None)
    assert not any(text in kept or text.encode().hex() in kept for text in ("s3cr3tKey", "zweites", "Token abc"))


async def test_hooks_carry_the_grant(database: Database, webhook_store: WebhookStore, clock: Clock) -> None:
    """With authType Oauth a worker gets what a token is asked for with; the client's secret cannot be read at rest."""
    oauth: dict[str, Any] = {
        "client_id": "a client",
        "client_secret": "hush!",
        "issuer_url": "https://example.com/token",
    }
    made = await insert(database, webhook_store, clock, replace(PLAIN, auth_type="Oauth", **oauth))

    async with database.raw() as connection:
        hook = (await webhook_store.hooks(connection, [made.id]))[made.id]
        kept = await connection.fetchval("SELECT w::text FROM webhooks w")

    assert (hook.oauth_client, hook.authorization) == (OAuthClient(**oauth), None)
    assert "hush!" not in kept + repr(hook)
    assert b"hush!".hex() not in kept


async def test_one_that_cannot_be_unsealed_spoils_no_other(
    database: Database, webhook_store: WebhookStore, clock: Clock
) -> None:
    """With a missing vault key the hook says which, without secrets; the others come whole."""
    lost = await insert(database, WebhookStore(Vault([("two", b"2" * 32)])), clock)
    whole = await insert(database, webhook_store, clock, replace(PLAIN, name="Other"))

    async with database.raw() as connection:
        hooks = await webhook_store.hooks(connection, [lost.id, whole.id])

    assert (hooks[lost.id].secrets, hooks[whole.id].secrets) == ((), ("s3cr3tKey",))
    assert "'two'" in (hooks[lost.id].sealed or "")


async def test_a_secret_moved_to_another_webhook_does_not_unseal(
    database: Database, webhook_store: WebhookStore, clock: Clock
) -> None:
    """A seal is bound to its webhook and column: copied elsewhere it is worthless (greenlake.md 4.4)."""
    first = await insert(database, webhook_store, clock)
    second = await insert(database, webhook_store, clock, replace(PLAIN, name="Other"))

    async with database.raw() as connection:
        await connection.execute(
            "UPDATE webhooks SET secret = (SELECT secret FROM webhooks WHERE id = $1) WHERE id = $2",
            first.id,
            second.id,
        )
        hook = (await webhook_store.hooks(connection, [second.id]))[second.id]

    assert hook.sealed is not None


async def test_leaving_an_auth_type_forgets_its_credential(
    database: Database, webhook_store: WebhookStore, clock: Clock
) -> None:
    """After `authType: ""` no API key is kept, so that going back needs it again."""
    made = await insert(database, webhook_store, clock, replace(PLAIN, auth_type="APIKey", api_key="key"))

    await update(database, webhook_store, clock, made.id, Change(auth_type=""))

    with pytest.raises(Refused, match="apiKey: is required"):
        await update(database, webhook_store, clock, made.id, Change(auth_type="apikey"))
    async with database.raw() as connection:
        assert await connection.fetchval("SELECT api_key FROM webhooks") is None


async def test_a_query_string_is_refused_where_the_policy_says_so(
    database: Database, vault: Vault, clock: Clock
) -> None:
    """Under the greenlake policy a destination with a query string is refused, at registration and
    at a change (greenlake.md D.15)."""
    strict = WebhookStore(vault, query_strings=False)
    made = await insert(database, strict, clock)

    with pytest.raises(Refused, match="destination: must not have a query string"):
        await insert(database, strict, clock, replace(PLAIN, name="Other", destination="https://example.com/?a=1"))
    with pytest.raises(Refused, match="destination: must not have a query string"):
        await update(database, strict, clock, made.id, Change(destination="https://example.com/?a=1"))


async def test_a_waiting_webhook_counts_as_halted_from_the_start(
    database: Database, webhook_store: WebhookStore, clock: Clock
) -> None:
    """The time until the first challenge is answered does not count against a delivery's window."""
    made = await insert(database, webhook_store, clock)

    async with database.raw() as connection:
        since = await connection.fetchval("SELECT halted_since FROM webhooks WHERE id = $1", made.id)

    assert clock() - since == timedelta(0)


@pytest.mark.parametrize("column", ["destination", "issuer_url"])
async def test_a_credential_under_another_origin_does_not_unseal(
    database: Database, webhook_store: WebhookStore, clock: Clock, column: str
) -> None:
    """The origin is part of what a credential is bound to: whoever writes another one into the row gets nothing sent there."""
    oauth: dict[str, Any] = {
        "auth_type": "Oauth",
        "client_id": "one",
        "client_secret": "hush!",
        "issuer_url": "https://example.com/token",
    }
    made = await insert(database, webhook_store, clock, replace(PLAIN, **oauth))
    async with database.raw() as connection:
        await connection.execute(f"UPDATE webhooks SET {column} = 'https://example.com/elsewhere'")
        same = (await webhook_store.hooks(connection, [made.id]))[made.id]
        await connection.execute(f"UPDATE webhooks SET {column} = 'https://example.org/hook'")
        other = (await webhook_store.hooks(connection, [made.id]))[made.id]

    assert same.oauth_client is not None
    assert (other.oauth_client, other.secrets) == (None, ())
    assert "kept elsewhere" in (other.sealed or "")

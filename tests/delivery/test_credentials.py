"""What the doors make of credentials: they go along with every challenge and delivery, and failing ones count."""

from typing import Any
from uuid import UUID

import pytest

from delivery.wire.parcels import Failure, FailureKind
from subscriptions.webhooks import Change, Grant, Registration
from tests.delivery.craft import OWNER, TYPE, WORKSPACE, Craft
from tests.delivery.destinations import SECRET

GRANT = Grant(issuer_url="https://127.0.0.1:9/token", client_id="a client", client_secret="hush")
OAUTH: dict[str, Any] = {
    "auth_type": "Oauth",
    "issuer_url": GRANT.issuer_url,
    "client_id": GRANT.client_id,
    "client_secret": GRANT.client_secret,
}
NO_TOKEN = Failure(kind=FailureKind.token, cause="token endpoint answered 401 invalid_client")


async def subscribed(craft: Craft, **fields: Any) -> UUID:
    """A webhook that was registered, challenged and subscribed."""
    registration = Registration(name="hook", destination="https://127.0.0.1:9/hook", secret=SECRET, **fields)
    webhook = (await craft.greeting.register(registration, OWNER)).id
    await craft.greet(webhook)
    await craft.subscribe([webhook], TYPE)
    return webhook


@pytest.mark.parametrize(
    ("fields", "authorization", "grant"),
    [({}, None, None), ({"auth_type": "APIKey", "api_key": "Token abc"}, "Token abc", None), (OAUTH, None, GRANT)],
    ids=["none", "APIKey", "Oauth"],
)
async def test_challenge_and_delivery_carry_them(
    craft: Craft, fields: dict[str, Any], authorization: str | None, grant: Grant | None
) -> None:
    """Both are sent with what the webhook was registered with (greenlake.md 4)."""
    await subscribed(craft, **fields)

    await craft.publish()
    craft.clock.advance(3)
    for held in await craft.drain():
        await craft.attempt(held)

    assert [(to.authorization, to.grant) for _, to in craft.wire.sent] == [(authorization, grant)] * 2


async def test_a_changed_secret_is_a_changed_grant(craft: Craft) -> None:
    """The next challenge asks for a token with the new secret."""
    webhook = await subscribed(craft, **OAUTH)

    await craft.greeting.change(WORKSPACE, webhook, Change(client_secret="another"))
    await craft.greet(webhook)

    assert [to.grant.client_secret for _, to in craft.wire.sent if to.grant] == ["hush", "another"]


@pytest.mark.parametrize("policy", ["standard", "greenlake"])
async def test_no_token_is_a_failure_like_any(craft: Craft, policy: str) -> None:
    """It is retried under both policies, and counts: the credentials are the webhook's."""
    craft = Craft(craft.database, craft.clock, delivery_policy=policy)
    webhook = await subscribed(craft, **OAUTH)
    await craft.publish()
    craft.clock.advance(3)
    [held] = await craft.drain()

    await craft.rounds.record([await craft.attempt(held, NO_TOKEN)])

    row = await craft.row(held.claimed.event, webhook)
    assert (row.state, row.attempts, row.reason) == ("owed", 1, NO_TOKEN.cause)
    assert await craft.status(webhook) == "WARNING"

"""What the doors make of credentials: they go to destinations that have proved themselves, or ask; failing ones count."""

from typing import Any
from uuid import UUID

import pytest

from delivery.wire.parcels import Failure, FailureKind, Parcel, Reply
from delivery.wire.sender import Destination
from subscriptions.webhooks.webhook import Change, OAuthClient, Registration
from tests.delivery.craft import OWNER, TYPE, WORKSPACE, Craft
from tests.delivery.destinations import SECRET, Answering, obliging, reply

GRANT = OAuthClient(issuer_url="https://127.0.0.1:9/token", client_id="a client", client_secret="hush")
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
    webhook = (await craft.webhook_lifecycle.register(registration, OWNER)).id
    await craft.challenge(webhook)
    await craft.subscribe([webhook], TYPE)
    return webhook


CREDENTIALS = pytest.mark.parametrize(
    ("fields", "authorization", "grant"),
    [({"auth_type": "APIKey", "api_key": "Token abc"}, "Token abc", None), (OAUTH, None, GRANT)],
    ids=["APIKey", "Oauth"],
)
NONE = (None, None)


def carried(craft: Craft) -> list[tuple[str | None, OAuthClient | None]]:
    """The credentials that each post had with it."""
    return [(to.authorization, to.oauth_client) for _, to in craft.wire.sent]


def asking(status: int) -> Answering:
    """A destination that lets nobody in without credentials."""

    async def answer(parcel: Parcel, to: Destination) -> Reply | Failure:
        return await obliging(parcel, to) if (to.authorization, to.oauth_client) != NONE else reply(status)

    return answer


@CREDENTIALS
async def test_a_challenge_goes_without_them(
    craft: Craft, fields: dict[str, Any], authorization: str | None, grant: OAuthClient | None
) -> None:
    """Nothing but the proof sends credentials out: challenge and OPTIONS go without, the delivery that
    follows with them (greenlake.md 4.3)."""
    await subscribed(craft, **fields)

    await craft.publish()
    craft.clock.advance(3)
    for held in await craft.drain():
        await craft.attempt(held)

    assert carried(craft) == [NONE, (authorization, grant)]
    assert [(to.authorization, to.oauth_client) for _, to in craft.wire.asked] == [NONE]


@CREDENTIALS
@pytest.mark.parametrize("status", [401, 403])
async def test_a_destination_that_asks_for_them(
    craft: Craft, fields: dict[str, Any], authorization: str | None, grant: OAuthClient | None, status: int
) -> None:
    """One that answers 401 or 403 is challenged, and asked what it allows, once more with them, within the same attempt."""
    craft.wire.answering = asking(status)
    craft.wire.allowing = reply(status)

    webhook = await subscribed(craft, **fields)

    assert await craft.status(webhook) == "ACTIVE"
    assert carried(craft) == [NONE, (authorization, grant)]
    assert [(to.authorization, to.oauth_client) for _, to in craft.wire.asked] == [NONE, (authorization, grant)]


async def test_one_that_has_proved_itself_is_verified_with_them(craft: Craft) -> None:
    """Until the proof is asked for anew, by a change or after an ERROR, all that goes there carries them."""
    webhook = await subscribed(craft, auth_type="APIKey", api_key="Token abc")
    await craft.webhook_lifecycle.verify(WORKSPACE, webhook)
    craft.clock.advance(3600)
    await craft.challenge(webhook)
    await craft.webhook_lifecycle.change(WORKSPACE, webhook, Change(destination="https://127.0.0.1:9/other"))
    await craft.challenge(webhook)

    assert [to.authorization for _, to in craft.wire.sent] == [None, "Token abc", None]
    assert [to.authorization for _, to in craft.wire.asked] == [None, "Token abc", "Token abc", None]


async def test_a_refusal_asks_for_nothing_that_is_not_there(craft: Craft) -> None:
    """A webhook without credentials is challenged once an attempt, whatever the status."""
    craft.wire.answering = asking(401)

    webhook = await subscribed(craft)

    assert (await craft.status(webhook), carried(craft)) == ("PENDING", [NONE])


@pytest.mark.parametrize("policy", ["standard", "greenlake"])
async def test_no_token_is_a_failure_like_any(craft: Craft, policy: str) -> None:
    """It is retried under both policies, and counts: the credentials are the webhook's."""
    craft = Craft(craft.database, craft.clock, delivery_policy=policy)
    webhook = await subscribed(craft, **OAUTH)
    await craft.publish()
    craft.clock.advance(3)
    [held] = await craft.drain()

    await craft.rounds.outcomes.record([await craft.attempt(held, NO_TOKEN)])

    row = await craft.row(held.claimed.event, webhook)
    assert (row.state, row.attempts, row.reason) == ("owed", 1, NO_TOKEN.cause)
    assert await craft.status(webhook) == "WARNING"

"""How short a webhook's secret may be."""

import pytest

from subscriptions.ground.database import Database
from subscriptions.ground.errors import Misconfigured, Refused
from subscriptions.ground.settings import GroundSettings, read
from subscriptions.ground.vault import Vault
from subscriptions.webhooks.webhook import Change, Registration
from subscriptions.webhooks.webhook_store import WebhookStore
from tests.builders import OWNER, Builder
from tests.clock import Clock


async def test_short_secrets(database: Database, clock: Clock, builder: Builder) -> None:
    """A deployment may ask for more characters than GreenLake does: of new secrets, not of those that stand."""
    strict, long = WebhookStore(Vault([("test", b"0" * 32)]), least_secret=16), "0123456789abcdef"
    webhook = await builder.webhook()

    async with database.transaction() as connection:
        asked = Registration(name="short", destination="https://example.com/", secret="s3cr3t")
        with pytest.raises(Refused, match="secret: must have at least 16 characters in this deployment, and has 6"):
            await strict.insert(connection, asked, OWNER, now=clock())
        with pytest.raises(Refused, match="secondarySecret: must have at least 16"):
            await strict.update(connection, webhook.id, Change(secret=long, secondary_secret="short"), now=clock())
        renamed = await strict.update(connection, webhook.id, Change(name="renamed", secondary_secret=""), now=clock())
        changed = await strict.update(connection, webhook.id, Change(secret=long), now=clock())

    assert (renamed.name, changed.generation) == ("renamed", renamed.generation + 1)


@pytest.mark.parametrize("least", ["3", "41"])
def test_what_may_be_asked(least: str) -> None:
    """Neither less than GreenLake asks nor more than the secrets have that are made here."""
    with pytest.raises(Misconfigured, match="HOOKLAKE_LEAST_SECRET has to be from 4 to 40"):
        read(GroundSettings, {"HOOKLAKE_DATABASE_URL": "x", "HOOKLAKE_LEAST_SECRET": least})

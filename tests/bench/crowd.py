"""Webhooks whose filters refuse whatever is published: all of them are asked, none is owed anything.

They are written as SQL, copies of a webhook that was registered; how long that takes measures nothing.
"""

import asyncpg

from subscriptions.ground.database import Raw

#: Ordinary filters, as greenlake.md 6.1 has them, that are false of what loads publish.
REFUSING = (
    "name eq 'another thing' and ok eq true",
    "seq lt 0 or name in ('red','green','blue')",
    "startswith(name,'server') and not ok eq false",
    "audit_info/username eq 'nobody'",
)

WEBHOOKS = """
INSERT INTO webhooks ({names})
SELECT {values} FROM generate_series(1, $2) AS number, webhooks AS model
WHERE model.id = (SELECT webhook FROM subscriptions WHERE event_type = $1 ORDER BY created_at LIMIT 1)
RETURNING id
"""
SUBSCRIPTIONS = """
INSERT INTO subscriptions ({names})
SELECT {values} FROM unnest($2::uuid[]) WITH ORDINALITY AS t (made, number),
    (SELECT * FROM subscriptions WHERE event_type = $1 ORDER BY created_at LIMIT 1) AS model
"""


async def gather(url: str, event_type: str, count: int) -> None:
    """So many of them more for an event type that has a webhook."""
    connection = await asyncpg.connect(url, ssl=False)
    try:
        made = await connection.fetch(
            await _statement(connection, WEBHOOKS, "webhooks", id="gen_random_uuid()", name="gen_random_uuid()::text"),
            *(event_type, count),
        )
        filters = ", ".join("'" + text.replace("'", "''") + "'" for text in REFUSING)
        asks = f"(ARRAY[{filters}])[number % {len(REFUSING)} + 1]"
        statement = await _statement(
            connection, SUBSCRIPTIONS, "subscriptions", id="gen_random_uuid()", webhook="made", event_filter=asks
        )
        await connection.execute(statement, event_type, [row["id"] for row in made])
    finally:
        await connection.close()


async def _statement(connection: Raw, template: str, table: str, **values: str) -> str:
    """All columns as the model has them, but for those given."""
    columns = await connection.fetch(
        "SELECT column_name FROM information_schema.columns WHERE table_name = $1 ORDER BY 1", table
    )
    names = [row["column_name"] for row in columns]
    return template.format(
        names=", ".join(names), values=", ".join(values.get(name, f"model.{name}") for name in names)
    )

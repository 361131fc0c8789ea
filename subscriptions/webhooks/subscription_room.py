"""How many subscriptions a webhook has, and whether there is room for more: those of one subscription set count as one.

Which types a set has is left to `subscriptions/catalogue/builtin/shipped.py`.
"""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from subscriptions.ground import tables
from subscriptions.ground.errors import Issue, LimitReached, Refused
from subscriptions.webhooks.subscription_list import SubscriptionRequest

_table = tables.subscriptions
LIMIT = "HOOKLAKE_MAX_SUBSCRIPTIONS_PER_WEBHOOK"


async def missing(connection: AsyncConnection, requests: Sequence[SubscriptionRequest]) -> list[SubscriptionRequest]:
    """The requests without what a set asks for and its webhook has: that stays as it is, filter included.

    Raises Refused for a set of which nothing is missing.
    """
    if not any(order.subscription_set for order in requests):
        return list(requests)
    hooks = {order.webhook for order in requests}
    standing = select(_table.c.webhook, _table.c.event_type).where(_table.c.webhook.in_(hooks))
    taken = {(row.webhook, row.event_type) for row in await connection.execute(standing)}
    left = [each for each in requests if not each.subscription_set or (each.webhook, each.event_type) not in taken]
    asked = {(each.webhook, each.subscription_set): each.at for each in requests if each.subscription_set}
    for each in left:
        asked.pop((each.webhook, each.subscription_set), None)
    if asked:
        raise Refused(
            *(
                Issue(
                    subject=f"{at}subscriptionSet",
                    description=f"the webhook {webhook} is subscribed to every type of {name} already",
                )
                for (webhook, name), at in asked.items()
            )
        )
    return left


async def check(connection: AsyncConnection, webhooks: set[UUID], most: int) -> None:
    """Raises LimitReached where one of them has more than `most`, what this transaction has added included."""
    alone = func.count().filter(_table.c.subscription_set == "")
    together = func.count(_table.c.subscription_set.distinct()).filter(_table.c.subscription_set != "")
    counted = select(_table.c.webhook, (alone + together).label("many")).where(_table.c.webhook.in_(webhooks))
    for row in await connection.execute(counted.group_by(_table.c.webhook)):
        if row.many > most:
            said = f"the webhook {row.webhook} would have {row.many} subscriptions, and may not have more than {most} ({LIMIT})"
            raise LimitReached(Issue(subject="subscriptions", description=said))

"""Filters asked on a loop that others run on too.

What they say is left to `subscriptions/webhooks/matching.py`.
"""

import asyncio
from collections.abc import Sequence

from delivery.ledger.owing.deliveries import SubscribedWebhook
from subscriptions.webhooks.matching import Matching, Steps


async def asked(
    body: bytes, candidates: Sequence[SubscribedWebhook], steps: Steps, *, room: float
) -> Matching[SubscribedWebhook]:
    """Which of the candidates want the event with this structured JSON; others on the loop get their turn meanwhile."""
    asking = Matching(body, candidates, steps, room=room)
    while asking.more():  # noqa: ASYNC110  nothing is waited for
        await asyncio.sleep(0)
    return asking

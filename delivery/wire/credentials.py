"""Credentials that have to be asked for first: sends that carry a token, and renew it when it is refused.

How tokens are asked for is left to `tokens`; what the last answer means for the delivery, to `delivery.judgement`.
"""

import functools
import time
from collections.abc import Callable
from datetime import datetime
from typing import Protocol

from msgspec.structs import replace

from delivery.wire.parcels import Failure, FailureKind, Parcel, Reply
from delivery.wire.sender import Attempt, Destination, Sender
from delivery.wire.tokens import BearerToken, Tokens
from delivery.wire.transport import Transport

#: The share of its deadline that an attempt needs: with less left once a token is there, it is left to a retry.
LEAST = 0.2


class Exchange(Protocol):
    """What needs an authorised destination: a post, or another request to it."""

    async def __call__(self, destination: Destination, *, deadline: float) -> Attempt:
        """One exchange within so many seconds."""


class Authorised(Sender):
    """A sender that first gets the token which a destination's OAuth client asks for; destinations without one go as they are."""

    def __init__(self, transport: Transport, clock: Callable[[], datetime], *, agent: str | None = None) -> None:
        super().__init__(transport, clock, agent=agent)
        self._tokens = Tokens(transport, clock, agent=self._agent)

    async def send(self, parcel: Parcel, destination: Destination, *, deadline: float) -> Attempt:
        """As a Sender does; token, try and a repeat after a 401 share the deadline (protocol.md 4.3)."""
        if destination.oauth_client is None:
            return await super().send(parcel, destination, deadline=deadline)
        return await self.authorised(destination, functools.partial(super().send, parcel), deadline=deadline)

    async def options(self, destination: Destination, *, origin: str, deadline: float) -> Attempt:
        """As a Sender does, authorised as a post is (greenlake.md 4)."""
        return await self.authorised(destination, functools.partial(super().options, origin=origin), deadline=deadline)

    async def authorised(self, destination: Destination, exchange: Exchange, *, deadline: float) -> Attempt:
        """The exchange with a token; after a 401 once more with a new one, where there is time for it.

        The attempt that comes back is the last exchange, and lasted from the beginning of all. Where no token is to be had
        it is a Failure, so that a 401 to a token that could not be renewed in time is no verdict of the destination's.
        """
        if destination.oauth_client is None:
            return await exchange(destination, deadline=deadline)
        key = (destination.webhook, destination.oauth_client)
        started_at, began, least = self._clock(), time.monotonic(), deadline * LEAST

        def left() -> float:
            return round(deadline - (time.monotonic() - began), 1)

        def ended(attempt: Attempt | Failure) -> Attempt:
            milliseconds = round((time.monotonic() - began) * 1000)
            if isinstance(attempt, Attempt):
                return replace(attempt, started_at=started_at, milliseconds=milliseconds)
            return Attempt(started_at=started_at, milliseconds=milliseconds, request_headers=(), answer=attempt)

        token = await self._tokens.token(key, within=deadline - least)
        if isinstance(token, Failure):
            return ended(token)
        first = await exchange(_bearing(destination, token), deadline=left())
        if not isinstance(first.answer, Reply) or first.answer.status != 401:
            return ended(first)
        self._tokens.drop(key, token)
        if left() <= least:
            return ended(
                _after_401(Failure(kind=FailureKind.token, cause="too little time was left to renew the token"))
            )
        renewed = await self._tokens.token(key, within=left() - least)
        if isinstance(renewed, Failure):
            return ended(_after_401(renewed))
        return ended(await exchange(_bearing(destination, renewed), deadline=left()))


def _bearing(destination: Destination, token: BearerToken) -> Destination:
    return replace(destination, authorization=f"Bearer {token.value}", oauth_client=None)


def _after_401(failure: Failure) -> Failure:
    return replace(failure, cause=f"the destination answered 401, then: {failure.cause}")

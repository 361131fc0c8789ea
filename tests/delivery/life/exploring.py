"""Explores lives at random, and shortens the one that breaks a rule to the steps that matter.

A step is a rule's name and a seed, so that a life can be lived again with steps left out; keys are drawn anew each time.
What the rules are is left to `machine.py`.
"""

import time
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from random import Random

from sqlalchemy import make_url

from subscriptions.ground.database import Database
from subscriptions.ground.settings import GroundSettings
from tests.conftest import VAULT_KEYS
from tests.delivery.life.life import Life
from tests.delivery.life.machine import RULES, enabled
from tests.delivery.life.marks import Mark
from tests.delivery.life.world import World

#: Rules without which nothing ever happens.
NEEDED = frozenset({"publish", "sweep", "drain", "nudge", "advance", "send", "answer", "record"})
#: What a life may be about: rules that meet more often then than all others, which would take them apart.
THEMES: tuple[frozenset[str], ...] = (
    frozenset(),
    frozenset({"change", "change_and_ask", "verify", "answer_challenge"}),
    frozenset({"replay", "replay_paused", "order_replay", "carry_replays", "refuse_all", "advance"}),
    frozenset({"change", "wait_for_send_times", "terms", "advance"}),
    frozenset({"publish", "sweep", "nudge", "drain", "send", "refuse_all", "advance"}),
)
#: Seconds that are spent on shortening.
SHORTENING = 60.0

Step = tuple[str, int]


class Violation(AssertionError):
    """A rule was broken; says which, and the shortest way there that was found."""


@dataclass(frozen=True, kw_only=True)
class Explored:
    """What an exploration came to."""

    lives: int
    steps: int
    seconds: float
    #: How often each rule was acted by, and each situation arose.
    seen: Counter[str]

    @property
    def unseen(self) -> list[str]:
        """What there is beside."""
        return sorted({*RULES, *Mark} - self.seen.keys())


@asynccontextmanager
async def door(url: str) -> AsyncIterator[Database]:
    """To a database whose commits do not wait for the disk meanwhile: no server is killed here."""
    asked = GroundSettings(database_url=url, vault_keys=VAULT_KEYS)
    name = make_url(url).database
    opening, found = Database(asked), Database(asked)
    try:
        async with opening.raw() as connection:
            await connection.execute(f'ALTER DATABASE "{name}" SET synchronous_commit = off')
        yield found
        async with opening.raw() as connection:
            await connection.execute(f'ALTER DATABASE "{name}" RESET synchronous_commit')
    finally:
        await found.close()
        await opening.close()


async def explore(database: Database, *, seed: int, steps: int, lives: int = 10**9, seconds: float = 1e9) -> Explored:
    """So many lives of so many steps, or as many as go into the seconds; raises Violation."""
    began, lived, made, seen = time.monotonic(), 0, 0, Counter[str]()
    while lived < lives and time.monotonic() - began < seconds:
        trail: list[Step] = []
        try:
            world = await _live(database, Random(f"{seed}/{lived}"), steps, trail)
        except Exception as error:
            shortest = await _shortened(database, trail, error)
            said = "\n".join(f"    {name} {draw}" for name, draw in shortest)
            raise Violation(f"life {seed}/{lived}: {_what(error)}\n{said}") from error
        lived, made = lived + 1, made + world.step
        seen.update(name for name, _ in trail)
        seen.update({str(mark): times for mark, times in world.marks.items() if times})
    return Explored(lives=lived, steps=made, seconds=time.monotonic() - began, seen=seen)


async def replay(database: Database, trail: Sequence[Step]) -> None:
    """Lives a life again; steps that cannot be made are left out."""
    life = Life(database)
    try:
        await life.begin()
        for name, draw in trail:
            if RULES[name].when(life):
                await life.step(RULES[name].act, Random(draw))
        await life.end()
    finally:
        await life.world.close()


async def _live(database: Database, draw: Random, steps: int, trail: list[Step]) -> World:
    temper = _temper(draw)
    life = Life(database)
    try:
        await life.begin()
        for _ in range(steps):
            [name] = draw.choices(*enabled(life, temper))
            trail.append((name, draw.getrandbits(32)))
            await life.step(RULES[name].act, Random(trail[-1][1]))
        await life.end()
        return life.world
    finally:
        await life.world.close()


def _temper(draw: Random) -> dict[str, float]:
    """Each life has its own: rules that are rare elsewhere meet more often in some of them."""
    theme = draw.choice(THEMES)
    temper: dict[str, float] = {}
    for name, each in RULES.items():
        often = draw.choice([0.3, 1, 1, 3] if name in NEEDED else [0, 0.3, 1, 4])
        if theme:
            often = draw.choice([1, 3]) if name in theme else often if name in NEEDED else often / 5
        temper[name] = each.weight * often
    return temper


async def _shortened(database: Database, trail: Sequence[Step], error: Exception) -> Sequence[Step]:
    """Without each run of steps that the same error can do without, long runs first."""
    until, size, shortest = time.monotonic() + SHORTENING, max(len(trail) // 2, 1), list(trail)
    while time.monotonic() < until:
        start, before = 0, len(shortest)
        while start < len(shortest) and time.monotonic() < until:
            shorter = shortest[:start] + shortest[start + size :]
            if await _fails_alike(database, shorter, error):
                shortest = shorter
            else:
                start += size
        if size == 1 and len(shortest) == before:
            break
        size = max(size // 2, 1)
    return shortest


async def _fails_alike(database: Database, trail: Sequence[Step], error: Exception) -> bool:
    try:
        await replay(database, trail)
    except Exception as other:
        return _where(other) == _where(error)
    return False


def _where(error: BaseException) -> tuple[str, int]:
    """The line that raised: the words name keys, which are never the same."""
    place = error.__traceback__
    while place is not None and place.tb_next is not None:
        place = place.tb_next
    return ("", 0) if place is None else (place.tb_frame.f_code.co_filename, place.tb_lineno)


def _what(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"

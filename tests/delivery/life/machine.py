"""The machine: what may happen to deliveries, in any order, against the real database (all of deploy/spec/protocol.md).

How each operation is carried out is left to `world.py`, what must hold to `watch.py` and `promises.py`.
"""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from random import Random
from typing import Any

from delivery.tickets import Job, JobKind, Ticket
from delivery.upkeep.replays import ReplayState
from subscriptions.webhooks.webhook import Change
from tests.delivery.craft import WORKSPACE
from tests.delivery.destinations import TIMED_OUT, reply
from tests.delivery.life import ending, replaying
from tests.delivery.life.life import Act, Life
from tests.delivery.life.stage import Actor
from tests.delivery.life.world import Process

#: What a destination says: mostly yes or not now.
ANSWERS = ("ok", "ok", "ok", "503", "503", "timeout", "302", "410")
SECONDS = (0.1, 0.4, 1.0, 1.0, 2.0, 2.0, 4.0, 6.0, 11.0, 26.0, 61.0)
CHANGES = ("pause", "pause", "enable", "enable", "move", "secret", "batching", "challenge", "both")


@dataclass(frozen=True, kw_only=True)
class Rule:
    """One thing that may happen."""

    act: Act
    weight: int
    #: Whether it can happen now.
    when: Callable[[Life], Any]


RULES: dict[str, Rule] = {}


def rule(weight: int = 2, when: Callable[[Life], Any] = lambda _: True) -> Callable[[Act], Act]:
    """Puts it among the rules."""

    def known(act: Act) -> Act:
        RULES[act.__name__] = Rule(act=act, weight=weight, when=when)
        return act

    return known


def enabled(life: Life, weights: Mapping[str, float]) -> tuple[list[str], list[float]]:
    """The rules that can happen now, and their weights."""
    names = [name for name, each in RULES.items() if weights[name] and each.when(life)]
    return names, [weights[name] for name in names]


# Publishing.


@rule(weight=5)
async def publish(life: Life, draw: Random) -> None:
    kind, count = draw.randrange(3), draw.choice([1, 1, 1, 2, 3, 10])
    made = [life.world.event(n, kind=kind) for n in range(count)]
    await life.promises.publish(life.process(draw), made)


@rule()
async def publish_given(life: Life, draw: Random) -> None:
    """The same occurrence again, or another one under its id."""
    id, number, kind = f"given {draw.randrange(2)}", draw.choice([1, 1, 2]), draw.choice([1, 2])
    made = [life.world.event(number, kind=1, id=id), life.world.event(99, kind=kind)]
    await life.promises.publish_given(life.process(draw), made)


@rule(when=lambda life: len(life.publishing) < 2)
async def publish_stalled(life: Life, draw: Random) -> None:
    """It has seen who subscribed, and has not been written."""
    life.publishing.append(_stalled(life, draw.randrange(3)))


def _stalled(life: Life, kind: int) -> Actor:
    slow, actor = Process(life.world, chance=0.3, stalls=True), Actor()
    life.world.slow.append(slow)
    life.world.stage.begin(actor, life.promises.publish(slow, [life.world.event(1, kind=kind)]))
    return actor


@rule()
async def publish_overtaken(life: Life, draw: Random) -> None:
    """A webhook is enabled, and what was kept for it started, after a publication has seen it paused and before it is written."""
    process, hook = life.process(draw), life.hooks[0]
    await ending.tolerant(process.craft.webhook_lifecycle.change(WORKSPACE, hook, Change(paused=True)))
    actor = _stalled(life, 1)
    await life.world.stage.settled()
    await ending.tolerant(process.craft.webhook_lifecycle.change(WORKSPACE, hook, Change(paused=False)))
    for queued_job in life.queued_jobs():
        if queued_job.kind is JobKind.JOB:
            life.world.carry(process, queued_job)
            await life.world.stage.settled()
    await ending.go_on(actor)


@rule(when=lambda life: life.publishing)
async def publish_commits(life: Life, draw: Random) -> None:
    await ending.go_on(life.publishing.pop(draw.randrange(len(life.publishing))))


# The broker and the clock.


@rule(weight=8, when=lambda life: life.world.broker)
async def nudge(life: Life, draw: Random) -> None:
    """Delivered: late, twice, or once."""
    broker, process = life.world.broker, life.process(draw)
    start, count = draw.randrange(len(broker)), draw.choice([1, 2, 5, 10])
    nudges = broker[start : start + count]
    if draw.random() < 0.7:
        del broker[start : start + count]
    tickets = [each for each in nudges if isinstance(each, Ticket)]
    if tickets:
        await life.world.claim(process, tickets)
    for each in nudges:
        if isinstance(each, Job):
            life.world.carry(process, each)
            await life.world.stage.settled()


@rule(weight=1, when=lambda life: life.world.broker)
async def broker_emptied(life: Life, _: Random) -> None:
    life.world.broker.clear()


@rule(weight=5)
async def sweep(life: Life, draw: Random) -> None:
    life.world.announce((await life.process(draw).craft.upkeep.sweep(0)).jobs)


@rule(weight=1)
async def mend(life: Life, draw: Random) -> None:
    await life.process(draw).craft.upkeep.mend()


@rule(weight=1)
async def prune(life: Life, draw: Random) -> None:
    await life.process(draw).craft.upkeep.prune(remembered=86400.0)


@rule(weight=5)
async def advance(life: Life, draw: Random) -> None:
    await life.world.stage.advance(draw.choice(SECONDS))


# Attempts.


@rule(weight=2, when=lambda life: any(not each.done for each in life.world.claims))
async def stand_still(life: Life, draw: Random) -> None:
    """A process holds what it has for longer than a lease, and the others go on."""
    sleeper, lasting = life.process(draw), draw.choice([20.0, 20.0, 41.0])
    await life.world.stage.advance(lasting)
    for other in life.world.processes:
        if other is not sleeper:
            await life.world.drain(other, 100, 50)


@rule(weight=6)
async def drain(life: Life, draw: Random) -> None:
    await life.world.drain(life.process(draw), draw.choice([1, 3, 100]), draw.choice([1, 4, 50]))


@rule(weight=1)
async def stampede(life: Life, _: Random) -> None:
    """All processes at once."""
    tickets = [nudge for nudge in life.world.broker if isinstance(nudge, Ticket)]
    drains = (life.world.drain(process, 50, 50) for process in life.world.processes)
    claims = (life.world.claim(process, tickets) for process in life.world.processes)
    await asyncio.gather(*drains, *claims)


@rule(weight=16, when=Life.idle)
async def send(life: Life, draw: Random) -> None:
    idle = life.idle()
    for each in draw.sample(idle, min(len(idle), draw.choice([1, 3, 20]))):
        life.world.begin(each)


@rule()
async def wait_for_send_times(life: Life, draw: Random) -> None:
    """More at once than a webhook with a rate wants, all of it begun: some wait for their send time."""
    process = life.process(draw)
    await life.promises.publish(process, [life.world.event(n, kind=2) for n in range(3)])
    for each in await life.world.drain(process, 100, 50):
        life.world.begin(each)


@rule(when=lambda life: life.world.delivering())
async def refuse_all(life: Life, draw: Random) -> None:
    """Nobody takes anything now, and a process records what it has of it."""
    for exchange in life.world.delivering():
        await life.world.let(exchange, reply(503))
        await life.world.stage.settled()
    process = life.process(draw)
    together = {each.key: each for each in life.world.recordable(process)}
    await life.promises.record(life.world, life.watch, process, list(together.values()))


@rule(weight=14, when=lambda life: life.world.delivering())
async def answer(life: Life, draw: Random) -> None:
    says = draw.choice(ANSWERS)
    said = TIMED_OUT if says == "timeout" else reply(200 if says == "ok" else int(says))
    await life.world.let(draw.choice(life.world.delivering()), said)


@rule(weight=14, when=Life.recordable)
async def record(life: Life, draw: Random) -> None:
    """One outcome, or all of a process together."""
    one = draw.choice(life.recordable())
    together = {each.key: each for each in life.world.recordable(one.process)} | {one.key: one}
    chosen = list(together.values()) if draw.random() < 0.7 else [one]
    await life.promises.record(life.world, life.watch, one.process, chosen)


@rule(weight=1, when=Life.idle)
async def give_back(life: Life, draw: Random) -> None:
    await life.world.give_back([draw.choice(life.idle())])


@rule(weight=1)
async def die(life: Life, draw: Random) -> None:
    await life.world.die(life.process(draw))


@rule(when=Life.queued_jobs)
async def die_carrying(life: Life, draw: Random) -> None:
    await life.world.fused(life.process(draw), draw.randint(1, 5), draw.choice(life.queued_jobs()))


@rule(when=lambda life: life.world.sent)
async def retry(life: Life, draw: Random) -> None:
    trial = draw.choice(life.world.sent).of
    assert trial is not None
    await life.promises.retry(life.watch, life.process(draw), trial)


@rule(weight=1, when=lambda life: life.watch.picture.deliveries)
async def move_by_hand(life: Life, draw: Random) -> None:
    """Any delivery, in whatever state: retried, sent again, or cancelled."""
    key = draw.choice(list(life.watch.picture.deliveries))
    await life.promises.moved(life.watch, life.process(draw), key, draw.choice(["retry", "resend", "cancel", "cancel"]))


@rule(when=lambda life: life.world.sent)
async def replay(life: Life, draw: Random) -> None:
    await replaying.ask(life.process(draw), life.hooks, draw)


@rule(when=lambda life: life.watch.picture.deliveries)
async def replay_paused(life: Life, draw: Random) -> None:
    """After its first turn, which opens one: what there is besides waits."""
    process = life.process(draw)
    made = await replaying.ask_slowly(process)
    if made is not None:
        await process.craft.jobs.run(Job(kind=JobKind.REPLAY, key=made.id, fence=0))
        await replaying.order(process, made.id, ReplayState.PAUSED)


@rule(weight=3, when=lambda life: life.watch.picture.replays)
async def order_replay(life: Life, draw: Random) -> None:
    state = draw.choice(
        [ReplayState.PAUSED, ReplayState.PAUSED, ReplayState.RUNNING, ReplayState.RUNNING, ReplayState.CANCELLED]
    )
    await replaying.order(life.process(draw), draw.choice(list(life.watch.picture.replays)), state)


@rule(weight=4, when=lambda life: life.watch.picture.replays)
async def carry_replays(life: Life, draw: Random) -> None:
    """What of them is due, by a process that may die in the middle."""
    process = life.process(draw)
    for each in (await process.craft.upkeep.sweep(0)).jobs:
        if each.kind is JobKind.REPLAY:
            passes = draw.choice([0, 1, 2, 99, 99])
            await life.world.fused(process, passes, each)
            if process not in life.world.processes:
                return


@rule(weight=1, when=lambda life: life.promises.accepted)
async def erase(life: Life, draw: Random) -> None:
    # Rather of one that is about to be sent.
    held = [each.key[0] for each in life.idle() if each.key[0] in life.promises.accepted]
    event = draw.choice([*sorted(life.promises.accepted), *held * 2])
    await life.process(draw).erasure.event(event)
    life.watch.erased(event)


# Webhooks.


@rule(weight=5)
async def change(life: Life, draw: Random) -> None:
    # Rather of one whose challenge is under way, or that waits for its send time.
    asked = [each.destination.webhook for each in life.world.challenging()] + life.waiting()
    hook, what, n = draw.choice([*life.hooks, *asked * 2]), draw.choice(CHANGES), life.world.step
    changes = {
        "pause": Change(paused=True),
        "enable": Change(paused=False),
        "move": Change(destination=f"http://127.0.0.1:9/{n}"),
        "secret": Change(secret=f"a secret of step {n}"),
        "batching": Change(batching=draw.random() < 0.5),
        "challenge": Change(challenge_request_enabled=draw.random() < 0.5),
        "both": Change(paused=draw.random() < 0.5, destination=f"http://127.0.0.1:9/{n}"),
    }
    await ending.tolerant(life.process(draw).craft.webhook_lifecycle.change(WORKSPACE, hook, changes[what]))


@rule()
async def change_and_ask(life: Life, draw: Random) -> None:
    """A secret is changed, and the destination challenged before anything else happens."""
    process, hook = life.process(draw), draw.choice(life.hooks)
    change = Change(secret=f"another secret of step {life.world.step}")
    await ending.tolerant(process.craft.webhook_lifecycle.change(WORKSPACE, hook, change))
    for queued_job in life.queued_jobs():
        if queued_job.kind is JobKind.CHALLENGE and queued_job.key == hook:
            life.world.carry(process, queued_job)
            await life.world.stage.settled()


@rule(weight=1)
async def delete(life: Life, draw: Random) -> None:
    work = life.process(draw).craft.webhook_lifecycle.remove(WORKSPACE, draw.choice(life.hooks), force=True)
    await ending.tolerant(work)


@rule()
async def verify(life: Life, draw: Random) -> None:
    process, actor, hook = life.process(draw), Actor(), draw.choice(life.hooks)
    process.challenge_jobs.append(actor)
    life.world.verifying.add(actor)
    life.world.epochs[actor] = life.watch.picture.webhooks[hook]["epoch"]
    work = process.craft.webhook_lifecycle.verify(WORKSPACE, hook)
    life.world.stage.begin(actor, ending.tolerant(work))


@rule(weight=6, when=lambda life: life.world.challenging())
async def answer_challenge(life: Life, draw: Random) -> None:
    said = None if draw.random() < 0.6 else reply(500)
    await life.promises.judged(life.world, life.watch, draw.choice(life.world.challenging()), said)


@rule(weight=1)
async def terms(life: Life, draw: Random) -> None:
    """What destinations answer to OPTIONS from now on."""
    rate = draw.choice([None, 6, 20, 60])
    said = reply(200, b"", *([] if rate is None else [("WebHook-Allowed-Rate", str(rate))]))
    for process in life.world.processes:
        process.craft.wire.allowing = said

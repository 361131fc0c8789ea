"""The demo: `make demo` runs a stack of its own, subscribes, publishes, breaks what it was asked to, and counts.

What runs is left to `local.py`, who publishes to `demo_publisher.py`, who receives to `demo_subscriber.py`, and the
counting to `demo_tally.py`.
"""

import argparse
import asyncio
import json
import os
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from deploy import demo_publisher
from deploy.demo_publisher import DURATION, Declined, PublisherClient, Publishers
from deploy.demo_subscriber import Faults, Subscriber
from deploy.demo_tally import Tally
from deploy.home import CannotStart
from deploy.local import Stack, say

PARTS = ("api", "worker-1", "worker-2", "beat", "redis", "postgres")
SECRET = "demo-s3cr3t"
#: Deadline of an attempt, and the margin that makes a lease of it: what a killed worker held is taken up again after both.
SETTINGS = {
    "HOOKLAKE_DELIVERY_TIMEOUT": "3",
    "HOOKLAKE_LEASE_MARGIN": "2",
    "HOOKLAKE_RETRY_DELAYS": "1,1,2,2,3,3,5,5,5,5",
    "HOOKLAKE_MAX_SUBSCRIPTIONS_PER_WEBHOOK": str(len(demo_publisher.TYPES)),
}
#: Twice 503 to one event, and no answer to another for longer than the deadline.
FAULTS = Faults(refused={demo_publisher.TYPES[1]: 2}, ignored={demo_publisher.OFFLINE: 1}, silence=4.0)
#: Seconds after the last publication until what has not arrived counts as lost.
WAIT = 60.0
#: Seconds between two looks.
LOOK = 0.1

INTRODUCTION = """\
The subscriber at {url} answered the challenge and subscribed to {types} event types.

Now {seconds:.0f} seconds of real life. Each delivery as it lands: seconds since its publication, event type,
which attempt it was, and what the subscriber answered. It fails three requests on purpose.
"""
CONCLUSION = """\
Every event arrived with both signatures right, the captured ones byte for byte, and Hooklake's own books agree.
  retried     sent again because the subscriber had failed the request before
  duplicates  sent again without need; happens when a part is killed before it could write an answer down
  lost        accepted with 202 and never arrived"""


@dataclass(frozen=True, kw_only=True)
class Kill:
    """One part to end with SIGKILL, and when."""

    part: str
    #: Seconds since publishing began.
    at: float


def kill(text: str) -> Kill:
    """`PART` or `PART@SECONDS`; raises ArgumentTypeError."""
    part, _, at = text.partition("@")
    try:
        seconds = float(at or DURATION / 2)
    except ValueError:
        seconds = -1.0
    if part not in PARTS or not 0 <= seconds <= DURATION:
        raise argparse.ArgumentTypeError(
            f"{text!r} is not PART or PART@SECONDS, with one of {', '.join(PARTS)} and 0 to {DURATION:.1f} seconds"
        )
    return Kill(part=part, at=seconds)


async def run(kills: Sequence[Kill]) -> int:
    """The demo from beginning to end; returns its exit status. Stopped by a signal, it cleans up all the same."""
    data = Path(tempfile.mkdtemp(prefix="hl-"))
    tally = Tally(say)
    problems: list[str] = []
    try:
        problems = await _with_stack(data, tally, kills)
    except (CannotStart, Declined) as error:
        problems = [str(error)]
    except asyncio.CancelledError:
        shutil.rmtree(data)
        raise
    problems += tally.complaints()
    if problems:
        problems.append(f"What the parts wrote is kept in {data / 'logs'}.")
    else:
        shutil.rmtree(data)
    report(tally, problems)
    return 1 if problems else 0


async def _with_stack(data: Path, tally: Tally, kills: Sequence[Kill]) -> list[str]:
    """Runs the demo on a stack of its own, and stops it; returns what went wrong, besides what the tally knows."""
    with Subscriber(SECRET, data, FAULTS, tally.arrived) as subscriber:
        stack = Stack(data_dir=data, port=0, environ=_environ(os.environ, subscriber), say=say)
        try:
            say("Starting PostgreSQL, Redis, the API, two workers and beat, for this demo alone ...")
            await stack.start()
            return await _unbroken(stack, demo(stack, subscriber, tally, kills))
        finally:
            await stack.stop()


async def _unbroken(stack: Stack, work: Coroutine[Any, Any, list[str]]) -> list[str]:
    """The work's result, or the sentence that a part died too often."""
    working, broken = asyncio.create_task(work), asyncio.create_task(stack.broken())
    try:
        await asyncio.wait({working, broken}, return_when=asyncio.FIRST_COMPLETED)
        return working.result() if working.done() else [broken.result()]
    finally:
        working.cancel()
        broken.cancel()
        await asyncio.wait({working, broken})


async def demo(stack: Stack, subscriber: Subscriber, tally: Tally, kills: Sequence[Kill]) -> list[str]:
    """The demo on a stack that runs; returns what its books still have as under way. Raises Declined."""
    say(f"Hooklake runs at {stack.base_url}; its data and logs are under {stack.data_dir}.")
    kept = json.loads(stack.credentials.read_text())
    clients = {client["role"]: client for client in kept["clients"]}
    async with httpx.AsyncClient(base_url=kept["baseUrl"], timeout=10) as http:
        publisher, receiver = PublisherClient(http=http), PublisherClient(http=http)
        await publisher.enter(kept["workspaceId"], clients["publisher"])
        await receiver.enter(kept["workspaceId"], clients["subscriber"])
        publishers = Publishers(publisher, tally, say)
        await publishers.register()
        await demo_publisher.subscribe(receiver, url=subscriber.url, secret=subscriber.secret)
        say(INTRODUCTION.format(url=subscriber.url, types=len(demo_publisher.TYPES), seconds=DURATION))
        killers = [asyncio.create_task(_kill(stack, each)) for each in kills]
        await asyncio.gather(publishers.publish(), *killers)
        await _until(WAIT, lambda: _nothing(tally.missing()))
        return await _settled(publishers, tally)


async def _kill(stack: Stack, chosen: Kill) -> None:
    await asyncio.sleep(chosen.at)
    # Killed twice in a row, a part may be between two lives.
    while (pid := stack.parts[chosen.part].pid) is None:  # noqa: ASYNC110 -- the supervisor tells nobody
        await asyncio.sleep(LOOK)
    say(f"Killing {chosen.part} (SIGKILL to process {pid}).")
    os.kill(pid, signal.SIGKILL)


async def _settled(publishers: Publishers, tally: Tally) -> list[str]:
    """Asks Hooklake until its books agree; returns a sentence for each event that they still have as under way.

    An attempt whose worker was killed is made again after its lease: this waits for those duplicates too.
    """
    left = {key: story.source for key, story in tally.stories.items() if story.landed_at is not None}

    async def agreed() -> bool:
        for key, source in list(left.items()):
            if not await publishers.settled(key, source):
                return False
            del left[key]
        return True

    await _until(WAIT, agreed)
    return [f"Event {key} arrived, and Hooklake still has it as under way." for key in left]


async def _nothing(left: Sequence[str]) -> bool:
    return not left


async def _until(seconds: float, holds: Callable[[], Awaitable[bool]]) -> None:
    """Waits until something holds, or for as long as one may wait."""
    deadline = time.monotonic() + seconds
    while not await holds() and time.monotonic() < deadline:  # noqa: ASYNC110 -- it is asked over HTTP
        await asyncio.sleep(LOOK)


def report(tally: Tally, problems: Sequence[str]) -> None:
    """Prints what it came to, the figures last."""
    if tally.stories:
        say("\nFrom publication until the subscriber took it, failures on purpose and outages included:\n")
        say(tally.table())
    say("\n" + ("\n".join(problems) if problems else CONCLUSION) + "\n")
    say(str(tally.figures()))


def _environ(environ: Mapping[str, str], subscriber: Subscriber) -> dict[str, str]:
    """The environment without what it says of another Hooklake, and with the demo's settings."""
    own = {name: value for name, value in environ.items() if not name.startswith("HOOKLAKE_")}
    return {**own, **SETTINGS, "HOOKLAKE_CA_BUNDLE": str(subscriber.authority)}


def main() -> int:
    """The process root of `make demo`."""
    parser = argparse.ArgumentParser(prog="python -m deploy.demo", description="Shows Hooklake at work, and counts.")
    parser.add_argument(
        "--kill", action="append", type=kill, default=[], metavar="PART[@SECONDS]",
        help=f"end a part with SIGKILL in the middle: {', '.join(PARTS)}; may be given repeatedly",
    )  # fmt: skip
    return asyncio.run(_stoppable(run(parser.parse_args().kill)))


async def _stoppable(work: Coroutine[Any, Any, int]) -> int:
    """The work's result; a signal cancels it, once, and it cleans up."""
    signals: asyncio.Queue[None] = asyncio.Queue()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, signals.put_nowait, None)
    asked, task = asyncio.create_task(signals.get()), asyncio.create_task(work)
    await asyncio.wait({asked, task}, return_when=asyncio.FIRST_COMPLETED)
    if task.done():
        asked.cancel()
        return task.result()
    say("Stopping; the demo's processes and data go with it.")
    task.cancel()
    await asyncio.wait({task})
    return 1


if __name__ == "__main__":
    sys.exit(main())

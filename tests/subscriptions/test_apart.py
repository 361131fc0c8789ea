"""Long work on what somebody sent: whose turn it is, and what a process of its own may take."""

import asyncio
import json
import os
from functools import partial
from pathlib import Path

import pytest

from subscriptions.catalogue import asyncapi
from subscriptions.catalogue.schemas.shipped import ShippedFault, ShippedSchema
from subscriptions.ground import apart
from subscriptions.ground.apart import SMALL, Apart
from subscriptions.ground.errors import Issue, Refused, TooLarge, TooSoon
from tests.work import work

FOLDER = Path(asyncapi.__file__).parent / "schemas"
#: A message with many faults, each of what may be one of several things.
FAULTY = {"payload": {"allOf": [{"type": 3}] * 20}}


def who() -> tuple[int, int, list[str]]:
    """Which process this is, how much it stands back, and which settings it knows."""
    return os.getpid(), os.nice(0), [name for name in os.environ if name.startswith("HOOKLAKE")]


def refused() -> None:
    """Finds something wrong."""
    raise Refused(Issue(subject="/a", description="is wrong"), Issue(subject="/b", description="as well"))


def endless() -> None:
    """Never ends."""
    while True:
        pass


def long() -> tuple[int, int, list[str]]:
    """Says of itself that it may take long."""
    apart.elsewhere()
    return who()


def greedy() -> int:
    """Takes more memory than there is for it."""
    return len(bytearray(3 << 30))


async def test_work_is_done_one_at_a_time_and_callers_take_turns() -> None:
    """However many pieces of work callers bring at once, one is done; who brought one is not behind all of another's, and
    who brings too many is told so."""
    apart, inside, most, order = Apart(waiting=3), [0], [0], []

    def done(caller: str) -> None:
        inside[0] += 1
        most[0] = max(most[0], inside[0])
        order.append(caller)
        inside[0] -= 1

    asked = [asyncio.create_task(apart.work(caller, 1, done, caller)) for caller in "aaaaab"]
    answers = await asyncio.gather(*asked, return_exceptions=True)

    assert most == [1]
    assert order == ["a", "a", "b", "a", "a"]
    assert [type(each) for each in answers if each is not None] == [TooSoon]


async def test_large_work_has_a_process_that_knows_no_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is large is done by another process, which gives way to all else and has none of the settings; what it refuses is
    refused here, issue by issue."""
    monkeypatch.setenv("HOOKLAKE_VAULT_KEYS", "a:secret")
    apart = Apart()

    process, niceness, known = await apart.work(None, SMALL + 1, who)

    assert process != os.getpid()
    assert (niceness, known) == (min(os.nice(0) + 10, 19), [])
    assert (await apart.work(None, SMALL, who))[0] == os.getpid()
    with pytest.raises(Refused) as found:
        await apart.work(None, SMALL + 1, refused)
    assert [each.subject for each in found.value.issues] == ["/a", "/b"]


async def test_what_may_take_long_goes_on_in_another_process() -> None:
    """However small it is; not what is our own."""
    here = Apart()
    assert (await here.work(None, 1, long))[0] != os.getpid()
    assert (await here.work(None, SMALL + 1, long))[0] != os.getpid()
    assert (await here.work(None, 0, long))[0] == os.getpid()
    assert long()[0] == os.getpid()


async def test_what_is_short_waits_for_nothing_long() -> None:
    """Large documents have a line of their own."""
    here = Apart()
    large = asyncio.create_task(here.work("a", SMALL + 1, endless))
    await asyncio.sleep(0)
    assert here._long._taken == 1
    assert (await here.work("b", 1, who))[0] == os.getpid()
    assert not large.done()
    large.cancel()
    with pytest.raises(asyncio.CancelledError):
        await large


async def test_work_that_takes_too_much_is_refused_and_ended() -> None:
    """Work without an end, or of more memory than there is for it, is refused as too large, and the next one is done."""
    apart = Apart(processor=1)

    for long in (endless, greedy):
        with pytest.raises(TooLarge, match="seconds of a processor"):
            await apart.work(None, SMALL + 1, long)

    assert (await apart.work(None, SMALL + 1, who))[0] != os.getpid()


def looked_for(schema: ShippedSchema, whole: object, found: list[ShippedFault]) -> None:
    """Puts what is told of a document into a list."""
    found += schema.faults(whole, most=20)


def test_faults_that_are_not_told_are_not_looked_for() -> None:
    """With many faulty channels no more is looked at than with fewer, whatever each may have been meant for."""
    schema = ShippedSchema(json.loads((FOLDER / "2.6.0.json").read_bytes()))
    steps = {}
    for channels in (40, 800):
        listed = {f"c{number}": {"subscribe": {"message": FAULTY}} for number in range(channels)}
        whole = {"asyncapi": "2.6.0", "info": {"title": "t", "version": "1"}, "channels": listed}
        found: list[ShippedFault] = []
        steps[channels] = work(partial(looked_for, schema, whole, found))
        assert len(found) == 20

    assert steps[800] < 2 * steps[40]

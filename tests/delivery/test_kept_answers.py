"""What is kept of answers: whole ones as a rule, and of a workspace no more long ones than it has room for."""

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from delivery.kept_answers import BRIEF_BODY, BRIEF_HEADERS, CUT, KNOWN, LONG, KeptAnswers, uncut
from delivery.wire.parcels import Reply
from subscriptions.ground.database import Database
from subscriptions.webhooks.webhook import Registration
from tests.clock import Clock
from tests.delivery.craft import OWNER, Craft
from tests.delivery.destinations import OLD, SECRET, reply
from tests.workers.carrying import OTHER

NOW = datetime(2026, 5, 4, tzinfo=UTC)
BUDGET = 1 << 20
BODY = b"z" * 60_000
GREAT = reply(500, BODY, ("Server", "x"), *((f"X-{n}", "y" * 482) for n in range(60)))


def kept(answers: KeptAnswers, answer: Reply = GREAT, *, now: datetime = NOW, of: str = "one") -> tuple[object, bytes]:
    headers, body = answers.keep(of, answer, now)
    return [tuple(pair) for pair in json.loads(headers)], body


def test_long_answers_are_kept_within_a_budget() -> None:
    """Long answers of a workspace are kept whole up to its bytes an hour, and again as those come back; others have their own."""
    answers = KeptAnswers(per_hour=300_000, between=4096)
    whole = (list(GREAT.headers), BODY)

    at_once = [kept(answers) == whole for _ in range(5)]
    other = kept(answers, of="another") == whole
    later = [kept(answers, now=NOW + timedelta(minutes=20)) == whole for _ in range(3)]

    assert at_once == [True] * 3 + [False] * 2
    assert other
    assert later == [True] + [False] * 2


def test_short_ones_are_not_counted() -> None:
    """An answer up to 2 KB is kept whole, however many there were and whatever the workspace has left."""
    answers = KeptAnswers(per_hour=1, between=4096)
    short = reply(200, b"z" * (LONG - 100), ("Server", "x"))

    cut = kept(answers)
    told = [kept(answers, short) for _ in range(1000)]

    assert len(cut[1]) == BRIEF_BODY
    assert told == [([("Server", "x")], short.body)] * 1000


def test_what_is_kept_beyond_it() -> None:
    """The first headers, of long values their lengths, and the beginning of the body; a mark tells it from a whole one."""
    headers, body = KeptAnswers(per_hour=1, between=4096).keep("one", GREAT, NOW)
    pairs, cut = uncut(tuple((name, value) for name, value in json.loads(headers)))

    assert cut
    assert pairs[:2] == (("Server", "x"), ("X-0", "(482 bytes)"))
    assert BRIEF_HEADERS - 20 < sum(len(name) + len(value) for name, value in pairs) <= BRIEF_HEADERS
    assert body == BODY[:BRIEF_BODY]
    assert uncut(GREAT.headers) == (GREAT.headers, False)


def test_any_number() -> None:
    """0 keeps all, and an answer that broke off, or is longer than is read, is marked, however short."""
    answers = KeptAnswers(per_hour=0, between=4096)
    broken = Reply(status=200, headers=(("Server", "x"),), body=b"beg", truncated=True)

    assert [kept(answers)[1] for _ in range(100)] == [BODY] * 100
    assert kept(answers, broken) == ([("Server", "x"), CUT], b"beg")


def test_many_workspaces() -> None:
    """What is known of budgets does not grow without end."""
    answers = KeptAnswers(per_hour=1 << 20, between=4096)
    for number in range(KNOWN + 10):
        answers.keep(str(number), GREAT, NOW)

    assert len(answers._whole_at) == KNOWN


async def test_long_answers_fill_no_more_than_the_budget(craft_of_budget: Craft) -> None:
    """However many long answers a workspace's receivers give, what stands in the database is its budget and a few hundred bytes
    of each; another workspace's answers are whole beside them."""
    craft, per_hour = craft_of_budget, BUDGET
    hooks, other = await craft.hooks(5), await craft.hook(workspace=OTHER)
    for hook in [*hooks, other]:
        await craft.owe(hook, 20 if hook != other else 3)
    for held in await craft.drain():
        await craft.rounds.outcomes.record([await craft.attempt(held, GREAT)])

    taken = await sizes(craft, hooks)
    others = await sizes(craft, [other])

    assert len(taken) == 100
    assert sum(taken) <= per_hour + len(taken) * LONG
    assert sum(size > LONG for size in taken) == per_hour // max(taken)
    assert others == [max(taken)] * 3


async def test_challenges_too(craft_of_budget: Craft) -> None:
    """What is kept of answers to challenges has a bound as well."""
    craft = craft_of_budget
    registration = Registration(name="hook", destination=OLD, secret=SECRET)
    webhook = (await craft.webhook_lifecycle.register(registration, OWNER)).id
    for _ in range(30):
        craft.wire.answers.append(GREAT)
        await craft.challenge(webhook)

    taken = await sizes(craft, [webhook])

    assert len(taken) == 30
    assert sum(taken) <= BUDGET + len(taken) * LONG


@pytest.fixture
async def craft_of_budget(database: Database, clock: Clock) -> AsyncIterator[Craft]:
    async with Craft(database, clock, answer_bytes_per_hour=BUDGET) as craft:
        yield craft


async def sizes(craft: Craft, webhooks: list[UUID]) -> list[int]:
    """Bytes of each answer that is kept."""
    rows = await craft.fetch(
        "SELECT octet_length(response_headers) + octet_length(response_body) AS size FROM attempts WHERE webhook = ANY($1)",
        webhooks,
    )
    return [row["size"] for row in rows]

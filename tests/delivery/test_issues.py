"""Issues: failures that are alike are one, and over when they are over (protocol.md 12.1, 12.2, 12.3, 12.4, 12.5)."""

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from msgspec.structs import replace

from delivery.attempts.endings import EndedAttempt
from delivery.issue_kinds import IssueKind, IssueState
from delivery.judgement.alike import cause_of
from delivery.ledger.issues import failures
from delivery.ledger.records import outcomes
from delivery.reports.issues import IssueSearch, ListedIssue
from delivery.upkeep.issue_handling import Handled
from delivery.wire.parcels import Failure, FailureKind, Reply
from subscriptions.events.catalogue import ISSUE_OPENED, ISSUE_RESOLVED
from subscriptions.events.event import Naming
from subscriptions.ground import event_keys
from subscriptions.ground.errors import Absent, Conflicting, Refused
from tests.clock import Clock
from tests.delivery.craft import WORKSPACE, Craft
from tests.delivery.destinations import TIMED_OUT, reply

REFUSED = Failure(kind=FailureKind.refused, cause="connection refused by 192.0.2.7:443")


async def failed(craft: Craft, webhook: UUID, *answers: Reply | Failure) -> Sequence[EndedAttempt]:
    """As many deliveries of the webhook are owed and tried, and what they come to is recorded."""
    await craft.owe(webhook, len(answers))
    held = await craft.drain()
    ended = [await craft.attempt(each, answer) for each, answer in zip(held, answers, strict=True)]
    await craft.rounds.outcomes.record(ended)
    # Not to be tried again within the test.
    await craft.sql("UPDATE deliveries SET due_at = due_at + interval '10 hours' WHERE state = 'owed'")
    return ended


async def issues(craft: Craft, *states: IssueState, **narrowed: Any) -> Sequence[ListedIssue]:
    found = await craft.assembly.issues.page(IssueSearch(workspace_id=None, states=states, **narrowed))
    return found.items


@pytest.mark.parametrize(
    ("sentence", "cause"),
    [
        ("503 Service Unavailable", "503 Service Unavailable"),
        ("no answer within 15 s (connected after 0.3 s)", "no answer within … s (connected after … s)"),
        ("connection refused by 10.1.2.3:443", "connection refused by …"),
        ("connection refused by [2001:db8::1]:443", "connection refused by …"),
        ("name hook-2.example.com does not resolve", "name hook-2.example.com does not resolve"),
        ("token endpoint answered 401 invalid_client", "token endpoint answered 401 invalid_client"),
        ("kept 2026-11-28T14:00:01Z of 0b8f6a52-9a43-4b6e-8f3d-0d3f3f6f1c11", "kept … of …"),
        ("the answer is not HTTP: " + "x" * 500, "the answer is not HTTP: " + "x" * 176),
    ],
)
def test_what_varies_makes_no_other_cause(sentence: str, cause: str) -> None:
    """Numbers, addresses, times and ids are left out of a reason; statuses and names stay."""
    assert cause_of(sentence) == cause


async def test_failures_that_are_alike_are_one_issue(craft: Craft, clock: Clock) -> None:
    """Over recordings and processes: counted, with first and last, the newest events, and deliveries that were given up."""
    webhook = await craft.hook()
    began = clock.now
    first = await failed(craft, webhook, reply(503), reply(503), REFUSED, reply(200))
    clock.advance(30)
    refused = replace(REFUSED, cause="connection refused by 192.0.2.9:8443")
    later = await failed(craft, webhook, *[reply(503)] * 5, refused, reply(410))
    await craft.assembly.issue_watch.fold()

    by_cause = {each.cause: each for each in await issues(craft, kinds=(IssueKind.FAILURES,))}
    assert {cause: each.attempts for cause, each in by_cause.items()} == {
        "503 Service Unavailable": 7,
        "connection refused by …": 2,
        "410 Gone: the webhook was disabled": 1,
    }
    unavailable = by_cause["503 Service Unavailable"]
    assert (unavailable.first_at, unavailable.last_at) == (began, clock.now)
    assert (unavailable.webhook, unavailable.workspace_id, unavailable.status) == (webhook, WORKSPACE, 503)
    keys = sorted((each.record.event for each in [*first, *later] if each.record.status == 503), reverse=True)
    assert list(unavailable.events) == keys[:5]
    assert by_cause["connection refused by …"].reason == refused.cause
    [given_up] = await issues(craft, kinds=(IssueKind.GIVEN_UP,))
    assert (given_up.given_up, given_up.attempts, len(given_up.events)) == (1, 0, 1)
    assert await craft.value("SELECT count(*) FROM failure_notes") == 0


async def test_successes_pay_nothing(craft: Craft) -> None:
    """What is recorded of successes alone is one statement, the one of before; a failure among them adds no other."""
    statements: list[str] = []
    webhook = await craft.hook()
    await craft.owe(webhook, 5)
    held = await craft.drain()
    good = [await craft.attempt(each, reply(200)) for each in held[:3]]
    mixed = [await craft.attempt(each, answer) for each, answer in zip(held[3:], (reply(200), reply(503)), strict=True)]
    async with craft.database.raw() as connection:
        connection.add_query_logger(lambda record: statements.append(record.query))
        await outcomes.write(connection, [each.record for each in good], now=craft.clock())
        await outcomes.write(connection, [each.record for each in mixed], now=craft.clock())
        # Statements are told of a turn of the loop later.
        await connection.fetchval("SELECT 1")
    assert ["failure_notes" in each for each in statements if "outcome_counts" in each] == [False, True]
    assert not any("BEGIN" in each for each in statements)


async def test_a_failure_recorded_twice_is_noted_once(craft: Craft) -> None:
    """The answer to the recording having been lost, it is written again, and a late failure gives nothing up."""
    webhook = await craft.hook()
    await craft.owe(webhook, 2)
    first, second = [await craft.attempt(each, reply(302)) for each in await craft.drain()]

    await craft.rounds.outcomes.record([first])
    await craft.rounds.outcomes.record([first, second])
    await craft.assembly.issue_watch.fold()
    await craft.assembly.issue_watch.fold()

    [given_up] = await issues(craft, kinds=(IssueKind.GIVEN_UP,))
    [failure] = await issues(craft, kinds=(IssueKind.FAILURES,))
    assert (failure.attempts, given_up.given_up) == (2, 2)


async def test_many_recorders_and_folders_wait_for_nobody(craft: Craft, clock: Clock) -> None:
    """A storm of one webhook: while one recording stands in its transaction, others are written and folding goes on."""
    webhook = await craft.hook()
    await craft.owe(webhook, 40)
    ended = [replace(await craft.attempt(each, reply(503)), matters=False) for each in await craft.drain(share=200)]
    async with craft.database.raw() as connection, connection.transaction():
        await outcomes.write(connection, [each.record for each in ended[:5]], now=clock())
        parts = [ended[start : start + 5] for start in range(5, 40, 5)]
        await asyncio.gather(*(craft.rounds.outcomes.record(part) for part in parts))
        await asyncio.gather(*(craft.assembly.issue_watch.fold() for _ in range(3)))
        [found] = await issues(craft)
        assert found.attempts == 35
    await craft.assembly.issue_watch.fold()

    [found] = await issues(craft)
    assert found.attempts == 40


async def test_a_receiver_has_no_more_causes_than_it_is_allowed(craft: Craft) -> None:
    """What it answers is its own to choose: causes beyond the twentieth are one."""
    webhook = await craft.hook()
    odd = [Failure(kind=FailureKind.protocol, cause=f"the answer is not HTTP: {chr(97 + n)}") for n in range(24)]
    for answers in (odd[:12], odd[12:]):
        await failed(craft, webhook, *answers)
        await craft.assembly.issue_watch.fold()

    found = await issues(craft, kinds=(IssueKind.FAILURES,))
    assert len(found) == failures.CAUSES + 1
    assert {each.cause: each.attempts for each in found}[failures.OTHERS] == 4


async def test_failures_are_over_when_deliveries_succeed_again(craft: Craft, clock: Clock) -> None:
    """Not at once, not while it fails, and not without a success; what comes back is a new issue."""
    webhook = await craft.hook()
    quiet = craft.settings.issue_quiet
    await failed(craft, webhook, reply(503))
    await craft.assembly.issue_watch.fold()
    clock.advance(quiet + 1)
    await craft.assembly.issue_watch.look()
    assert [each.state for each in await issues(craft)] == [IssueState.OPEN]

    ended = await failed(craft, webhook, TIMED_OUT)
    clock.advance(10)
    await failed(craft, webhook, reply(200))
    await craft.assembly.issue_watch.fold()
    await craft.assembly.issue_watch.look()
    states = {each.cause: each.state for each in await issues(craft)}
    assert states == {"503 Service Unavailable": IssueState.RESOLVED, cause_of(ended[0].record.reason): IssueState.OPEN}

    clock.advance(quiet + 1)
    await craft.assembly.issue_watch.look()
    assert {each.state for each in await issues(craft)} == {IssueState.RESOLVED}

    await failed(craft, webhook, reply(503))
    await craft.assembly.issue_watch.fold()
    assert sorted(each.state for each in await issues(craft)) == ["open", "resolved", "resolved"]


async def test_what_was_given_up_is_an_issue_until_it_is_sent_again(craft: Craft, clock: Clock) -> None:
    """Successes of others do not end it; a retry of all of it does."""
    webhook = await craft.hook()
    [one, other] = [each.record.event for each in await failed(craft, webhook, reply(302), reply(302))]
    await failed(craft, webhook, reply(200))
    await craft.assembly.issue_watch.fold()
    clock.advance(craft.settings.issue_quiet + 1)

    for event in (one, other):
        await craft.assembly.issue_watch.look()
        [given_up] = await issues(craft, kinds=(IssueKind.GIVEN_UP,))
        assert given_up.state is IssueState.OPEN
        await craft.assembly.history.retry(None, webhook, event)
    await craft.assembly.issue_watch.look()

    [given_up] = await issues(craft, kinds=(IssueKind.GIVEN_UP,))
    assert (given_up.state, given_up.resolved_at) == (IssueState.RESOLVED, clock.now)


async def test_webhooks_that_stand_still_are_issues_by_why(craft: Craft, clock: Clock) -> None:
    """Halted by failures, disabled by an answer, not proved, none where its owner paused it; over when it is sent to again."""
    [halted, disabled, unproved, paused] = await craft.hooks(4, status="ERROR", subscribed=None)
    await craft.sql(
        "UPDATE webhooks SET failures = 21, state_reason = 'Failure in Event Deliveries' WHERE id = $1", halted
    )
    reason = "410 Gone: the webhook was disabled"
    await craft.sql("UPDATE webhooks SET status = 'DISABLED', state_reason = $2 WHERE id = $1", disabled, reason)
    by = "Webhook Disabled by user: ada"
    await craft.sql("UPDATE webhooks SET status = 'DISABLED', state_reason = $2 WHERE id = $1", paused, by)
    await craft.assembly.issue_watch.fold()

    found = {each.webhook: each for each in await issues(craft)}
    assert {webhook: each.kind for webhook, each in found.items()} == {
        halted: IssueKind.HALTED,
        disabled: IssueKind.DISABLED,
        unproved: IssueKind.VERIFICATION,
    }
    assert found[disabled].reason == reason

    await craft.sql("UPDATE webhooks SET status = 'ACTIVE' WHERE id = $1", halted)
    await craft.sql("UPDATE webhooks SET deleted_at = now() WHERE id = $1", unproved)
    await craft.assembly.issue_watch.fold()
    assert {each.webhook for each in await issues(craft, IssueState.OPEN)} == {disabled}


async def test_rows_that_nobody_takes_are_stuck(craft: Craft, clock: Clock) -> None:
    """Of a webhook that is served they wait their turn; jobs are looked at, too; taken, it is over."""
    stuck, served, leased = await craft.hooks(3)
    late: dict[str, Any] = {"due_in": -300.0}
    [event, *_] = await craft.owe(stuck, 3, **late)
    await craft.owe(served, 2, **late)
    await craft.owe(leased, 1, leased_until=clock.now + timedelta(seconds=20), **late)
    await craft.owe(stuck, 1, due_in=60)
    await craft.sql(
        "INSERT INTO jobs (id, kind, webhook, due_at, fence) VALUES ($1, 'wake', $1, $2, 0)",
        stuck,
        clock.now - timedelta(seconds=300),
    )
    held = [each for each in await craft.drain(share=1) if each.claimed.webhook == served]
    await craft.sql("UPDATE deliveries SET leased_until = NULL, fence = fence - 1 WHERE webhook = $1", stuck)
    await craft.rounds.outcomes.record([await craft.attempt(each, reply(200)) for each in held])
    await craft.counting.count()
    await craft.assembly.issue_watch.look()

    found = {(each.webhook, each.cause): each for each in await issues(craft)}
    assert {key: each.kind for key, each in found.items()} == {
        (stuck, "deliveries"): IssueKind.STUCK,
        (None, "jobs"): IssueKind.STUCK,
    }
    assert list(found[stuck, "deliveries"].events) == [event]
    assert found[None, "jobs"].workspace_id == ""

    await craft.sql("DELETE FROM jobs")
    await craft.sql("UPDATE deliveries SET due_at = $1", clock.now)
    await craft.assembly.issue_watch.look()
    assert await issues(craft, IssueState.OPEN) == []


async def test_a_backlog_that_grows_is_an_issue_until_it_shrinks(craft: Craft, clock: Clock) -> None:
    """It grows where there is a fifth more than a while ago and the oldest has waited long; few that wait are none."""
    growing, few = await craft.hooks(2)

    async def sample(webhook: UUID, waiting: int) -> None:
        await craft.owe(webhook, waiting, attempts=1)
        await craft.counting.count()

    await sample(few, 10)
    await sample(growing, 120)
    clock.advance(11 * 60)
    await sample(growing, 10)
    await craft.assembly.issue_watch.look()
    assert await issues(craft, kinds=(IssueKind.BACKLOG,)) == []

    await sample(growing, 50)
    await craft.assembly.issue_watch.look()
    [found] = await issues(craft, kinds=(IssueKind.BACKLOG,))
    assert (found.webhook, found.state, "180 deliveries wait" in found.reason) == (growing, IssueState.OPEN, True)

    await craft.sql(
        "DELETE FROM deliveries WHERE ctid IN (SELECT ctid FROM deliveries WHERE webhook = $1 LIMIT 70)", growing
    )
    clock.advance(11 * 60)
    await craft.counting.count()
    await craft.assembly.issue_watch.look()
    assert await issues(craft, IssueState.OPEN, kinds=(IssueKind.BACKLOG,)) == []


async def test_a_backlog_is_not_compared_with_what_nobody_counted(craft: Craft, clock: Clock) -> None:
    """After an outage in which nobody counted, what is left of it is no growth: there is nothing to compare it with yet."""
    webhook = await craft.hook()
    await craft.owe(webhook, 150, attempts=1)
    clock.advance(25 * 60)
    await craft.counting.count()
    await craft.assembly.issue_watch.look()
    assert await issues(craft, kinds=(IssueKind.BACKLOG,)) == []

    clock.advance(11 * 60)
    await craft.owe(webhook, 50, attempts=1)
    await craft.counting.count()
    await craft.assembly.issue_watch.look()
    assert [each.webhook for each in await issues(craft, kinds=(IssueKind.BACKLOG,))] == [webhook]


async def test_what_people_say_of_an_issue(craft: Craft, clock: Clock) -> None:
    """Acknowledged for good or until then, snoozed, reopened; open again when the time has come; nothing of a resolved one."""
    webhook = await craft.hook()
    await failed(craft, webhook, reply(503))
    await craft.assembly.issue_watch.fold()
    [issue] = await issues(craft)
    handling, report = craft.assembly.issue_handling, craft.assembly.issues
    of = Handled(id=issue.id, workspace_id=WORKSPACE, by="Ada", said="We know.")
    until = clock.now + timedelta(hours=1)

    said = await handling.acknowledge(of)
    assert (said.state, said.acted_by, said.until, said.said) == (IssueState.ACKNOWLEDGED, "Ada", None, "We know.")
    assert await report.attention(WORKSPACE) == []
    assert (await handling.reopen(of)).state is IssueState.OPEN
    [asking] = await report.attention(WORKSPACE)
    assert asking.id == issue.id
    assert (await handling.snooze(of, until)).until == until
    await craft.assembly.issue_watch.fold()
    assert [each.state for each in await issues(craft)] == [IssueState.SNOOZED]
    clock.advance(3601)
    await craft.assembly.issue_watch.fold()
    assert [each.state for each in await issues(craft)] == [IssueState.OPEN]

    for wrong in (clock.now, clock.now + timedelta(days=400), clock.now.replace(tzinfo=None) + timedelta(hours=2)):
        with pytest.raises(Refused):
            await handling.snooze(of, wrong)
    with pytest.raises(Absent):
        await handling.reopen(replace_workspace(of))
    await craft.sql("UPDATE webhooks SET deleted_at = now()")
    await craft.assembly.issue_watch.look()
    with pytest.raises(Conflicting):
        await handling.acknowledge(of)


def replace_workspace(of: Handled) -> Handled:
    return Handled(id=of.id, workspace_id="f" * 32, by=of.by)


async def test_attention_has_each_webhook_once_the_worst_first(craft: Craft, clock: Clock) -> None:
    """With how many issues it has beside; of another workspace nothing; lists are read page by page."""
    bad, halted = await craft.hooks(2)
    await craft.sql("UPDATE webhooks SET status = 'ERROR', failures = 21, state_reason = 'x' WHERE id = $1", halted)
    await failed(craft, bad, reply(503), REFUSED)
    await craft.assembly.issue_watch.fold()
    await craft.assembly.issue_watch.look()
    report = craft.assembly.issues

    assert [(each.webhook, each.others) for each in await report.attention(WORKSPACE)] == [(halted, 0), (bad, 1)]
    assert [each.webhook for each in await report.attention(None, webhook=bad)] == [bad]
    assert await report.attention("f" * 32) == []
    seen, after = [], None
    while True:
        page = await report.page(IssueSearch(workspace_id=WORKSPACE, after=after, limit=1))
        seen += [each.id for each in page.items]
        after = page.after
        if after is None:
            break
    assert len(seen) == len(set(seen)) == 3
    assert await report.counts(WORKSPACE) == {IssueState.OPEN: 3}


async def test_resolved_issues_leave_as_records_do(craft: Craft, clock: Clock) -> None:
    """After the same time; those that are not resolved stay."""
    gone, stays = await craft.hooks(2)
    await failed(craft, gone, reply(503))
    await failed(craft, stays, reply(503))
    await craft.assembly.issue_watch.fold()
    await craft.sql("UPDATE webhooks SET deleted_at = now() WHERE id = $1", gone)
    await craft.assembly.issue_watch.look()
    clock.advance(craft.settings.keep_records + 1)
    await craft.assembly.issue_watch.forget()

    assert [each.webhook for each in await issues(craft)] == [stays]


def test_the_time_of_an_issue_is_in_its_id(clock: Clock) -> None:
    """So that lists in order of ids are in order of beginning."""
    assert abs(event_keys.time_of(event_keys.new(clock.now)) - clock.now) < timedelta(milliseconds=1)


async def test_who_has_subscribed_is_told(craft: Craft, clock: Clock) -> None:
    """That an issue was opened and, when it is over, resolved (protocol.md 12.6): each an event, told twice one."""
    opened, resolved = (Naming().prefix + each for each in (ISSUE_OPENED, ISSUE_RESOLVED))
    listener = await craft.hook(subscribed=opened)
    await craft.subscribe([listener], resolved)
    webhook, elsewhere = await craft.hook(), await craft.hook(workspace="f" * 32)
    await failed(craft, webhook, reply(503), REFUSED)
    await failed(craft, elsewhere, reply(503))
    await craft.assembly.issue_watch.fold()
    found = {each.id: each for each in await issues(craft, webhook=webhook)}
    sent = await craft.fetch("SELECT id, type, body FROM events WHERE type = ANY ($1)", [opened, resolved])

    assert {(row["id"], row["type"]) for row in sent} == {(f"{key}.opened", opened) for key in found}
    data = [msgspec.json.decode(row["body"])["data"] for row in sent]
    assert {each["summary"] for each in data} == {each.wrong for each in found.values()}
    assert await craft.value("SELECT count(*) FROM deliveries WHERE webhook = $1", listener) == 2

    await craft.sql("DELETE FROM deliveries WHERE webhook = $1", listener)
    await craft.sql("UPDATE issues SET untold = 'opened' WHERE webhook = $1", webhook)
    await craft.sql("UPDATE webhooks SET deleted_at = now() WHERE id = $1", elsewhere)
    await craft.assembly.issue_watch.fold()
    await craft.sql("UPDATE webhooks SET failures = 0 WHERE id = $1", webhook)
    clock.advance(craft.settings.issue_quiet + 1)
    await craft.assembly.issue_watch.look()
    sent = await craft.fetch("SELECT id, type FROM events WHERE type = ANY ($1)", [opened, resolved])

    words = {opened: "opened", resolved: "resolved"}
    assert sorted(row["id"] for row in sent) == sorted(f"{key}.{word}" for key in found for word in words.values())
    assert all(row["id"].endswith(words[row["type"]]) for row in sent)
    assert await craft.value("SELECT count(*) FROM issues WHERE untold IS NOT NULL") == 0


async def test_certificates_that_end_are_issues(craft: Craft, clock: Clock) -> None:
    """From two weeks before on, the client's and the authorities' apart; a new one ends it."""
    soon, late = (_certificate(clock.now + timedelta(days=days)) for days in (10, 40))
    webhook = await craft.hook(client_certificate=soon, ca_bundle=late)
    await craft.assembly.issue_watch.look_at_certificates()
    [found] = await issues(craft)
    clock.advance(30 * 86400)
    await craft.assembly.issue_watch.look_at_certificates()
    both = await issues(craft, IssueState.OPEN)
    await craft.sql("UPDATE webhooks SET client_certificate = '', ca_bundle = ''")
    await craft.assembly.issue_watch.look_at_certificates()

    assert (found.kind, found.webhook, found.cause) == (IssueKind.CERTIFICATE, webhook, "client certificate")
    assert "CN=hook ends on" in found.reason
    assert {each.cause: "ended" in each.reason for each in both} == {"client certificate": True, "authority": False}
    assert await issues(craft, IssueState.OPEN) == []


def _certificate(ends: datetime) -> str:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "hook")])
    made = x509.CertificateBuilder(name, name, key.public_key(), 1, ends - timedelta(days=365), ends)
    return made.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM).decode()

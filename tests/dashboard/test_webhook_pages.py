"""The pages of webhooks over ASGI: what they show to whom, and what their forms do."""

import re
from datetime import timedelta
from typing import Any
from urllib.parse import unquote
from uuid import UUID, uuid4

import httpx
import pytest

from delivery.ledger.upkeep.sweeps import ProcessState
from delivery.lifecycle import State
from delivery.tickets import BrokerReport, Nudge, Ticket
from service.api.webhooks import owner
from service.dashboard.frame import wording
from service.health.carriers import CarrierReport
from service.services import Services
from subscriptions.access.access_tokens import Caller
from subscriptions.access.audit_log import AuditQuery
from subscriptions.access.clients import Role
from subscriptions.webhooks.subscription_list import SubscriptionRequest
from subscriptions.webhooks.webhook import Registration, Webhook
from tests.builders import Builder, Result
from tests.clock import Clock
from tests.dashboard.conftest import Visit
from tests.service.callers import OTHER_WORKSPACE, WORKSPACE

PATH = "/dashboard/webhooks"
AUDIT = "com.hpe.greenlake.audit-log.v1.logs.created"
REBOOTED = "com.hpe.greenlake.compute-ops.v1.servers.rebooted"
FAILED = Result(state=State.FAILED, status=503, reason="503 Service Unavailable", cause="503 Service Unavailable")
ADA = Caller(
    issuer="x",
    client_id="ada",
    name="Ada",
    workspace_id=WORKSPACE,
    roles=frozenset({Role.SUBSCRIBER}),
    any_workspace=False,
)


class Carried:
    """Looks that found everything at work, or what they are given."""

    def __init__(self, **found: Any) -> None:
        self._found = found

    async def look(self) -> CarrierReport:
        broker = BrokerReport(product="redis", version="7.0", waiting={})
        worker = ProcessState(kind="worker", slots=500, in_use=0, ahead=0.0, silent=0.1, swept=0.1, foreign=0)
        usual = {"processes": (worker,), "swept": 0.1, "heard": {"worker": 0.1}, "broker": broker, "missing": ()}
        return CarrierReport(**{**usual, **self._found})


@pytest.fixture(autouse=True)
def carried(services: Services) -> None:
    """What is said of a webhook is of it alone: workers, beat and broker are there."""
    object.__setattr__(services, "carriers", Carried())


async def hook(services: Services, name: str = "licences", **more: Any) -> Webhook:
    """A webhook of Ada's workspace, ACTIVE from the start unless it is said otherwise."""
    asked = {"destination": "https://127.0.0.1:9/hook", "secret": "s3cr3tKey", "challenge_request_enabled": False}
    return await services.webhook_lifecycle.register(Registration(name=name, **{**asked, **more}), owner(ADA))


async def subscribe(services: Services, webhook: Webhook, event_type: str = REBOOTED, event_filter: str = "") -> UUID:
    order = SubscriptionRequest(event_type=event_type, webhook=webhook.id, event_filter=event_filter)
    [made] = await services.subscription_store.add([order], owner(ADA), within=WORKSPACE, now=services.clock())
    return made.id


def said(response: httpx.Response) -> str:
    """The sentence that the next page shows."""
    assert response.status_code == 303, response.text
    return unquote(response.cookies["hooklake_said"].strip('"'))


async def test_a_list_with_nothing_in_it_says_what_to_do(visit: Visit) -> None:
    """Nothing yet: who may register is led there, who may only look is told so; no match is another thing."""
    async with await visit(Role.SUBSCRIBER) as subscriber, await visit(Role.VIEWER) as viewer:
        first, other = await subscriber.get(PATH), await viewer.get(PATH)
        nothing = await subscriber.get(PATH, params={"search": "x", "status": "", "sort": "name"})

    assert "No webhooks yet" in first.text
    assert f'href="{PATH}/new"' in first.text
    assert f'href="{PATH}/new"' not in other.text
    assert "No webhook matches" in nothing.text


async def test_the_list_shows_how_webhooks_fare(
    visit: Visit, services: Services, builder: Builder, clock: Clock
) -> None:
    """State, what waits, failures; what needs somebody stands first; each sees those of their workspace."""
    well = await hook(services, "well")
    paused = await hook(services, "asleep", destination="https://127.0.0.1:9/<b>")
    async with await visit(Role.SUBSCRIBER) as client:
        await client.post(f"{PATH}/{paused.id}/pause")
        await builder.owe(builder.event(), paused.id, sendable=False)
        clock.advance(60)
        await services.assembly.counting.count()
        page = await client.get(PATH)
        found = await client.get(PATH, params={"search": "WELL"})
    async with await visit(Role.SUBSCRIBER, workspace=OTHER_WORKSPACE) as other:
        theirs = await other.get(PATH)
    async with await visit(Role.OPERATOR, workspace=OTHER_WORKSPACE) as operator:
        every = await operator.get(PATH)
        narrowed = await operator.get(PATH, params={"workspace": OTHER_WORKSPACE})

    assert page.text.index("asleep") < page.text.index(">well<")
    assert "Paused" in page.text
    assert "1 min ago" in page.text
    assert "/&lt;b&gt;" in page.text
    assert "asleep" not in found.text
    assert str(well.id) in found.text
    assert "No webhooks yet" in theirs.text
    assert str(well.id) in every.text
    assert WORKSPACE[:8] in every.text
    assert str(well.id) not in narrowed.text


async def test_the_list_tells_of_failures_that_are_over(
    visit: Visit, services: Services, builder: Builder, clock: Clock
) -> None:
    """A webhook that is well again has failed all the same; the filter has the word that people read."""
    async with await visit(Role.VIEWER) as viewer:
        empty = (await viewer.get(PATH)).text
        webhook = await hook(services)
        await builder.tried(builder.event(), webhook.id, FAILED)
        clock.advance(60)
        await services.assembly.counting.count()
        listed = (await viewer.get(PATH)).text

    assert f"This is workspace {WORKSPACE}." in empty
    assert "are counted by the hour" in listed
    assert '<option value="DISABLED">Paused</option>' in listed


async def test_the_list_goes_on_behind_a_webhook(visit: Visit, services: Services) -> None:
    """A later page leads back to the first one, whatever the order."""
    first, *_ = [await hook(services, name) for name in ("a", "b", "c")]
    async with await visit(Role.SUBSCRIBER) as ada:
        page = await ada.get(PATH, params={"sort": "name", "after": str(first.id)})

    assert page.status_code == 200
    assert f'href="{PATH}?sort=name">First page' in page.text


async def test_a_webhook_shows_all_of_it(visit: Visit, services: Services, builder: Builder) -> None:
    """All that GreenLake's page has, and what was sent, with retry; who may only look sees no signature."""
    webhook = await hook(services, description="For licences", secondary_secret="second-s3cr3t")
    await subscribe(services, webhook, event_filter="n gt 4")
    event = builder.event(type=REBOOTED)
    sent = b'[["HPE-Webhook-Signature","sha256=%b"]]' % (b"ab" * 32)
    await builder.tried(
        event, webhook.id, Result(state=State.FAILED, status=503, reason="503 Gone <away>", request_headers=sent)
    )
    async with await visit(Role.SUBSCRIBER) as client, await visit(Role.VIEWER) as viewer:
        page, looked = await client.get(f"{PATH}/{webhook.id}"), await viewer.get(f"{PATH}/{webhook.id}")

    for text in ("licences", "For licences", str(webhook.id), "https://127.0.0.1:9/hook", "Server rebooted", "n gt 4"):
        assert text in page.text
        assert text in looked.text
    assert "Skipped" in page.text
    assert "both secrets" in page.text
    assert "503 Gone &lt;away&gt;" in page.text
    assert f"/failures/{event.key}/retry" in page.text
    assert "abab" in page.text
    assert "abab" not in looked.text
    for form in ("/retry", "/pause", "/unregister", "/test", "/edit", "/subscribe"):
        assert form in page.text
        assert form not in looked.text
    assert "s3cr3t" not in page.text


async def test_the_figures_of_a_webhook(visit: Visit, services: Services, builder: Builder, clock: Clock) -> None:
    """Success, status classes and latency of an hour, a day, a week; a day in the list; the states it came to, and why."""
    webhook = await hook(services)
    for result in (Result(), Result(), Result(), FAILED):
        await builder.tried(builder.event(), webhook.id, result)
        clock.advance(60)
    await services.assembly.counting.count()
    async with await visit(Role.SUBSCRIBER) as client:
        await client.post(f"{PATH}/{webhook.id}/pause")
        day, listed = await client.get(f"{PATH}/{webhook.id}"), await client.get(PATH)
        hour = await client.get(f"{PATH}/{webhook.id}", params={"span": "hour"})
        wrong = await client.get(f"{PATH}/{webhook.id}", params={"span": "year"})
        csv = await client.get(PATH, params={"format": "csv"})

    for page in (day, hour):
        assert "75 %" in page.text
        assert "by status class" in page.text
        assert "1 given up" in page.text
    assert "75 %" in listed.text
    assert "Delivered hour by hour" in listed.text
    assert '"4","3","0.75"' in csv.text
    assert (
        day.text.index('id="history"')
        < day.text.index('class="timeline"')
        < day.text.rindex(">Paused<")
        < day.text.rindex(">Active<")
    )
    assert wrong.status_code == 400


async def test_the_end_of_the_receivers_certificate(
    visit: Visit, services: Services, builder: Builder, clock: Clock
) -> None:
    """As an attempt over a new connection has noted it; spoken of a month before; where it was not seen, that is said."""
    webhook, unseen = await hook(services), await hook(services, "unseen")
    plain = await hook(services, "plain", destination="http://127.0.0.1:9/")
    until = clock() + timedelta(days=20, minutes=1)
    wired = b'["POST","https://x/","192.0.2.1",443,false,false,1,1,1,1,1,%d]' % until.timestamp()
    kept = b'["POST","https://x/","192.0.2.1",443,false,true]'
    for wire in (wired, kept):
        event = builder.event()
        await builder.tried(event, webhook.id, Result())
        async with services.database.raw() as connection:
            await connection.execute("UPDATE attempts SET wire = $2 WHERE event = $1", event.key, wire)
    async with await visit(Role.VIEWER) as viewer:
        page, other = await viewer.get(f"{PATH}/{webhook.id}"), await viewer.get(f"{PATH}/{unseen.id}")
        clear = await viewer.get(f"{PATH}/{plain.id}")

    assert f"{until:%Y-%m-%d}" in page.text
    assert "expires in 20 d" in page.text
    assert "was not seen lately" in other.text
    assert "reached without TLS" in clear.text


async def test_a_webhook_of_others_is_not_there(visit: Visit, services: Services) -> None:
    """404 as a page, for every form, too."""
    webhook = await hook(services)
    async with await visit(Role.SUBSCRIBER, workspace=OTHER_WORKSPACE) as other:
        answers = [await other.get(f"{PATH}/{webhook.id}"), await other.get(f"{PATH}/{uuid4()}")]
        answers += [
            await other.post(f"{PATH}/{webhook.id}/{each}", data={"type": REBOOTED})
            for each in ("verify", "pause", "resume", "unregister", "test", "subscriptions")
        ]

    assert [each.status_code for each in answers] == [404] * len(answers)
    assert "Nothing here" in answers[0].text


async def test_what_needs_somebody_is_said(visit: Visit, services: Services, builder: Builder, clock: Clock) -> None:
    """PENDING with a handler to copy, ERROR with its reason and what waits, a rotation that was forgotten, no subscription."""
    pending = await hook(services, challenge_request_enabled=True)
    ill = await hook(services, "ill", secondary_secret="second-s3cr3t")
    async with services.database.raw() as connection:
        await connection.execute(
            "UPDATE webhooks SET status = 'ERROR', failures = 21, state_reason = $2 WHERE id = $1",
            *(ill.id, "Failure in Event Deliveries. The last one: 503 Service Unavailable"),
        )
    await builder.owe(builder.event(), ill.id, sendable=False)
    clock.advance(timedelta(days=8).total_seconds())
    async with await visit(Role.SUBSCRIBER) as client:
        first, second = await client.get(f"{PATH}/{pending.id}"), await client.get(f"{PATH}/{ill.id}")

    assert "has not answered yet: nothing is sent to it until then" in first.text
    assert f'href="{PATH}/{pending.id}/handler"' in first.text
    assert "so it is not sent to. The last failure: 503 Service Unavailable. 1 delivery waits" in second.text
    assert "end the rotation" in second.text


async def test_a_webhook_that_was_never_sent_to_has_not_failed_too_much(visit: Visit, services: Services) -> None:
    """Not proved is another thing than halted: on its page, and on the overview."""
    webhook = await hook(services, challenge_request_enabled=True)
    async with await visit(Role.SUBSCRIBER) as client:
        await client.post(f"{PATH}/{webhook.id}/verify")
        pages = [(await client.get(each)).text for each in (f"{PATH}/{webhook.id}", "/dashboard")]

    for page in pages:
        assert "so nothing is sent to it. Connection refused by 127.0.0.1:9" in page
        assert "Too much failed" not in page
        assert "unreachable. error" not in page


async def test_what_a_webhook_is_now_is_loaded_again_by_itself(
    visit: Visit, services: Services, builder: Builder, clock: Clock
) -> None:
    """Chip, verdict and figures are one part that is loaded again; the list below is not, but for the first that lands in it."""
    webhook = await hook(services)
    await subscribe(services, webhook)
    async with await visit(Role.SUBSCRIBER) as client:
        own = f"{PATH}/{webhook.id}"
        before = (await client.get(own)).text
        for result in (Result(), FAILED):
            await builder.tried(builder.event(), webhook.id, result)
            clock.advance(1)
        await services.assembly.counting.count()
        await services.assembly.issue_watch.fold()
        part = (await client.get(own, headers={"HX-Request": "true", "HX-Target": "div#standing"})).text
        landed = (await client.get(own, headers={"HX-Request": "true", "HX-Target": "section#deliveries"})).text
        after = (await client.get(own)).text

    assert ("are sent to it as they are published" in before, "Nothing sent yet" in before) == (True, True)
    assert before.count('data-live="again"') == 2
    assert ("<main" in part, "1 given up" in part, "Its deliveries arrive" in part) == (False, True, False)
    assert "1 delivery was given up" in part
    assert ("<main" in landed, REBOOTED in landed or "logs.created" in landed) == (False, True)
    assert after.count('data-live="again"') == 1
    assert "Send again what failed" in after
    assert "Send again what failed" not in before


async def test_one_thing_is_said_once(visit: Visit, services: Services, builder: Builder) -> None:
    """A webhook whose deliveries fail has one banner, the issue's; what is still tried again is not offered as failed."""
    webhook = await hook(services)
    await subscribe(services, webhook)
    late = Result(state=State.OWED, status=500, reason="500 Internal Server Error", cause="500 Internal Server Error")
    await builder.tried(builder.event(), webhook.id, late)
    await services.assembly.issue_watch.fold()
    reason = "Failure in Event Deliveries. The last one: 500 Internal Server Error"
    async with services.database.raw() as connection:
        await connection.execute(
            "UPDATE webhooks SET status = 'WARNING', failures = 1, state_reason = $2 WHERE id = $1", webhook.id, reason
        )
    async with await visit(Role.SUBSCRIBER) as client:
        page = (await client.get(f"{PATH}/{webhook.id}")).text

    top = page.partition('id="deliveries"')[0]
    assert "1 attempt for licences failed: 500 Internal Server Error." in top
    assert top.count("500 Internal Server Error") == 1
    assert "note-box" not in top
    assert "Retry all…" in page
    assert f"webhookId={webhook.id}&amp;state=owed" in page


async def test_an_issue_that_passes_says_when(visit: Visit, services: Services, builder: Builder, clock: Clock) -> None:
    """Once deliveries arrive again: since when nothing has failed, and when it resolves itself."""
    webhook = await hook(services)
    await subscribe(services, webhook)
    await builder.tried(builder.event(), webhook.id, FAILED)
    await services.assembly.issue_watch.fold()
    failed_at = clock()
    async with services.database.raw() as connection:
        await connection.execute("DELETE FROM issues WHERE kind = 'given-up'")
    clock.advance(60)
    async with await visit(Role.SUBSCRIBER) as client:
        page = (await client.get(f"{PATH}/{webhook.id}")).text
        issue = page.partition('href="/dashboard/issues/')[2].partition('"')[0]
        own = (await client.get(f"/dashboard/issues/{issue}")).text

    for text in (page, own):
        assert f'No failure since <time datetime="{wording.stamp(failed_at)}"' in text
        assert f'at <time datetime="{wording.stamp(failed_at + timedelta(minutes=15))}"' in text


async def test_pause_resume_and_unregister(visit: Visit, services: Services, builder: Builder) -> None:
    """As by the API, with what became of it said; before the end its consequences are named, with numbers."""
    webhook = await hook(services)
    await subscribe(services, webhook)
    await builder.owe(builder.event(), webhook.id)
    async with await visit(Role.SUBSCRIBER) as client:
        own = f"{PATH}/{webhook.id}"
        paused = await client.post(f"{own}/pause")
        asleep = await client.get(own)
        resumed = await client.post(f"{own}/resume")
        before = await client.get(own)
        gone = await client.post(f"{own}/unregister")
        after = await client.get(own)

    assert "Paused" in said(paused)
    assert f"{own}/resume" in asleep.text
    assert "Resumed" in said(resumed)
    assert "1 subscription ends" in before.text
    assert "1 delivery that waits is cancelled" in before.text
    assert said(gone) == "licences is unregistered."
    assert after.status_code == 404


async def test_verify_tells_what_the_destination_answered(visit: Visit, services: Services) -> None:
    """Nobody listens there: that is said, and the webhook's state with it."""
    webhook = await hook(services, challenge_request_enabled=True)
    async with await visit(Role.VIEWER) as viewer:
        told = await viewer.post(f"{PATH}/{webhook.id}/verify")
        page = await viewer.get(told.headers["location"])

    assert said(told) == "!The destination did not answer: connection refused by 127.0.0.1:9."
    assert 'class="said warn"' in page.text
    assert page.text.partition("Recent deliveries")[0].count("onnection refused by 127.0.0.1:9") == 2
    assert ("Unanswered" in page.text, "Delivered later" in page.text) == (True, False)


async def test_verifying_leaves_an_entry(visit: Visit, services: Services) -> None:
    """Who asked for a challenge and what was answered is in the audit log, for it may move a webhook's state."""
    webhook = await hook(services, challenge_request_enabled=True)
    async with await visit(Role.VIEWER, name="Vera") as viewer, await visit(Role.SUBSCRIBER) as ada:
        await viewer.post(f"{PATH}/{webhook.id}/verify")
        [entry] = (
            await services.audit_log.page(AuditQuery(subject=str(webhook.id), action="webhook.verified"))
        ).entries
        page = (await ada.get("/dashboard/audit", params={"subject": str(webhook.id)})).text

    assert (entry.actor_name[:4], entry.roles, entry.before) == ("vera", ("viewer",), {})
    assert entry.after == {"status": "ERROR", "answered": "nothing"}
    assert "verified" in page


async def test_a_webhook_that_warns_and_is_calm_says_until_when(visit: Visit, services: Services, clock: Clock) -> None:
    """After a success the page and the overview say since when nothing failed, and the page when it is active again: as soon as
    upkeep makes it so, and not before."""
    webhook = await hook(services)
    await subscribe(services, webhook)
    async with services.database.raw() as connection:
        await connection.execute(
            "UPDATE webhooks SET status = 'WARNING', state_reason = $2, failures = 2, last_failure_at = $3 WHERE id = $1",
            *(webhook.id, "Failure in Event Deliveries. The last one: 503", clock()),
        )
    clock.advance(60)
    own = f"{PATH}/{webhook.id}"
    async with await visit(Role.SUBSCRIBER) as client:
        failing = (await client.get(own)).text
        async with services.database.raw() as connection:
            await connection.execute("UPDATE webhooks SET failures = 0")
        calm, overview = (await client.get(own)).text, (await client.get("/dashboard")).text
        clock.advance(services.assembly.settings.calm_after - 61)
        await services.assembly.upkeep.mend()
        still = (await client.get(own)).text
        clock.advance(2)
        await services.assembly.upkeep.mend()
        well = (await client.get(own)).text

    assert ("Some of its deliveries fail" in failing, "No failure since" in failing) == (True, False)
    for page in (calm, still):
        assert ("Its deliveries arrive again." in page, "it is active again at <time" in page) == (True, True)
        assert "Some of its deliveries fail" not in page
    assert "Its deliveries arrive again: the last failure was 1 min ago." in overview
    assert "Needs attention" not in overview
    assert ('class="verdict ok"' in well, "active again" in well) == (True, False)


@pytest.mark.parametrize(
    ("found", "sentence"),
    [
        ({"processes": ()}, "No worker runs: nothing is sent until one does."),
        ({"broker": None}, "The broker does not answer: workers hear of nothing that is due until it does."),
    ],
)
async def test_while_nobody_carries_a_webhook_is_not_said_to_be_well(
    visit: Visit, services: Services, builder: Builder, found: dict[str, Any], sentence: str
) -> None:
    """Its page says the delivery's sentence and what waits, and a test event is promised for no moment."""
    webhook = await hook(services)
    await subscribe(services, webhook)
    await builder.tried(builder.event(), webhook.id, Result())
    object.__setattr__(services, "carriers", Carried(**found))
    own = f"{PATH}/{webhook.id}"
    async with await visit(Role.SUBSCRIBER) as client:
        sent = [await client.post(f"{own}/test", data={"type": REBOOTED, "then": each}) for each in ("", "handler")]
        page = (await client.get(own)).text

    assert [said(each) for each in sent] == [f"!A test event is kept, and not sent yet. {sentence}"] * 2
    assert f"{sentence} 2 deliveries wait" in page
    assert ('class="verdict warn"' in page, "Its deliveries arrive" in page) == (True, False)


async def test_the_steps_of_a_registration_stay_together(visit: Visit, services: Services, builder: Builder) -> None:
    """Verify, subscribe and a test event lead back to the steps, which are loaded again as soon as there is more to show."""
    webhook = await hook(services, challenge_request_enabled=True)
    own = f"{PATH}/{webhook.id}"
    live = {"HX-Request": "true", "HX-Target": "div#steps", "X-Live": "true"}
    async with await visit(Role.SUBSCRIBER) as client:
        first = await client.get(f"{own}/handler")
        seen = first.text.partition('name="seen" value="')[2].partition('"')[0]
        still = await client.get(f"{own}/handler", params={"seen": seen}, headers=live)
        moves = [
            await client.post(f"{own}/verify", data={"then": "handler"}),
            await client.post(f"{own}/subscriptions", data={"type": REBOOTED, "then": "handler"}),
            await client.post(f"{own}/test", data={"type": REBOOTED, "then": "handler"}),
        ]
        refused = await client.post(f"{own}/test", data={"type": REBOOTED, "data": "{", "then": "handler"})
        none = await client.post(f"{own}/subscriptions", data={"type": "", "then": "handler"})
        odd = await client.post(f"{own}/verify", data={"then": "//example.com"})
        halted = await client.get(f"{own}/handler", params={"seen": seen}, headers=live)
        async with services.database.raw() as connection:
            await connection.execute("UPDATE webhooks SET status = 'ACTIVE', state_reason = ''")
        await builder.tried(builder.event(type=REBOOTED), webhook.id, Result())
        over = await client.get(f"{own}/handler", params={"seen": seen}, headers=live)

    assert (still.status_code, still.text) == (204, "")
    assert [each.headers["location"] for each in moves] == [f"{own}/handler"] * 3
    assert odd.headers["location"] == own
    assert (refused.status_code, 'id="steps"' in refused.text, "No test event was sent" in refused.text) == (
        400,
        True,
        True,
    )
    assert 'name="then" value="handler"' in none.text
    assert ("Connection refused by" in halted.text, "<main" in halted.text) == (True, False)
    assert "All four steps are done" in over.text
    assert over.text.count('class="done"') == 4


async def test_the_last_step_waits_for_the_event_that_was_sent(
    visit: Visit, services: Services, builder: Builder
) -> None:
    """What was delivered before says nothing of a test event that somebody has just sent: its own outcome is waited for."""
    webhook = await hook(services)
    await subscribe(services, webhook)
    own = f"{PATH}/{webhook.id}"
    await builder.tried(builder.event(type=REBOOTED), webhook.id, Result())
    async with await visit(Role.SUBSCRIBER) as client:
        before = (await client.get(f"{own}/handler")).text
        await client.post(f"{own}/test", data={"type": REBOOTED, "then": "handler"})
        after = (await client.get(f"{own}/handler")).text
        [awaited] = re.findall(r'name="awaited" value="([0-9a-f]{32})"', after)
        live = {"HX-Request": "true", "HX-Target": "div#steps", "X-Live": "true"}
        later = (await client.get(f"{own}/handler", params={"seen": "", "awaited": awaited}, headers=live)).text

    assert ("All four steps are done" in before, "On its way" in before) == (True, False)
    assert ["On its way" in each for each in (after, later)] == [True, True]
    assert ["All four steps are done" in each for each in (after, later)] == [False, False]


async def test_secrets_can_be_copied_while_they_are_shown(visit: Visit, services: Services) -> None:
    """Where one is shown once there is a button that copies it, and it is said in time; a rotation is verified from its steps."""
    webhook = await hook(services, secondary_secret="second-s3cr3t")
    one = await hook(services, "one")
    async with await visit(Role.SUBSCRIBER) as client:
        new, first = await client.get(f"{PATH}/new"), await client.get(f"{PATH}/{one.id}/secrets")
        both = (await client.get(f"{PATH}/{webhook.id}/secrets")).text
        verified = await client.post(f"{PATH}/{webhook.id}/verify", data={"then": "secrets"})

    assert ('data-copy-field="field-secret"' in new.text, "Copy it now" in new.text) == (True, True)
    assert ('data-copy-field="field-secret"' in first.text, 'data-copy-field="new-secret"' in first.text) == (
        True,
        True,
    )
    assert both.count(">End the rotation<") == 3
    assert "The second is the only one" not in both
    assert verified.headers["location"] == f"{PATH}/{webhook.id}/secrets"


async def test_a_test_event_and_a_retry_from_the_page(
    visit: Visit, services: Services, builder: Builder, announced: list[Nudge]
) -> None:
    """To this webhook alone; a failed delivery is sent again; data that are no JSON are refused as a page."""
    webhook = await hook(services)
    await subscribe(services, webhook)
    event = builder.event()
    await builder.tried(event, webhook.id, FAILED)
    announced.clear()
    async with await visit(Role.SUBSCRIBER) as client:
        own = f"{PATH}/{webhook.id}"
        sent = await client.post(f"{own}/test", data={"type": REBOOTED})
        [of] = [each.event for each in announced if isinstance(each, Ticket)]
        awaited, later = (await client.get(own)).text, (await client.get(own)).text
        wrong = await client.post(f"{own}/test", data={"type": REBOOTED, "data": "{"})
        again = await client.post(f"{own}/failures/{event.key}/retry")

    assert "on its way" in said(sent)
    # Until its first attempt the page waits for this event; loaded again, it does not.
    assert [each.count(f'data-event="{of.hex}"') for each in (awaited, later)] == [1, 0]
    assert [f'data-of="{of.hex}"' in each for each in (awaited, later)] == [True, False]
    assert (wrong.status_code, "No test event was sent: data" in wrong.text) == (400, True)
    assert said(again) == "It is sent again now."
    assert [type(each) for each in announced] == [Ticket, Ticket]


async def test_subscribing_changing_a_filter_and_ending(visit: Visit, services: Services) -> None:
    """Types are chosen with filters, a wrong filter is said beside its type and nothing is made; then changed, then ended."""
    webhook = await hook(services)
    own = f"{PATH}/{webhook.id}"
    async with await visit(Role.SUBSCRIBER) as client:
        offered = await client.get(f"{own}/subscribe")
        none = await client.post(f"{own}/subscriptions", data={"type": ""})
        bad = {"type": [AUDIT, REBOOTED], f"filter:{AUDIT}": "category eq"}
        wrong = await client.post(f"{own}/subscriptions", data=bad)
        made = await client.post(f"{own}/subscriptions", data={**bad, f"filter:{AUDIT}": "category eq 'x'"})
        page = await client.get(own)
        again = await client.post(f"{own}/subscriptions", data={"type": AUDIT})
        [one] = [each for each in await standing(services, webhook) if each[1] == AUDIT]
        form = await client.get(f"{own}/subscriptions/{one[0]}")
        changed = await client.post(f"{own}/subscriptions/{one[0]}", data={"filter": "category eq 'y'"})
        other = await client.get(f"{own}/subscriptions/{uuid4()}")
        ended = await client.post(f"{own}/subscriptions/{one[0]}/end")

    assert "Server rebooted" in offered.text
    assert (none.status_code, "at least one event type" in none.text) == (400, True)
    assert (wrong.status_code, "the end should" in wrong.text or "stands where" in wrong.text) == (400, True)
    assert "2 event types are sent" in said(made)
    assert "category eq &#39;x&#39;" in page.text
    assert (again.status_code, "subscribed" in again.text) == (400, True)
    assert "category eq &#39;x&#39;" in form.text
    assert "holds for what is published" in said(changed)
    assert other.status_code == 404
    assert "not sent to it any more" in said(ended)
    assert [each[1] for each in await standing(services, webhook)] == [REBOOTED]


async def standing(services: Services, webhook: Webhook) -> list[tuple[UUID, str, str]]:
    async with services.database.raw() as connection:
        rows = await connection.fetch(
            "SELECT id, event_type, event_filter FROM subscriptions WHERE webhook = $1", webhook.id
        )
    return [(row["id"], row["event_type"], row["event_filter"]) for row in rows]


@pytest.mark.parametrize("action", ["pause", "resume", "unregister", "test", "subscriptions", "failures/{other}/retry"])
async def test_who_may_only_look_changes_nothing(visit: Visit, services: Services, action: str) -> None:
    """Every form is refused on the server, whatever the page shows."""
    webhook = await hook(services)
    async with await visit(Role.VIEWER) as viewer:
        answer = await viewer.post(f"{PATH}/{webhook.id}/{action.format(other=uuid4())}", data={"type": REBOOTED})
        page = await viewer.get(f"{PATH}/{webhook.id}")

    assert answer.status_code == 403
    assert ("Your role does not permit it." in answer.text, "Invalid Permission" in answer.text) == (True, False)
    assert "Active" in page.text


async def test_a_wrong_answer_to_a_challenge_is_no_failed_delivery(
    visit: Visit, services: Services, builder: Builder
) -> None:
    """Of a webhook that is sent to: its page and the overview say that the challenge was answered wrongly, beside the issue of
    deliveries that do fail, and nothing below a warning is green."""
    webhook = await hook(services)
    await subscribe(services, webhook)
    await builder.tried(builder.event(), webhook.id, Result())
    await services.assembly.counting.count()
    async with await visit(Role.SUBSCRIBER) as client:
        well = (await client.get(f"{PATH}/{webhook.id}")).text
        async with services.database.raw() as connection:
            await connection.execute("UPDATE webhooks SET challenge_request_enabled = true")
        await client.post(f"{PATH}/{webhook.id}/verify")
        pages = [(await client.get(each)).text for each in (f"{PATH}/{webhook.id}", "/dashboard")]
        late = Result(state=State.OWED, status=500, reason="500 Oh", cause="500 Oh")
        await builder.tried(builder.event(), webhook.id, late)
        await services.assembly.issue_watch.fold()
        both = (await client.get(f"{PATH}/{webhook.id}")).text

    for page in pages:
        assert "Its last challenge was not answered rightly: it is sent to all the same. Connection refused" in page
        assert "deliveries fail" not in page
        assert f'href="{PATH}/{webhook.id}/handler"' in page
    assert ('class="tile ok"' in well, 'class="state ok"' in well) == (True, True)
    assert ('class="tile ok"' in pages[0], "100 %" in pages[0]) == (False, True)
    assert ("1 attempt for licences failed: 500 Oh." in both, "challenge was not answered rightly" in both) == (
        True,
        True,
    )


async def test_a_webhook_that_is_well_again_is_told_so_first(
    visit: Visit, services: Services, builder: Builder, clock: Clock
) -> None:
    """What was given up before is left to do, below one banner that begins with how it is now; its chip is not green in it."""
    webhook = await hook(services)
    await subscribe(services, webhook)
    await builder.tried(builder.event(), webhook.id, FAILED)
    await services.assembly.issue_watch.fold()
    async with await visit(Role.SUBSCRIBER) as client:
        before = (await client.get(f"{PATH}/{webhook.id}")).text
        clock.advance(60)
        await builder.tried(builder.event(), webhook.id, Result())
        after = (await client.get(f"{PATH}/{webhook.id}")).text

        async with services.database.raw() as connection:
            await connection.execute("UPDATE webhooks SET status = 'WARNING', last_failure_at = $1", clock())
        clock.advance(20)
        await builder.tried(builder.event(), webhook.id, Result())
        failing = (await client.get(f"{PATH}/{webhook.id}")).text

    banners = [page.partition('<section class="verdict ')[2].partition("</section>")[0] for page in (before, after)]
    # Of some that arrive while others fail that is not said.
    assert (
        "Its deliveries arrive again" not in failing.partition('<section class="verdict ')[2].partition("</section>")[0]
    )
    assert [each.partition('"')[0] for each in banners] == ["bad", "warn"]
    assert "1 delivery was given up. The last: 503 Service Unavailable" in banners[0]
    assert "Its deliveries arrive again: the last one just now. Before, 1 delivery was given up" in banners[1]
    assert ['class="state idle"' in each and "Active" in each for each in banners] == [True, True]

"""The pages of issues: what is wrong is found, understood and set aside; looked at in a browser, too."""

import csv
import io
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from delivery.issue_kinds import IssueState
from delivery.lifecycle import State
from delivery.reports.issues import IssueSearch, ListedIssue
from service.health.carriers import CarrierReport
from service.services import Services
from subscriptions.access.clients import Role
from subscriptions.webhooks.webhook import Webhook
from tests.builders import Builder, Result
from tests.clock import Clock
from tests.dashboard import browser
from tests.dashboard.browser import Chrome
from tests.dashboard.conftest import Visit, signed_in
from tests.dashboard.test_webhook_pages import hook
from tests.service.callers import OTHER_WORKSPACE, WORKSPACE

ISSUES = "/dashboard/issues"
PROOF = "a" * 64
ANSWER = b'{"error": "maintenance", "proof": "%s"}' % PROOF.encode()
UNAVAILABLE = Result(
    state=State.OWED,
    status=503,
    reason="503 Service Unavailable",
    cause="503 Service Unavailable",
    response_headers=b'[["Retry-After", "120"]]',
    response_body=ANSWER,
)
REFUSED = Result(
    state=State.FAILED,
    status=None,
    reason="given up after 20 attempts: connection refused by 192.0.2.1:443",
    cause="connection refused by …",
    response_headers=None,
    response_body=None,
)

Failing = Callable[..., Awaitable[Webhook]]


@pytest.fixture
async def failing(builder: Builder, services: Services) -> Failing:
    """Makes a webhook whose deliveries came to these results, as issues."""

    async def made(name: str, *results: Result) -> Webhook:
        webhook = await hook(services, name)
        for result in results:
            await builder.tried(builder.event(), webhook.id, result)
        async with services.database.raw() as connection:
            await connection.execute("UPDATE webhooks SET failures = $2 WHERE id = $1", webhook.id, len(results))
        await services.assembly.issue_watch.fold()
        return webhook

    return made


async def known(services: Services, *states: IssueState) -> list[ListedIssue]:
    return list((await services.issues.page(IssueSearch(workspace_id=None, states=states))).items)


class Calm:
    """Everything that carries deliveries is there."""

    async def look(self) -> CarrierReport:
        return CarrierReport(processes=(), swept=0.1, heard={}, broker=None, missing=())


async def test_the_list(visit: Visit, services: Services, failing: Failing) -> None:
    """The worst kind first, narrowed by kind, webhook and state, as a file; of one's own workspace alone; empty in words."""
    client = await visit(Role.VIEWER)
    unwatched = (await client.get(ISSUES)).text
    object.__setattr__(services, "carriers", Calm())
    nothing = (await client.get(ISSUES)).text
    billing = await failing("billing", UNAVAILABLE, UNAVAILABLE, REFUSED)
    await failing("audit", replace(UNAVAILABLE, cause="<b>", reason="<b>"))

    page = (await client.get(ISSUES)).text
    overview = "".join([(await client.get(f"{ISSUES}/{each.id}")).text for each in await known(services)])
    narrowed = (await client.get(ISSUES, params={"kind": "delivery-failure", "webhookId": str(billing.id)})).text
    resolved = (await client.get(ISSUES, params={"state": "resolved"})).text
    file = (await client.get(ISSUES, params={"state": "any", "format": "csv"})).text
    odd = await client.get(ISSUES, params={"kind": "worst"})
    other = (await (await visit(Role.SUBSCRIBER, workspace=OTHER_WORKSPACE)).get(ISSUES)).text

    # What varies from failure to failure is said as it was seen last: who reads why wants the address.
    assert (
        "1 attempt for billing failed. The last: given up after 20 attempts: connection refused by 192.0.2.1:443."
        in overview
    )
    assert ("connection refused by 192.0.2.1:443" in page, "refused by …" in page + overview) == (True, False)
    assert ("Deliveries are late" in unwatched, "Nothing is wrong" in unwatched) == (True, False)
    assert "Nothing is wrong" in nothing
    assert page.index("Deliveries given up") < page.index("Deliveries fail")
    assert ("&lt;b&gt;" in page, "<b>" in page) == (True, False)
    assert 'Open <span class="badge">4</span>' in page
    assert (narrowed.count("data-row"), "Deliveries given up</a>" in narrowed, ">audit</a>" in narrowed) == (
        2,
        False,
        False,
    )
    assert "No issue is in this state." in resolved
    assert [row["Failed attempts"] for row in csv.DictReader(io.StringIO(file)) if row["Webhook"] == "billing"].count(
        "2"
    ) == 1
    assert (odd.status_code, "kind" in odd.text) == (400, True)
    assert "billing" not in other


async def test_one_issue(visit: Visit, services: Services, failing: Failing) -> None:
    """What is wrong and what to do, with the link that does it; deliveries, the answer without proofs for who may only look."""
    webhook = await failing("billing", UNAVAILABLE, REFUSED)
    given_up, *others = await known(services)
    [unavailable] = [each for each in others if each.status == 503]
    subscriber, viewer = await visit(Role.SUBSCRIBER), await visit(Role.VIEWER)

    page = (await subscriber.get(f"{ISSUES}/{unavailable.id}")).text
    looked = (await viewer.get(f"{ISSUES}/{unavailable.id}")).text
    lost = (await subscriber.get(f"{ISSUES}/{given_up.id}")).text
    theirs = await (await visit(Role.OPERATOR)).get(f"{ISSUES}/{unavailable.id}", params={"workspace": OTHER_WORKSPACE})

    assert "1 attempt for billing failed: 503 Service Unavailable." in page
    assert "mend the destination" in page
    assert f'href="/dashboard/deliveries/{unavailable.events[0]}/{webhook.id}/0"' in page
    assert "Retry-After: 120" in page
    assert (PROOF in page, PROOF in looked, "maintenance" in looked) == (True, False, True)
    assert ("/acknowledge" in page, "/acknowledge" in looked) == (True, False)
    assert f"/dashboard/replays/new?webhookId={webhook.id}&amp;state=failed&amp;endedSince=" in lost
    assert (
        await subscriber.get(lost.partition('href="/dashboard/replays/new')[2].partition('"')[0] or "/")
    ).status_code
    assert theirs.status_code == 404
    assert "Send its deliveries again" in lost
    assert f"webhookId={webhook.id}&amp;state=owed" in page
    assert ("Retry all…" in page, "Retry all…" in looked) == (True, False)
    assert "It resolves itself once all of them were sent again." in lost


async def test_a_replay_of_all_of_it_is_one_click_away(
    visit: Visit, services: Services, failing: Failing, clock: Clock
) -> None:
    """The link finds what the issue gave up, counted, and nothing else."""
    await failing("billing", REFUSED, REFUSED, UNAVAILABLE)
    clock.advance(1)
    [given_up, *_] = await known(services)
    client = await visit(Role.SUBSCRIBER)
    page = (await client.get(f"{ISSUES}/{given_up.id}")).text
    path = "/dashboard/replays/new" + page.partition('href="/dashboard/replays/new')[2].partition('"')[0].replace(
        "&amp;", "&"
    )

    counted = await client.get(path)

    assert counted.status_code == 200
    assert "2 deliveries" in counted.text


async def test_setting_an_issue_aside(visit: Visit, services: Services, failing: Failing, clock: Clock) -> None:
    """Acknowledged with a note, snoozed with one click or until then, reopened; what cannot be is said in the form."""
    webhook = await failing("billing", UNAVAILABLE)
    [issue] = await known(services)
    client, own = await visit(Role.SUBSCRIBER, name="Ada"), f"{ISSUES}/{issue.id}"

    async def said(move: str, **form: str) -> tuple[int, str, str]:
        answer = await client.post(f"{own}/{move}", data=form)
        page = answer.text if answer.status_code != 303 else (await client.get(own)).text
        return answer.status_code, (await services.issues.one(None, issue.id)).state, page

    acknowledged = await said("acknowledge", note="The <team> knows.")
    watched = services.carriers
    object.__setattr__(services, "carriers", Calm())
    nothing_open = (await client.get(ISSUES)).text
    object.__setattr__(services, "carriers", watched)
    overview = (await client.get("/dashboard")).text
    at_webhook = (await client.get(f"/dashboard/webhooks/{webhook.id}")).text
    reopened = await said("reopen")
    overview_again = (await client.get("/dashboard")).text
    for_an_hour = await said("snooze", **{"for": "hour"})
    until = (await services.issues.one(None, issue.id)).until
    past = await said("snooze", until="2020-01-01T00:00")
    odd = await said("snooze", until="tomorrow")
    missing = await said("snooze", until="")
    viewer = await (await visit(Role.VIEWER)).post(f"{own}/acknowledge", data={"note": ""})

    assert acknowledged[:2] == (303, "acknowledged")
    assert "Acknowledged by ada" in acknowledged[2]
    assert "The &lt;team&gt; knows." in acknowledged[2]
    assert ("Change the note" in acknowledged[2], 'value="The &lt;team&gt; knows."' in acknowledged[2]) == (True, True)
    assert ("1 acknowledged: not over" in nothing_open, "Nothing is wrong" in nothing_open) == (True, False)
    assert "One issue is set aside" in overview
    assert "billing: deliveries fail" not in overview
    assert "503 Service Unavailable" not in at_webhook.partition('id="deliveries"')[0]
    assert reopened[:2] == (303, "open")
    assert "billing: deliveries fail" in overview_again
    assert (for_an_hour[:2], until) == ((303, "snoozed"), services.clock() + timedelta(hours=1))
    assert (past[0], "It has to lie ahead." in past[2]) == (400, True)
    assert (odd[0], "is no moment" in odd[2]) == (400, True)
    assert (missing[0], "is required" in missing[2]) == (400, True)
    assert viewer.status_code == 403


async def test_what_was_put_right_says_so_on_the_overview(visit: Visit, services: Services, failing: Failing) -> None:
    """Once a delivery has arrived since, the overview says what the issue's page says: calm since when, over when, and nothing
    to mend; what is open beside it and does not pass by itself comes before it."""
    webhook = await failing("billing", UNAVAILABLE, UNAVAILABLE)
    object.__setattr__(services, "carriers", Calm())
    [issue] = await known(services)
    client = await visit(Role.SUBSCRIBER)

    failing_now = (await client.get("/dashboard")).text
    async with services.database.raw() as connection:
        await connection.execute("UPDATE webhooks SET failures = 0, status = 'ACTIVE' WHERE id = $1", webhook.id)
    calm, own = (await client.get("/dashboard")).text, (await client.get(f"{ISSUES}/{issue.id}")).text
    async with services.database.raw() as connection:
        await connection.execute("UPDATE issues SET kind = 'certificate-ending', rank = 8, id = gen_random_uuid()")
        # Another one of failures, as it would have been.
        await connection.execute(
            "INSERT INTO issues SELECT (jsonb_populate_record(i, jsonb_build_object('id', $1::text, 'kind', "
            "'delivery-failure', 'rank', 6, 'cause', 'other'))).* FROM issues i",
            str(issue.id),
        )
    beside = (await client.get("/dashboard")).text

    assert ("Needs attention" in failing_now, "mend the destination" in failing_now) == (True, True)
    assert "No failure since" not in failing_now
    assert ("Needs attention" in calm, "mend the destination" in calm) == (False, False)
    for page in (calm, own):
        assert "No failure since <time" in page
        assert "it resolves itself" in page
    assert "billing: deliveries arrive again" in calm
    assert ("billing: certificate ends" in beside, "Needs attention" in beside) == (True, True)


async def test_what_somebody_knows_of_and_fails_again_is_said(
    visit: Visit, services: Services, failing: Failing, clock: Clock
) -> None:
    """Set aside during an outage it asks for nobody; when deliveries had arrived since and fail again, the overview says so."""
    webhook = await failing("billing", UNAVAILABLE)
    object.__setattr__(services, "carriers", Calm())
    [issue] = await known(services)
    client = await visit(Role.SUBSCRIBER)
    await client.post(f"{ISSUES}/{issue.id}/acknowledge", data={"note": ""})

    async def seen(first: timedelta) -> str:
        async with services.database.raw() as connection:
            change = "UPDATE webhooks SET failures = 3, status = 'WARNING', first_failure_at = $2 WHERE id = $1"
            await connection.execute(change, webhook.id, clock() + first)
            await connection.execute("UPDATE issues SET last_at = $1", clock())
        return (await client.get("/dashboard")).text

    same_outage = await seen(timedelta(minutes=-1))
    clock.advance(900)
    again = await seen(timedelta(minutes=-4))

    assert ("One issue is set aside" in same_outage, "fail again" in same_outage) == (True, False)
    assert "billing: deliveries fail again" in again
    assert "what somebody knows of fails again" in again
    assert "the first 4 min ago" in again
    assert "Needs attention" not in again


async def test_a_verification_that_failed_is_done_again_from_its_issue(visit: Visit, services: Services) -> None:
    """Who reads "then verify it" has the button there, and the way to another secret if they may give one."""
    webhook = await hook(services, "billing", challenge_request_enabled=True)
    async with services.database.raw() as connection:
        await connection.execute("UPDATE webhooks SET status = 'ERROR', state_reason = '403 Forbidden', failures = 0")
    await services.assembly.issue_watch.fold()
    [issue] = await known(services)

    page = (await (await visit(Role.SUBSCRIBER)).get(f"{ISSUES}/{issue.id}")).text
    looked = (await (await visit(Role.VIEWER)).get(f"{ISSUES}/{issue.id}")).text

    assert issue.kind_name == "Verification failed"
    for each, may in ((page, True), (looked, False)):
        assert f'action="/dashboard/webhooks/{webhook.id}/verify"' in each
        assert (f'href="/dashboard/webhooks/{webhook.id}/secrets"' in each) is may


async def test_a_resolved_issue_is_left_as_it_is(visit: Visit, services: Services, failing: Failing) -> None:
    """Its page says that it is over; who acts on it all the same is told so."""
    await failing("billing", UNAVAILABLE)
    [issue] = await known(services)
    async with services.database.raw() as connection:
        await connection.execute("UPDATE webhooks SET deleted_at = now()")
    await services.assembly.issue_watch.look()
    client = await visit(Role.SUBSCRIBER)

    page = (await client.get(f"{ISSUES}/{issue.id}")).text
    late = await client.post(f"{ISSUES}/{issue.id}/acknowledge", data={"note": ""})

    assert ("Over since" in page, "/acknowledge" in page) == (True, False)
    assert (late.status_code, "is resolved" in late.text) == (409, True)


@browser.needed
async def test_in_a_browser(url: str, chrome: Chrome, services: Services, failing: Failing, clock: Clock) -> None:
    """List and issue on a desktop, a phone, in the dark: no complaint, no barrier, nothing too wide; acknowledged by keyboard."""
    session = await signed_in(services, "Ada", WORKSPACE, [Role.OPERATOR])
    async with chrome.tab(url, session=session) as tab:
        await tab.page.goto(ISSUES)
        await tab.picture("issues-none")
        assert await tab.barriers() == []
    await failing("billing", *[UNAVAILABLE] * 4, REFUSED, REFUSED)
    halted = await failing("inventory-of-the-northern-warehouse", *[UNAVAILABLE] * 2)
    async with services.database.raw() as connection:
        await connection.execute(
            "UPDATE webhooks SET status = 'ERROR', failures = 21, halted_since = $2, state_reason = $3 WHERE id = $1",
            *(
                halted.id,
                clock() - timedelta(hours=2),
                "Failure in Event Deliveries. The last one: 503 Service Unavailable",
            ),
        )
    await services.assembly.issue_watch.fold()
    [given_up, *_] = await known(services)
    [unavailable, *_] = [each for each in await known(services) if each.status == 503 and each.attempts == 4]
    for size, scheme in (("desktop", "light"), ("phone", "light"), ("desktop", "dark")):
        async with chrome.tab(url, size=size, scheme=scheme, session=session) as tab:  # type: ignore[arg-type]
            for path, name in (
                (ISSUES, "issues"),
                (f"{ISSUES}/{given_up.id}", "issue-given-up"),
                (f"{ISSUES}/{unavailable.id}", "issue-failing"),
            ):
                await tab.page.goto(path)
                await tab.picture(name)
                assert await tab.barriers() == []
                assert await tab.sideways() == 0
    async with chrome.tab(url, session=session) as tab:
        await tab.page.goto(f"{ISSUES}/{unavailable.id}")
        await tab.page.get_by_label("Note").press_sequentially("On it")
        await tab.page.keyboard.press("Enter")
        await tab.page.get_by_text("Acknowledged by").wait_for()
        await tab.picture("issue-acknowledged")
        assert await tab.barriers() == []
    assert (await services.issues.one(None, unavailable.id)).said == "On it"

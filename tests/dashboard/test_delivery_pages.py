"""Pages of deliveries and events: what they find, show and do, in each of their states."""

import csv
import io
import re
from dataclasses import replace
from datetime import timedelta
from html import unescape
from uuid import uuid4

import httpx
import pytest

from delivery.lifecycle import State
from delivery.tickets import Nudge, Ticket
from service.dashboard.frame import webhook_choices
from service.dashboard.frame.payloads import laid_out
from service.services import Services
from subscriptions.access.clients import Role
from subscriptions.events.event import Event
from subscriptions.webhooks.webhook import Webhook
from tests.builders import Builder, Result
from tests.clock import Clock
from tests.dashboard.conftest import Visit
from tests.service.callers import OTHER_WORKSPACE

DELIVERIES, EVENTS = "/dashboard/deliveries", "/dashboard/events"
SIGNATURE = "sha256=" + "ab" * 32
HEADERS = (
    b'[["Host","there"],["Content-Type","application/json"],["HPE-Webhook-Signature","%s"],["Authorization","***"]]'
    % SIGNATURE.encode()
)
WIRE = b'["POST","https://then.example/hook?a=1","8.8.8.8",443,false,false,5,1000,2000,3000,40000]'
FAILED = Result(
    state=State.FAILED,
    status=503,
    reason="503 Service Unavailable",
    request_headers=HEADERS,
    response_headers=b'[["Retry-After","5"]]',
    response_body=b'{"n":12345678901234567890.10}',
    wire=WIRE,
)


@pytest.fixture
async def hook(builder: Builder) -> Webhook:
    return await builder.webhook()


@pytest.fixture
async def failed(builder: Builder, hook: Webhook, clock: Clock) -> Event:
    made = builder.event()
    await builder.tried(made, hook.id, FAILED)
    clock.advance(60)
    return made


def path(event: Event, hook: Webhook, number: int = 0) -> str:
    return f"{DELIVERIES}/{event.key}/{hook.id}/{number}"


def text(page: httpx.Response) -> str:
    """What is read of a page, tags aside."""
    return unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", page.text)))


async def test_each_state_of_the_list_has_its_words(
    visit: Visit, builder: Builder, hook: Webhook, clock: Clock
) -> None:
    """Nothing yet, no match, what was asked for wrongly, and what is found."""
    viewer = await visit(Role.VIEWER)
    nothing = {name: text(await viewer.get(name)) for name in (DELIVERIES, EVENTS)}
    await builder.tried(builder.event(), hook.id, FAILED)
    clock.advance(60)

    assert "No deliveries yet" in nothing[DELIVERIES]
    assert "No events yet" in nothing[EVENTS]
    assert "No delivery matches" in text(await viewer.get(DELIVERIES, params={"state": "delivered"}))
    assert "No event matches" in text(await viewer.get(EVENTS, params={"eventType": "no.such"}))
    for base in (DELIVERIES, EVENTS):
        wrong = await viewer.get(base, params={"since": "yesterday"})
        assert wrong.status_code == 400
        assert "From is no time" in text(wrong)
        forced = text(await viewer.get(base, params={"text": "1.5"}))
        assert "this is the last hour" in forced
        assert hook.name in forced or base == EVENTS
    found = text(
        await viewer.get(DELIVERIES, params={"statusClass": "5", "state": ["failed", "expired"], "last": "1h"})
    )
    assert hook.name in found
    assert "503 Service Unavailable" in found


async def test_a_webhook_is_asked_for_by_its_name(
    visit: Visit, services: Services, builder: Builder, hook: Webhook, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Operators choose among all webhooks by name, too; where there are too many to choose from, a name leads to the webhook's
    id, and one that nobody has is told by what the field is called."""
    operator, issues = await visit(Role.OPERATOR), "/dashboard/issues"
    await builder.tried(builder.event(), hook.id, FAILED)
    async with services.database.raw() as connection:
        await connection.execute("UPDATE webhooks SET name = 'Billing'")
    few = [(await operator.get(each)).text for each in (DELIVERIES, issues)]
    monkeypatch.setattr(webhook_choices, "CHOICE", 0)
    many = text(await operator.get(DELIVERIES))
    asked = {"webhookId": "billing", "state": "failed"}
    named = [await operator.get(DELIVERIES, params=asked), await operator.get(issues, params=asked | {"state": "open"})]
    nobody = await operator.get(DELIVERIES, params={"webhookId": "no such one"})

    offered = f'<option value="{hook.id}">Billing ({hook.workspace_id[:8]}…)</option>'
    assert [offered in each for each in few] == [True, True]
    assert "Webhook, by name or id" in many
    assert [(each.status_code, each.headers["location"]) for each in named] == [
        (303, f"{DELIVERIES}?state=failed&webhookId={hook.id}"),
        (303, f"{issues}?state=open&webhookId={hook.id}"),
    ]
    assert (nobody.status_code, "Webhook is the name or the id of none: 'no such one'" in text(nobody)) == (400, True)


async def test_lists_go_on_and_keep_their_filters(visit: Visit, builder: Builder, hook: Webhook, clock: Clock) -> None:
    """The next page has the filters of the first, and the file has all pages."""
    for _ in range(53):
        clock.advance(1)
        await builder.owe(builder.event(), hook.id, sendable=False)
    viewer = await visit(Role.VIEWER)

    for base, query in ((DELIVERIES, {"state": "parked"}), (EVENTS, {"source": "//global.test/things"})):
        first = await viewer.get(base, params=query)
        following = re.search(r'href="([^"]+)" rel="next"', first.text)
        assert following is not None
        second = await viewer.get(unescape(following[1]))
        assert [page.text.count("data-row") for page in (first, second)] == [50, 3]
        [(name, value)] = query.items()
        assert f"{name}=" in following[1]
        assert httpx.URL(unescape(following[1])).params[name] == value
        file = list(csv.reader(io.StringIO((await viewer.get(base, params={**query, "format": "csv"})).text)))
        assert len(file) == 54


async def test_what_is_tried_again_says_why_and_when(
    visit: Visit, services: Services, builder: Builder, hook: Webhook, clock: Clock
) -> None:
    """The banner has what the last attempt came to, and the moment of the next one; each attempt is one knot of the life line."""
    event, due = builder.event(), clock() + timedelta(minutes=1)
    await services.assembly.upkeep.report("w1", slots=10, free=10)
    await builder.tried(event, hook.id, replace(FAILED, state=State.OWED, due_at=due))
    ada = await visit(Role.SUBSCRIBER)

    page = await ada.get(path(event, hook))

    then = f"The next attempt is in 1 min ({due:%Y-%m-%d %H:%M:%S} UTC)."
    said = f"Not delivered yet. Attempt 1 failed: 503 Service Unavailable. {then}"
    assert said in re.sub(r" ([.)])", r"\1", text(page).replace("( ", "("))
    assert "503 Service Unavailable, after 250 ms" in text(page)
    # Without a script the question unfolds, and its button leads back.
    assert '<span class="back">Keep it</span>' in page.text


async def test_one_delivery_to_the_letter(visit: Visit, hook: Webhook, failed: Event) -> None:
    """Life line, attempt, steps, peer, numbers as they are; the command has placeholders for what signs it."""
    page = await (await visit(Role.SUBSCRIBER)).get(path(failed, hook))
    said = text(page)

    for words in (
        "Attempt 1",
        "503 Service Unavailable",
        "8.8.8.8:443",
        "Name look-up 1 ms",
        "TLS 3 ms",
        "Retry-After: 5",
    ):
        assert words in said, words
    assert '"n": 12345678901234567890.10' in said
    assert '--header "HPE-Webhook-Signature: $SIGNATURE"' in said
    assert '--header "Authorization: $AUTHORIZATION"' in said
    assert said.count(SIGNATURE) == 1  # among the headers that were sent, and nowhere else
    assert "https://then.example/hook?a=1" in said
    assert SIGNATURE not in (await (await visit(Role.VIEWER)).get(path(failed, hook))).text


async def test_the_payload_is_what_goes_out(visit: Visit, services: Services, builder: Builder, hook: Webhook) -> None:
    """To a webhook that asks for ONAP's envelope that is the payload; the CloudEvent stands below, as what is kept."""
    made = builder.event()
    await builder.owe(made, hook.id)
    async with services.database.raw() as connection:
        await connection.execute("UPDATE webhooks SET content_mode = 'onap'")
    said = text(await (await visit(Role.VIEWER)).get(path(made, hook)))

    payload, kept = said.split("that it is made of, as kept")
    assert "Legacy envelope" in payload
    assert '"eventId":' in payload
    assert '"specversion":' not in payload
    assert '"specversion":' in kept


async def test_one_delivery_is_moved(visit: Visit, hook: Webhook, failed: Event, announced: list[Nudge]) -> None:
    """Retried, cancelled and retried again; what has changed meanwhile keeps the page and says so."""
    subscriber = await visit(Role.SUBSCRIBER)

    retried = await subscriber.post(path(failed, hook) + "/retry")
    late = await subscriber.post(path(failed, hook) + "/retry")
    old = text(await subscriber.get(path(failed, hook)))
    waiting = text(await subscriber.get(path(failed, hook, 1)))
    cancelled = await subscriber.post(path(failed, hook, 1) + "/cancel")
    after = text(await subscriber.get(cancelled.headers["location"]))

    assert (retried.status_code, retried.headers["location"]) == (303, path(failed, hook, 1))
    assert Ticket(failed.key, hook.id, 1, 0) in announced
    assert late.status_code == 409
    assert "was sent again since" in text(late)
    assert "what stands now is another round" in old
    assert "Retry now" not in old
    assert "Not delivered yet. No worker runs" in waiting
    assert "It is cancelled, and not sent." in after
    assert "Cancelled" in after


async def test_who_may_only_look_moves_nothing(visit: Visit, hook: Webhook, failed: Event) -> None:
    """No button, and no way around it; others' deliveries and events are not there."""
    viewer, other = await visit(Role.VIEWER), await visit(Role.SUBSCRIBER, workspace=OTHER_WORKSPACE)

    page = await viewer.get(path(failed, hook))
    assert page.status_code == 200
    for move in ("retry", "resend", "cancel"):
        assert f'action="{path(failed, hook)}/{move}' not in page.text
        assert (await viewer.post(f"{path(failed, hook)}/{move}")).status_code == 403
        assert (await other.post(f"{path(failed, hook)}/{move}")).status_code == 404
    for asked in (
        path(failed, hook),
        f"{EVENTS}/{failed.key}",
        f"{EVENTS}/{uuid4()}",
        f"{EVENTS}/x",
        path(failed, hook, 9),
    ):
        assert (await other.get(asked)).status_code == 404
    assert "No deliveries yet" in text(await other.get(DELIVERIES))


async def test_one_event_and_why_not(visit: Visit, builder: Builder, hook: Webhook, failed: Event) -> None:
    """Byte for byte, who it went to, and of another webhook why not."""
    other = await builder.webhook()

    page = await (await visit(Role.OPERATOR)).get(f"{EVENTS}/{failed.key}")

    said = text(page)
    assert failed.body is not None
    assert failed.body.decode() in unescape(page.text)
    assert path(failed, hook) in page.text
    assert other.name in said
    assert "It was registered after the event was accepted." in said


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        (b"", ""),
        (b"no {json", "no {json"),
        (b"{}", "{}"),
        (b'{"a":[],"b":{}}', '{\n  "a": [],\n  "b": {}\n}'),
        (b'[1e30,-0.0,"a\\"b,:{",null]', '[\n  1e30,\n  -0.0,\n  "a\\"b,:{",\n  null\n]'),
        (b'{"n":123456789012345678901234567890}', '{\n  "n": 123456789012345678901234567890\n}'),
    ],
)
def test_json_is_laid_out_to_the_letter(raw: bytes, shown: str) -> None:
    """No number and no text is read, so that none is changed."""
    assert laid_out(raw) == shown


async def test_parts_of_a_page_are_asked_for_alone(visit: Visit, hook: Webhook, failed: Event) -> None:
    """By htmx, which names what it will put them in."""
    viewer = await visit(Role.VIEWER)

    for asked, part in ((DELIVERIES, "list"), (EVENTS, "list"), (path(failed, hook), "now")):
        alone = await viewer.get(asked, headers={"HX-Request": "true", "HX-Target": f"div#{part}"})
        assert alone.status_code == 200
        assert "<h1" not in alone.text
        assert failed.id in alone.text


async def test_all_that_is_found_is_sent_again_where_a_replay_knows_the_filters(
    visit: Visit, hook: Webhook, failed: Event
) -> None:
    """The link has the same filters, a preset as the moment that it means; text in data is nothing a replay knows."""
    subscriber = await visit(Role.SUBSCRIBER)

    known = await subscriber.get(DELIVERIES, params={"state": "failed", "eventType": failed.type, "last": "1h"})
    other = await subscriber.get(DELIVERIES, params={"state": "failed", "text": "1.5"})

    link = re.search(r'href="(/dashboard/replays/new[^"]*)"', known.text)
    assert link is not None
    asked = httpx.URL(unescape(link[1])).params
    assert (asked["state"], asked["type"], "since" in asked, "last" in asked) == ("failed", failed.type, True, False)
    assert "this finds" not in text(other)
    assert 'name="id"' in other.text
    page = await subscriber.get(unescape(link[1]))
    assert page.status_code == 200
    assert 'name="id"' not in (await (await visit(Role.VIEWER)).get(DELIVERIES)).text


async def test_a_view_is_saved_under_a_name(visit: Visit, failed: Event) -> None:
    """Its filters alone, whatever page of them was seen; one's own, and gone when it is removed."""
    viewer, other = await visit(Role.VIEWER), await visit(Role.VIEWER)
    query = "state=failed&statusClass=5&last=24h"

    saved = await viewer.post(
        "/dashboard/views",
        data={"page": DELIVERIES, "name": "Broken", "query": query + "&after=x.y.0&format=csv&odd=1"},
    )
    shown = await viewer.get(saved.headers["location"])

    assert saved.headers["location"] == f"{DELIVERIES}?{query}"
    assert "The view Broken is saved." in text(shown)
    assert f'<a href="{DELIVERIES}?{query.replace("&", "&amp;")}" aria-current="true">Broken</a>' in shown.text
    assert "Broken" not in text(await other.get(DELIVERIES))
    remove = re.search(r'action="(/dashboard/views/[^"]+/remove)"', shown.text)
    assert remove is not None
    assert (await other.post(remove[1])).status_code == 404
    assert (await viewer.post(remove[1])).headers["location"] == DELIVERIES
    assert "Broken" not in text(await viewer.get(DELIVERIES))
    for page, name, what in (("/dashboard/people", "x", query), (DELIVERIES, "", query), (EVENTS, "x", "odd=1")):
        wrong = await viewer.post("/dashboard/views", data={"page": page, "name": name, "query": what})
        assert wrong.status_code == 400

"""Pages of deliveries and events in a real browser: wide and narrow, light and dark, with a script and without."""

from uuid import UUID

import msgspec
import pytest

from delivery.lifecycle import State
from service.services import Services
from subscriptions.access.clients import Role
from subscriptions.events.event import Event
from subscriptions.webhooks.webhook import Webhook
from tests.builders import Builder, Result
from tests.clock import Clock
from tests.dashboard import browser
from tests.dashboard.browser import Chrome
from tests.dashboard.conftest import signed_in
from tests.service.callers import WORKSPACE

pytestmark = browser.needed

HEADERS = msgspec.json.encode(
    [
        ["Host", "hooks.example.com"],
        ["User-Agent", "Hooklake/1"],
        ["Content-Type", "application/json"],
        ["HPE-Webhook-Signature", "sha256=" + "ab" * 32],
        ["webhook-id", "01a222b0-6010-7cd9-87f5-f3f0701e91b3"],
        ["Authorization", "***"],
    ]
)
FRESH = b'["POST","https://hooks.example.com/orders?tenant=acme",%s,443,false,false,80,11000,23000,41000,212000]' % (
    b'"93.184.215.14"'
)
KEPT = (
    b'["POST","https://hooks.example.com/orders?tenant=acme","93.184.215.14",443,false,true,null,null,null,null,36000]'
)
REFUSED = Result(
    state=State.OWED,
    status=503,
    reason="503 Service Unavailable",
    request_headers=HEADERS,
    response_headers=b'[["Content-Type","application/json"],["Retry-After","5"]]',
    response_body=b'{"error":"down for maintenance","until":1732800000000000001}',
    wire=FRESH,
)


@pytest.fixture
async def deliveries(builder: Builder, clock: Clock) -> tuple[Webhook, Event]:
    """Some of every state; one that failed at last."""
    hook, other = await builder.webhook(), await builder.webhook()
    for n in range(12):
        clock.advance(35)
        await builder.tried(builder.event(id=f"order-{4700 + n}"), (hook, other)[n % 2].id, _answered(KEPT))
    failed = builder.event(id="order-4711", tenant="acme")
    await builder.tried(failed, hook.id, REFUSED, REFUSED, _given_up())
    clock.advance(20)
    await builder.tried(builder.event(id="order-4720"), hook.id, REFUSED)
    await builder.owe(builder.event(id="order-4721"), other.id, sendable=False)
    clock.advance(5)
    return hook, failed


def _answered(wire: bytes) -> Result:
    return Result(request_headers=HEADERS, response_headers=b"[]", response_body=b"", wire=wire)


def _given_up() -> Result:
    return Result(
        state=State.FAILED,
        status=None,
        reason="no answer within 15 s by hooks.example.com:443",
        request_headers=HEADERS,
        response_headers=None,
        response_body=None,
        wire=FRESH,
    )


async def test_deliveries_and_events_are_there_for_everybody(
    chrome: Chrome, url: str, services: Services, deliveries: tuple[Webhook, Event]
) -> None:
    """No error, nothing that the policy stops, no barrier, nothing that sticks out; what is read needs no script."""
    hook, failed = deliveries
    session = await signed_in(services, "Ada", WORKSPACE, [Role.SUBSCRIBER])
    one = f"/dashboard/deliveries/{failed.key}/{hook.id}/0"
    looked = {
        "deliveries": "/dashboard/deliveries",
        "deliveries-none": "/dashboard/deliveries?eventId=nothing&status=418&last=1h",
        "delivery": one,
        "events": "/dashboard/events?tag=tenant:acme",
        "event": f"/dashboard/events/{failed.key}",
    }
    for size, scheme, script in (("desktop", "light", True), ("phone", "dark", True), ("phone", "light", False)):
        async with chrome.tab(url, size=size, scheme=scheme, session=session, script=script) as tab:  # type: ignore[arg-type]
            for name, path in looked.items():
                await tab.page.goto(path)
                if script:
                    await tab.picture(name)
                    assert await tab.barriers() == []
                    assert await tab.sideways() == 0
                else:
                    assert await tab.page.locator("main h1").is_visible()


async def test_a_delivery_is_found_and_retried(
    chrome: Chrome, url: str, services: Services, deliveries: tuple[Webhook, Event]
) -> None:
    """From the list by its filters to the delivery, why it failed, and another try; the address says where one is."""
    _, failed = deliveries
    session = await signed_in(services, "Ada", WORKSPACE, [Role.SUBSCRIBER])
    async with chrome.tab(url, session=session) as tab:
        page = tab.page
        await page.goto("/dashboard/deliveries")
        await page.get_by_role("link", name="Failed").click()
        await page.get_by_label("Event id").fill("order-4711")
        await page.get_by_role("button", name="Filter").click()
        await page.wait_for_url("**/deliveries?*eventId=order-4711*")
        assert "state=failed" in page.url
        await page.locator("tbody a").first.click()
        await page.get_by_text("no answer within 15 s").first.wait_for()
        await page.get_by_role("button", name="Retry now").click()
        await page.get_by_text("It is due now").wait_for()
        assert UUID(page.url.split("/")[-3]) == failed.key
        assert page.url.endswith("/1")
        await page.locator("summary", has_text="Cancel").click()
        await page.get_by_role("button", name="Cancel the delivery").click()
        await page.get_by_text("It is cancelled, and not sent.").wait_for()

"""The pages of event APIs over ASGI: found, read, registered from a text or a file, changed, deprecated and removed."""

from typing import Any

import httpx
import pytest

from service.api.webhooks import owner
from service.services import Services
from subscriptions.access.audit_log import AuditQuery
from subscriptions.access.clients import Role
from subscriptions.catalogue.api_drafts import EventApiDraft
from subscriptions.catalogue.api_rows import ApiVersion, EventApi
from subscriptions.events.directory import type_id
from subscriptions.webhooks.subscription_list import SubscriptionRequest
from tests.dashboard.conftest import Visit
from tests.dashboard.test_webhook_pages import ADA, hook, said, subscribe
from tests.service.callers import OTHER_WORKSPACE, WORKSPACE

PATH = "/dashboard/catalogue/apis"
PLACED, GONE = "com.acme.order.placed", "com.acme.order.gone"
DOCUMENT = f"""asyncapi: 2.6.0
info: {{title: Orders, version: '1.0', description: What is ordered}}
servers: {{bus: {{url: 'broker.example:9092', protocol: kafka, protocolVersion: '3', security: [{{key: []}}]}}}}
channels:
  {PLACED}:
    subscribe:
      message:
        title: Order placed
        payload: {{type: object, properties: {{number: {{type: integer}}}}}}
  {GONE}:
    subscribe:
      message: {{title: Order gone, payload: {{type: object}}}}
components: {{securitySchemes: {{key: {{type: userPassword}}}}}}
"""
WIDER = DOCUMENT.replace("type: integer", "type: [integer, string]")


async def made(services: Services, **more: Any) -> EventApi:
    """The event API of the document, of the visitors' workspace."""
    draft = EventApiDraft(**{"text": DOCUMENT.encode(), "group": "orders", **more})
    return await services.event_apis.register(draft, by=WORKSPACE, now=services.clock())


async def audited(services: Services) -> list[str]:
    page = await services.audit_log.page(AuditQuery(workspace_id=WORKSPACE, limit=20))
    return [each.action for each in page.entries if each.action.startswith("event-api.")]


async def test_apis_are_found_and_read(visit: Visit, services: Services) -> None:
    """By name and group; of one its versions side by side, types with a link, servers, security and its document."""
    one = await made(services)
    old = ApiVersion(value="0.9", deprecated=True, migration="https://acme.example/new", for_removal=True)
    two = await made(services, version=old)
    await subscribe(services, await hook(services, "till"), PLACED)
    async with await visit(Role.VIEWER) as viewer, await visit(Role.VIEWER, workspace=OTHER_WORKSPACE) as other:
        page, found = await viewer.get(PATH), await viewer.get(PATH, params={"search": "RDERS", "group": "orders"})
        nothing, csv = await viewer.get(PATH, params={"search": "%"}), await viewer.get(PATH, params={"format": "csv"})
        read, theirs = await viewer.get(f"{PATH}/{one.id}"), await other.get(f"{PATH}/{two.id}")
        document, absent = await other.get(f"{PATH}/{one.id}/document"), await other.get(f"{PATH}/walked")
    async with await visit(Role.PUBLISHER) as publisher:
        registers = await publisher.get(PATH)

    assert all(each in page.text for each in ("Orders", "kafka", "Deprecated", "Supported", "not in the next version"))
    assert f'href="{PATH}/new"' not in page.text
    assert f'href="{PATH}/new"' in registers.text
    assert f'href="{PATH}/{two.id}"' in found.text
    assert "No event API matches" in nothing.text
    assert len(csv.text.splitlines()) == 3
    told = ("Order placed", PLACED, str(type_id(PLACED)), "broker.example:9092", "userPassword", "till", "this one")
    assert [each for each in told if each not in read.text] == []
    assert f'href="{PATH}/{two.id}"' in read.text
    assert "https://acme.example/new" in theirs.text
    assert "till" not in theirs.text
    assert '<form class="form"' not in theirs.text
    assert (document.text, document.headers["Content-Disposition"]) == (
        DOCUMENT,
        'attachment; filename="asyncapi.yaml"',
    )
    assert absent.status_code == 404


@pytest.mark.parametrize("as_file", [False, True])
async def test_a_document_is_registered(visit: Visit, services: Services, as_file: bool) -> None:
    """Pasted or as a file, it is what the API would have made of it, to the byte; an entry of the log tells of it."""
    text = DOCUMENT.replace("\n", "\r\n") if as_file else DOCUMENT
    given: dict[str, Any] = {"data": {"document": text, "group": "g", "application": "shop"}}
    if as_file:
        given = {"data": {"document": "", "group": "g", "application": "shop"}, "files": {"file": ("a.yaml", text)}}
    async with await visit(Role.PUBLISHER) as publisher:
        answer = await publisher.post(PATH, **given)
        shown = await publisher.get(answer.headers["location"])
        form = await publisher.get(f"{PATH}/new")

    assert said(answer) == "Orders is registered: it brings 2 event types."
    assert "Order placed" in shown.text
    assert 'enctype="multipart/form-data"' in form.text
    [api], _ = await services.event_apis.page(limit=9, offset=0)
    assert (api.name, api.group, api.application, api.workspace_id) == ("Orders", "g", "shop", WORKSPACE)
    assert (await services.event_apis.document(api.id, by=None))[0] == text.encode()
    assert await audited(services) == ["event-api.registered"]


async def test_what_is_wrong_stands_beside_the_text(visit: Visit, services: Services) -> None:
    """Each fault by line and pointer with the lines around it; what was typed is kept, and nothing of the document is."""
    broken = DOCUMENT.replace("type: integer", "type: whole").replace("title: Order gone", "titel: gone")
    async with await visit(Role.PUBLISHER) as publisher:
        refused = await publisher.post(PATH, data={"document": broken, "name": "Mine", "group": "g"})
        pasted = await publisher.post(PATH, files={"file": ("a.yaml", broken)})
        nothing, binary = await publisher.post(PATH, data={"document": " "}), b"\x80\xff\x00" * 9
        no_text = await publisher.post(PATH, files={"file": ("a.png", binary)})
        torn = await publisher.post(PATH, content=b"--x", headers={"Content-Type": "multipart/form-data; boundary=y"})

    at = f"/channels/{PLACED}/subscribe/message/payload/properties/number/type"
    for page in (refused.text, pasted.text):
        assert all(each in page for each in ("Line 9", at, "titel: gone", "<mark>", "2 faults"))
    assert (refused.status_code, 'value="Mine"' in refused.text) == (400, True)
    assert (nothing.status_code, "paste a document" in nothing.text) == (400, True)
    assert (no_text.status_code, torn.status_code) == (400, 400)
    assert (await services.event_apis.page(limit=9, offset=0))[1] == 0


async def test_a_document_that_breaks_consumers(visit: Visit, services: Services) -> None:
    """Under the same version what is incompatible is named by line and pointer, and kept; under another it is taken."""
    api = await made(services)
    own = f"{PATH}/{api.id}"
    typed = {"document": WIDER, "name": "Orders", "description": "", "group": "orders", "version": "1.0"}
    async with await visit(Role.PUBLISHER) as publisher:
        form = await publisher.get(f"{own}/edit")
        refused = await publisher.post(own, data={**typed, "generation": "1"})
        late = await publisher.post(own, data={**typed, "generation": "7"})
        taken = await publisher.post(own, data={**typed, "version": "2.0", "generation": "1"})
        same = await publisher.post(own, data={**typed, "version": "2.0", "generation": "2"})

    assert "type: integer" in form.text
    at = f"/channels/{PLACED}/subscribe/message/payload/properties/number"
    assert (refused.status_code, late.status_code) == (409, 409)
    assert all(each in refused.text for each in (at, "Line 9", "another version", "[integer, string]"))
    assert "somebody has changed it" in late.text
    assert "[integer, string]" in late.text
    assert (said(taken), said(same)) == ("Saved.", "Nothing was changed.")
    changed = await services.event_apis.find(api.id)
    assert (changed.version.value, changed.description, changed.generation) == ("2.0", "", 2)
    assert await audited(services) == ["event-api.changed"]


async def test_a_version_beside_another(visit: Visit, services: Services) -> None:
    """The form of another version begins with the document, name and group of the one that it stands beside."""
    api = await made(services)
    async with await visit(Role.PUBLISHER) as publisher:
        form = await publisher.get(f"{PATH}/new", params={"beside": str(api.id)})
        two = {"document": WIDER, "group": "orders", "version": "2.0"}
        beside = await publisher.post(PATH, data=two)
        page = await publisher.get(f"{PATH}/{api.id}")

    assert all(each in form.text for each in ("type: integer", 'value="orders"', 'value="Orders"'))
    assert said(beside).startswith("Orders is registered")
    assert page.text.count('<td data-label="Registered">') == 2


async def test_another_version_is_named_as_the_one_before(visit: Visit, services: Services) -> None:
    """Forms of another version or document begin with how the types were named, and whoever names them otherwise is warned that
    none of the version before is in it; what a version leaves out is told."""
    text = DOCUMENT.replace("title: Order ", "name: order-")
    api = await made(services, text=text.encode(), by_channel=True)
    two = {"document": text, "group": "orders", "version": "2.0"}
    async with await visit(Role.PUBLISHER) as publisher:
        form = await publisher.get(f"{PATH}/new", params={"beside": str(api.id)})
        edit = await publisher.get(f"{PATH}/{api.id}/edit")
        other = await publisher.post(PATH, data={**two, "namedBy": "message"})
        plain = await publisher.get(f"{PATH}/new", params={"beside": other.headers["location"].rpartition("/")[2]})
        await made(services, group="part", version=ApiVersion(value="1"))
        part = DOCUMENT.replace(f"  {PLACED}:", "  unused:").replace("subscribe:", "publish:", 1)
        less = await publisher.post(PATH, data={"document": part, "group": "part", "version": "2"})

    chosen = '<option value="channel" selected>'
    assert (chosen in form.text, chosen in edit.text, chosen in plain.text) == (True, True, False)
    assert said(other).startswith("!")
    assert f"none of them is of version 1.0 ({GONE}, {PLACED})" in said(other)
    assert said(less) == f"Orders is registered: it brings 1 event type. Of version 1 it leaves out {PLACED}."


async def test_a_version_is_deprecated(visit: Visit, services: Services) -> None:
    """Since when, until when, and where to go instead, as the API has it; what is no moment or URI is said beside its field."""
    api = await made(services)
    own = f"{PATH}/{api.id}"
    life = {"deprecated": "true", "deprecated_since": "2026-01-02T03:04", "sunset": "2027-01-01T00:00"}
    async with await visit(Role.PUBLISHER) as publisher:
        wrong = await publisher.post(f"{own}/life", data={**life, "migration": "no uri"})
        done = await publisher.post(f"{own}/life", data={**life, "migration": "https://acme.example/2"})
        page = await publisher.get(own)
        ended = await publisher.post(f"{own}/life", data={"deprecated_since": "", "sunset": "", "migration": ""})

    assert (wrong.status_code, "must be an absolute URI" in wrong.text) == (400, True)
    assert said(done) == "Version 1.0 is deprecated: its events say so from now on."
    assert all(each in page.text for each in ('value="2026-01-02T03:04"', "https://acme.example/2", "It goes"))
    assert said(ended) == "Version 1.0 is not deprecated."
    version = (await services.event_apis.find(api.id)).version
    assert (version.deprecated, version.sunset, version.migration) == (False, None, "")


async def test_what_goes_with_an_api_is_named(visit: Visit, services: Services) -> None:
    """Types that are retired with it, and how many have subscribed: then it goes by a tick alone, and its types with it."""
    api = await made(services)
    await subscribe(services, await hook(services), PLACED)
    own = f"{PATH}/{api.id}"
    async with await visit(Role.PUBLISHER) as publisher:
        page = await publisher.get(own)
        kept = await publisher.post(f"{own}/remove")
        gone = await publisher.post(f"{own}/remove", data={"force": "true"})
        after = await publisher.get(own)

    assert "2 event types are retired with it" in page.text
    assert f"1 subscription asks for them and gets nothing more: {PLACED} (1)" in page.text
    assert 'name="force" value="true" required' in page.text
    assert (kept.status_code, f"{PLACED} has 1 subscriptions" in kept.text) == (409, True)
    assert said(gone) == "Orders is removed."
    assert after.status_code == 404
    assert (await services.types.page(limit=9, offset=0, search="com.acme"))[1] == 0
    assert await audited(services) == ["event-api.removed"]


async def test_what_goes_with_one_of_two_versions_is_named(visit: Visit, services: Services) -> None:
    """Types that another version describes stay; subscriptions that understand this one alone get nothing more."""
    one = await made(services)
    await made(services, version=ApiVersion(value="2.0"))
    webhook = await hook(services)
    order = SubscriptionRequest(event_type=PLACED, webhook=webhook.id, version="2.0")
    await services.subscription_store.add([order], owner(ADA), within=WORKSPACE, now=services.clock())
    [two] = [each for each in await services.api_report.versions(one) if each.id != one.id]
    async with await visit(Role.PUBLISHER) as publisher:
        page, other = await publisher.get(f"{PATH}/{two.id}"), await publisher.get(f"{PATH}/{one.id}")
        gone = await publisher.post(f"{PATH}/{two.id}/remove")

    assert "2 event types that it describes stay" in page.text
    assert "1 subscription understands this version of them alone, and gets nothing more" in page.text
    assert "understands this version" not in other.text
    assert said(gone) == "Orders is removed."


@pytest.mark.parametrize("role", [Role.VIEWER, Role.SUBSCRIBER, Role.PUBLISHER])
async def test_others_change_nothing(visit: Visit, services: Services, role: Role) -> None:
    """Who may only look, and another workspace's publisher, are refused by each form, and see none."""
    api = await made(services)
    own = f"{PATH}/{api.id}"
    workspace = OTHER_WORKSPACE if role is Role.PUBLISHER else WORKSPACE
    async with await visit(role, workspace=workspace) as client:
        page = await client.get(own)
        answers: list[httpx.Response] = [
            await client.get(f"{own}/edit"),
            await client.post(own, data={"document": WIDER, "version": "2", "generation": "1"}),
            await client.post(f"{own}/life", data={"deprecated": "true"}),
            await client.post(f"{own}/remove", data={"force": "true"}),
        ]

    assert page.status_code == 200
    assert "/remove" not in page.text
    assert [each.status_code for each in answers] == [403] * 4
    assert (await services.event_apis.find(api.id)).generation == 1


async def test_one_without_a_document(visit: Visit, services: Services) -> None:
    """A page says that no document came, from where, and why; only to its own: others see that there is none."""
    url = "https://specs.example/shop.yaml"
    waiting = await made(services, text=None, access={"fetchRequest": {"url": url}})
    target = await services.event_apis.fetch_target(waiting.id, by=WORKSPACE)
    await services.event_apis.fetch_ended(target, "it answered 404", now=services.clock())
    odd = await made(services, text=b"asyncapi", lenient=True, group="odd")
    async with await visit(Role.PUBLISHER) as own, await visit(Role.VIEWER, workspace=OTHER_WORKSPACE) as other:
        page, edit = await own.get(f"{PATH}/{waiting.id}"), await own.get(f"{PATH}/{waiting.id}/edit")
        theirs, unread = await other.get(f"{PATH}/{waiting.id}"), await own.get(f"{PATH}/{odd.id}")
    async with await visit(Role.PUBLISHER, workspace=OTHER_WORKSPACE) as rival, await visit(Role.PUBLISHER) as again:
        copied = [await each.get(f"{PATH}/new", params={"beside": str(odd.id)}) for each in (rival, again)]

    assert [each.status_code for each in (page, edit, theirs, unread)] == [200] * 4
    assert "Fetching the document failed: it answered 404" in page.text
    assert url in page.text
    assert "No document has come yet." in theirs.text
    assert f"{PATH}/{waiting.id}/document" not in page.text
    assert "404" not in theirs.text
    assert url not in theirs.text
    assert "is no AsyncAPI document, and makes no event types" in unread.text
    assert [">asyncapi</textarea>" in each.text for each in copied] == [False, True]


async def test_a_document_is_fetched_again(visit: Visit, services: Services) -> None:
    """By a button, which says how it went; how one gets at what an API describes is shown to its own, secrets as `***`."""
    basic = {"credential": {"basic": {"username": "me", "password": "pass-word"}}}
    access = {"fetchRequest": {"url": "https://specs.invalid/shop.yaml"}, "auth": basic}
    api = await made(services, text=None, access=access)
    own = f"{PATH}/{api.id}"
    async with await visit(Role.PUBLISHER) as publisher, await visit(Role.VIEWER, workspace=OTHER_WORKSPACE) as other:
        page, theirs = await publisher.get(own), await other.get(own)
        again, never = await publisher.post(f"{own}/refetch"), await other.post(f"{own}/refetch")
        given = await made(services)
        nowhere = await publisher.post(f"{PATH}/{given.id}/refetch")

    assert f'action="{own}/refetch"' in page.text
    assert "***" in page.text
    assert "pass-word" not in page.text
    assert "Authentication" not in theirs.text
    assert said(again).startswith("!The document was not taken: ")
    assert (never.status_code, nowhere.status_code) == (403, 400)

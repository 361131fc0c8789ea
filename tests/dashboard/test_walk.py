"""Every page, link and form, as operator, subscriber, viewer, publisher and nobody, of the workspace and of another one.

What pages there are is read from `PAGES`: those that come are walked too.
"""

from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from urllib.parse import urlsplit

import httpx
import pytest

from delivery.delivery_filter import DeliveryFilter
from delivery.issue_kinds import IssueKind
from delivery.ledger.issues import issue_rows
from delivery.ledger.issues.issue_rows import Sighting
from delivery.lifecycle import State
from delivery.upkeep.replays import ReplayRequest
from service import auth
from service.dashboard.frame import streaming
from service.dashboard.routes import PAGES
from service.services import Services
from subscriptions.access.clients import Role
from subscriptions.access.sessions import Stretch
from subscriptions.catalogue.api_drafts import EventApiDraft
from subscriptions.catalogue.applications import ApplicationDraft
from subscriptions.ground import audit, tables
from subscriptions.ground.audit import Actor, ActorKind
from subscriptions.ground.database import Database
from subscriptions.webhooks.subscription_list import SubscriptionRequest
from subscriptions.webhooks.webhook import Owner, Registration
from tests.builders import Builder, Result
from tests.clock import Clock
from tests.dashboard.conftest import Visit
from tests.dashboard.test_event_api_pages import DOCUMENT
from tests.dashboard.walking import Form, Map, Walk, walk
from tests.service.callers import OTHER_WORKSPACE, WORKSPACE
from tests.service.rows import AUDIT

#: Stays open for as long as somebody watches.
ENDLESS = (streaming.PATH,)
#: Pages that only a script asks for.
SCRIPTS = {"/dashboard/webhooks/check"}
#: Stands in the name of each thing of the workspace that is walked, and nowhere else.
MARK = "zanzibar"
START = [page.path for page in PAGES if page.method == "GET" and "{" not in page.path]
#: Of a session it is noted when it was used.
LOOKED_AT = {"sessions": "id::text"}


#: What whoever is signed in may change: their own account. A new one has to have its line here.
OWN = {
    "/dashboard/sign-out",
    "/dashboard/sessions/others/end",
    "/dashboard/sessions/password",
    "/dashboard/sessions/{id}/end",
    "/dashboard/views",
    "/dashboard/views/{id}/remove",
}
#: What viewers may have done: it asks the destination, and changes nothing that is anybody's.
VIEWERS = {"/dashboard/webhooks/{id}/verify"}
#: What is sent or asked is no change of anybody's, and leaves no entry.
TESTS = {"/dashboard/webhooks/{id}/test", "/dashboard/catalogue/{id}/send", "/dashboard/catalogue/{id}/publish"}
#: Tables that tell of use and of a person's own habits, not of changes.
HABITS = {"audit_entries", "publish_quotas", "saved_views"}


@dataclass(frozen=True, kw_only=True)
class World:
    """Two workspaces, of which one has something of everything."""

    #: Ids of its things.
    ids: frozenset[str]
    #: Ids of what everybody may read, and its workspace alone may change.
    public: frozenset[str]
    #: Pages that a form leads to, and no link.
    afterwards: tuple[str, ...]

    def names(self, values: Iterable[str], *, public: bool = False) -> bool:
        """Whether one of them is an id of its things, or begins or ends with one as an id of a delivery does."""
        ids = self.ids | (self.public if public else frozenset())
        return not ids.isdisjoint(part for value in values for part in value.split("."))


@pytest.fixture
async def world(services: Services, builder: Builder, clock: Clock, visit: Visit) -> World:
    """A workspace with somebody signed in, a webhook, what it is subscribed to, and deliveries that arrived and failed."""
    owner = Owner(workspace_id=WORKSPACE, principal="user:1", created_by=MARK)
    actor = Actor(
        kind=ActorKind.CLIENT, id="1", name=MARK, workspace_id=WORKSPACE, roles=("subscriber",), address="", at=clock()
    )
    with audit.acting(actor):
        asked = Registration(
            name=f"orders-{MARK}", destination="https://127.0.0.1:9/", secret="s3cr3t", challenge_request_enabled=False
        )
        webhook = await services.webhook_lifecycle.register(asked, owner)
        order = SubscriptionRequest(event_type=AUDIT, webhook=webhook.id)
        [subscription] = await services.subscription_store.add([order], owner, within=WORKSPACE, now=clock())
        meant = ReplayRequest(workspace_id=WORKSPACE, wanted=DeliveryFilter(reason=MARK))
        replay = await services.replays.ask(meant, by=MARK)
        draft = EventApiDraft(text=DOCUMENT.encode(), group="walked")
        api = await services.event_apis.register(draft, by=WORKSPACE, now=clock())
        asked_for = ApplicationDraft(workspace_id=WORKSPACE, name=MARK, webhook=webhook.id)
        application = await services.event_urls.register(asked_for, by=WORKSPACE)
    ids = {str(webhook.id), str(subscription.id), str(replay.id), str(application.id)}
    await visit(Role.VIEWER, name=f"viewer-{MARK}")
    for session in await services.people.sessions(Stretch(limit=9), now=clock()):
        ids |= {str(session.id), str(session.person.id)}
    for number, state in enumerate((State.DELIVERED, State.FAILED, State.FAILED)):
        event = builder.event(workspace_id=WORKSPACE, type=AUDIT, subject=f"{MARK}-{number}")
        status = 200 if state is State.DELIVERED else 503
        await builder.tried(event, webhook.id, Result(state=state, status=status, reason=f"{status} {MARK}"))
        ids.add(str(event.key))
    replay = await services.assembly.replays.ask(
        ReplayRequest(workspace_id=WORKSPACE, wanted=DeliveryFilter()), by=MARK
    )
    ids.add(str(replay.id))
    seen = Sighting(
        kind=IssueKind.GIVEN_UP,
        webhook=webhook.id,
        cause=MARK,
        reason=f"503 {MARK}",
        status=503,
        first_at=clock(),
        last_at=clock(),
    )
    async with services.database.raw() as connection:
        await issue_rows.note(connection, [seen], now=clock())
    public = frozenset({str(api.id)})
    return World(ids=frozenset(ids), public=public, afterwards=(f"/dashboard/webhooks/{webhook.id}/handler",))


@pytest.fixture
async def walked(visit: Visit, world: World) -> AsyncIterator[Walk]:
    """What an operator sees."""
    async with await visit(Role.OPERATOR, name=f"root-{MARK}") as operator:
        yield await walk(operator, PAGES, from_=[*START, *world.afterwards], endless=ENDLESS)


async def rows(database: Database) -> dict[str, str]:
    """What stands in each table, as one digest."""
    looked_at = {table.name: LOOKED_AT.get(table.name, "t::text") for table in tables.metadata.sorted_tables}
    digests = (
        f"SELECT '{name}' AS name, md5(string_agg({what}, ' ' ORDER BY {what})) AS digest FROM {name} t"
        for name, what in looked_at.items()
    )
    async with database.raw() as connection:
        return {row["name"]: row["digest"] for row in await connection.fetch(" UNION ALL ".join(digests))}


async def sends(client: httpx.AsyncClient, form: Form) -> httpx.Response:
    fields: dict[str, list[str]] = {}
    for name, value in form.fields:
        fields.setdefault(name, []).append(value)
    return await client.post(form.action, data=fields or {"": ""})


def test_every_change_asks_for_a_permission() -> None:
    """What is not one's own account, and more than a viewer may have done, asks for a permission that viewers lack."""
    changes = [page for page in PAGES if page.method != "GET"]
    viewers = {page.path for page in changes if page.permission in auth.PERMISSIONS[Role.VIEWER]}

    assert {page.path for page in changes if page.permission is None} == OWN
    assert viewers == VIEWERS


async def test_every_page_is_reached_and_drawn(walked: Walk) -> None:
    """An operator comes to every page by links from the sections, and every link leads to a page."""
    known = Map(PAGES)
    reached = {route.path for address in walked.seen if (route := known.route("GET", address))}
    broken = {
        address: answer.status_code for address, answer in walked.seen.items() if answer.status_code not in (200, 303)
    }
    posted = {route.path for form in walked.forms.values() if (route := known.route("POST", form.action))}
    astray = [form.action for form in walked.forms.values() if known.route("POST", form.action) is None]

    assert {page.path for page in PAGES if page.method == "GET"} - reached - SCRIPTS - set(ENDLESS) == set()
    assert broken == {}
    assert astray == []
    assert len(posted) > 10


async def test_forms_that_are_not_ones_own(visit: Visit, database: Database, walked: Walk) -> None:
    """Whoever a form is not for is refused, whatever page it stands on, and nothing has changed; pages likewise."""
    known = Map(PAGES)
    for role in (Role.SUBSCRIBER, Role.VIEWER, Role.PUBLISHER, None):
        visitor = await visit(*([role] if role else []))
        before, refusals = await rows(database), {}
        for form in walked.forms.values():
            route = known.route("POST", form.action)
            assert route is not None
            if role is None or not _may(role, route.permission):
                refusals[f"POST {form.action}"] = await sends(visitor, form)
        for address in walked.seen:
            route = known.route("GET", address)
            assert route is not None
            if role is None or not _may(role, route.permission):
                refusals[address] = await visitor.get(address)

        wrong = {what: answer.status_code for what, answer in refusals.items() if not _refused(answer, role)}
        assert (role, wrong) == (role, {})
        assert len(refusals) > 3
        assert await rows(database) == before


async def test_another_workspaces_things(visit: Visit, database: Database, walked: Walk, world: World) -> None:
    """Of another workspace one sees its part of the catalogue alone, and changes nothing, whose id one gives and wherever."""
    for role in (Role.SUBSCRIBER, Role.VIEWER, Role.PUBLISHER):
        stranger, before, wrong = await visit(role, workspace=OTHER_WORKSPACE), await rows(database), []
        for form in walked.forms.values():
            if world.names(form.values, public=True):
                answer = await sends(stranger, form)
                if answer.status_code not in (400, 403, 404, 409) or MARK in answer.text:
                    wrong.append((form.action, answer.status_code))
        for address in walked.seen:
            answer = await stranger.get(address)
            named = world.names(urlsplit(address).path.split("/"))
            if answer.status_code >= 500 or MARK in answer.text or (named and answer.status_code == 200):
                wrong.append((address, answer.status_code))

        assert (role, wrong) == (role, [])
        assert await rows(database) == before


@pytest.mark.parametrize("role", [Role.SUBSCRIBER, Role.VIEWER, Role.OPERATOR])
async def test_what_one_is_shown_one_may_do(visit: Visit, database: Database, world: World, role: Role) -> None:
    """No page offers a link or a form that its reader is refused, no form breaks, and each change leaves an entry in the log."""
    known, unnoted = Map(PAGES), []
    async with await visit(role, name=MARK) as visitor:
        found = await walk(visitor, PAGES, from_=["/dashboard/sessions", "/dashboard"], endless=ENDLESS)
        refused = [address for address, answer in found.seen.items() if answer.status_code == 403]
        answers = {}
        # What ends the visit, or takes away what others need, comes last.
        for form in sorted(found.forms.values(), key=_last):
            before = await rows(database)
            answers[form.action] = (await sends(visitor, form)).status_code
            changed = {name for name, digest in (await rows(database)).items() if digest != before[name]}
            route = known.route("POST", form.action)
            if (
                changed - HABITS
                and "audit_entries" not in changed
                and route is not None
                and route.path not in TESTS | VIEWERS
            ):
                unnoted.append((form.action, changed))

    assert refused == []
    assert {action: status for action, status in answers.items() if status == 403 or status >= 500} == {}
    assert unnoted == []
    assert len(answers) > 1


def _last(form: Form) -> tuple[bool, bool]:
    path = urlsplit(form.action).path
    return path.endswith("/sign-out"), path.endswith(("/unregister", "/end", "/remove", "/password"))


def _may(role: Role, permission: auth.Permission | None) -> bool:
    return permission is None or permission in auth.PERMISSIONS[role]


def _refused(answer: httpx.Response, role: Role | None) -> bool:
    """A stranger is led to sign in."""
    if role is not None:
        return answer.status_code == 403
    return answer.status_code == 303 and answer.headers["location"].startswith("/dashboard/sign-in")

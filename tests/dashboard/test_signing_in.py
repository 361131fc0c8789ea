"""Signing in and out over ASGI: what a session's cookie is like, what a wrong password costs, and where one is led."""

import asyncio
import csv
import io
import re
import threading
from collections.abc import AsyncIterator
from datetime import timedelta

import httpx
import pytest

from service.dashboard.access import agents, signing_in
from service.dashboard.frame import cookies
from service.limits.throttle import CHECKS, OF_A_CLIENT
from service.services import Services
from subscriptions.access import passwords
from subscriptions.access.clients import Role
from subscriptions.access.people import Person, PersonDraft
from subscriptions.access.sessions import Stretch
from tests import canaries
from tests.clock import Clock
from tests.dashboard.conftest import Visit
from tests.service.callers import OTHER_WORKSPACE, WORKSPACE

SIGN_IN, SESSIONS = "/dashboard/sign-in", "/dashboard/sessions"
PASSWORD = canaries.planted("password-of-ada")


@pytest.fixture
async def ada(services: Services) -> Person:
    draft = PersonDraft(name="ada@example.com", workspace_id=WORKSPACE, roles=frozenset({Role.OPERATOR}))
    return await services.people.create(draft, PASSWORD, now=services.clock())


@pytest.fixture
async def stranger(visit: Visit) -> AsyncIterator[httpx.AsyncClient]:
    async with await visit() as client:
        yield client


def form(password: str = PASSWORD, **more: str) -> dict[str, str]:
    return {"name": "Ada@Example.com", "password": password, **more}


async def test_in_and_out(stranger: httpx.AsyncClient, ada: Person) -> None:
    """A name and a password give a cookie that no script reads and no other site's form sends; signing out ends its session."""
    asked = await stranger.get(SESSIONS)
    shown = await stranger.get(asked.headers["location"])
    entered = await stranger.post(SIGN_IN, data=form(next=SESSIONS))
    token = stranger.cookies[cookies.PLAIN]
    page = await stranger.get(SESSIONS)
    again = await stranger.get(SIGN_IN)
    left = await stranger.post("/dashboard/sign-out")
    goodbye = await stranger.get(SIGN_IN)
    stranger.cookies.set(cookies.PLAIN, token, "hooklake.local")
    late = await stranger.get(SESSIONS)

    assert 'value="/dashboard/sessions"' in shown.text
    assert (entered.status_code, entered.headers["location"]) == (303, SESSIONS)
    given = entered.headers["set-cookie"]
    assert re.fullmatch(
        r"hooklake_session=[\w-]{43}; HttpOnly; Max-Age=604800; Path=/; SameSite=lax", given, re.IGNORECASE
    )
    assert (page.status_code, "ada@example.com" in page.text, "This one" in page.text) == (200, True, True)
    assert (again.status_code, again.headers["location"]) == (303, "/dashboard")
    assert (left.headers["location"], 'hooklake_session=""' in str(left.headers.get_list("set-cookie"))) == (
        SIGN_IN,
        True,
    )
    assert "You are signed out." in goodbye.text
    assert (late.status_code, late.headers["location"]) == (303, f"{SIGN_IN}?next={SESSIONS}")


async def test_a_publisher_lands_on_a_page_of_theirs(stranger: httpx.AsyncClient, services: Services) -> None:
    """Whoever may not see the overview is led to the first page that they may see: after signing in, by the mark above every
    page, and by the button of the page that refuses another."""
    draft = PersonDraft(name="pia@example.com", workspace_id=WORKSPACE, roles=frozenset({Role.PUBLISHER}))
    await services.people.create(draft, PASSWORD, now=services.clock())
    entered = await stranger.post(SIGN_IN, data={**form(), "name": "pia@example.com"})
    again = await stranger.get(SIGN_IN)
    landed, refused = await stranger.get(entered.headers["location"]), await stranger.get("/dashboard")

    assert entered.headers["location"] == again.headers["location"] == "/dashboard/catalogue"
    assert (landed.status_code, refused.status_code) == (200, 403)
    assert 'class="brand" href="/dashboard/catalogue"' in landed.text
    assert '<a class="button" href="/dashboard/catalogue">To the catalogue</a>' in refused.text


async def test_over_https(stranger: httpx.AsyncClient, ada: Person) -> None:
    """Over https the cookie is bound to the host, and one that came without https is not believed."""
    entered = await stranger.post(f"https://hooklake{SIGN_IN}", data=form())
    over = await stranger.get(f"https://hooklake{SESSIONS}")
    stranger.cookies.set(cookies.PLAIN, stranger.cookies[cookies.SECURE], "hooklake.local")
    del stranger.cookies[cookies.SECURE]
    planted = await stranger.get(f"https://hooklake{SESSIONS}")

    assert entered.headers["set-cookie"].startswith("__Host-hooklake=")
    assert {"Secure", "HttpOnly", "Path=/"} <= set(entered.headers["set-cookie"].split("; "))
    assert (over.status_code, planted.status_code) == (200, 303)


async def test_wrong(stranger: httpx.AsyncClient, ada: Person, clock: Clock) -> None:
    """What is wrong is not told; after ten failures one waits, also with the right password, and others do not."""
    unknown = await stranger.post(SIGN_IN, data=form() | {"name": "nobody"})
    tried = [await stranger.post(SIGN_IN, data=form("guess <&>")) for _ in range(OF_A_CLIENT)]
    late = await stranger.post(SIGN_IN, data=form())
    other = await stranger.post(SIGN_IN, data=form() | {"name": "somebody else"})

    assert {
        (each.status_code, "The name or the password is wrong." in each.text) for each in (unknown, *tried, other)
    } == {(400, True)}
    assert ("guess" in tried[0].text, 'value="Ada@Example.com"' in tried[0].text) == (False, True)
    assert (late.status_code, late.headers["retry-after"]) == (429, "6")
    assert cookies.PLAIN not in stranger.cookies


async def test_others_wrong_passwords_keep_nobody_out(
    visit: Visit, services: Services, ada: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Addresses that go on guessing fill the queue of checks: one of them is turned away for whoever comes from another address
    with the right password, who is let in."""
    monkeypatch.setattr(passwords, "WAITING", 8)
    many, answered, gate = 14, asyncio.Queue[tuple[str, int]](), threading.Event()
    services.people._passwords._threads.submit(gate.wait)

    async def enter(name: str, password: str, address: str) -> None:
        client = await visit(address=address)
        answer = await client.post(SIGN_IN, data={"name": name, "password": password})
        answered.put_nowait((name, answer.status_code))

    for n in range(many):
        services.sign_ins.failed(f"before {n}", f"192.0.2.{n}", services.clock())
    async with asyncio.TaskGroup() as entering:
        for n in range(many):
            entering.create_task(enter(f"guess {n}", "guess", f"192.0.2.{n}"))
        refused = [await answered.get() for _ in range(many - 9)]
        entering.create_task(enter("Ada@Example.com", PASSWORD, "203.0.113.9"))
        refused.append(await answered.get())
        gate.set()
    checked = [answered.get_nowait() for _ in range(answered.qsize())]

    assert {status for _, status in refused} == {429}
    assert ("Ada@Example.com", 303) in checked


async def test_right_passwords_are_counted_too(stranger: httpx.AsyncClient, ada: Person) -> None:
    """Each check costs a tenth of a second of a core: an address has so many at once, whatever they come to."""
    answers = [await stranger.post(SIGN_IN, data=form()) for _ in range(CHECKS + 1)]

    assert [each.status_code for each in answers] == [303] * CHECKS + [429]
    assert "Too many passwords were tried from here." in answers[-1].text


@pytest.mark.parametrize("fields", [{}, {"name": "ada@example.com"}, {"password": PASSWORD}])
async def test_half_a_form(stranger: httpx.AsyncClient, ada: Person, fields: dict[str, str]) -> None:
    """What is missing is wrong."""
    answer = await stranger.post(SIGN_IN, data=fields or {"next": "/dashboard"})
    assert answer.status_code == 400


@pytest.mark.parametrize(
    ("body", "media_type", "status"),
    [
        (b"{}", "application/json", 400),
        (b"name=\xff", "application/x-www-form-urlencoded", 400),
        (b"name=%ff&password=x", "application/x-www-form-urlencoded", 400),
        (b"name=a%00b&password=x", "application/x-www-form-urlencoded", 400),
        (b"a=1&" * 3000, "application/x-www-form-urlencoded", 400),
        (b"name=" + b"a" * 20000, "application/x-www-form-urlencoded", 413),
    ],
)
async def test_no_form(stranger: httpx.AsyncClient, body: bytes, media_type: str, status: int) -> None:
    """What is no readable form is refused by a page that says so."""
    answer = await stranger.post(SIGN_IN, content=body, headers={"Content-Type": media_type})
    assert (answer.status_code, "<h1>" in answer.text) == (status, True)


@pytest.mark.parametrize(
    ("wanted", "followed"),
    [
        ("/dashboard/webhooks?state=ERROR", "/dashboard/webhooks?state=ERROR"),
        ("/dashboard?workspace=7", "/dashboard?workspace=7"),
        ("", "/dashboard"),
        ("https://evil.example/dashboard/", "/dashboard"),
        ("//evil.example/dashboard/", "/dashboard"),
        ("/dashboard//evil.example", "/dashboard"),
        ("/dashboard/\\evil.example", "/dashboard"),
        ("/dashboardevil", "/dashboard"),
        ("/dashboard/\r\nSet-Cookie: a=b", "/dashboard"),
        ("/dashboard/" + "a" * 3000, "/dashboard"),
    ],
)
def test_where_one_is_led(wanted: str, followed: str) -> None:
    """After signing in one comes to a page of the dashboard, never elsewhere."""
    assert signing_in.following(wanted) == followed


async def test_a_link(stranger: httpx.AsyncClient, visit: Visit, services: Services, ada: Person) -> None:
    """A link leads to a button, which signs in once; looked at by whoever it is not used up."""
    token = await services.people.link(ada.id, now=services.clock())
    looked = [await stranger.get(SIGN_IN, params={"link": token}) for _ in range(2)]
    entered = await stranger.post(SIGN_IN, data={"link": token})
    inside = await stranger.get(SESSIONS)
    other = await visit()
    again = await other.post(SIGN_IN, data={"link": token})
    said = await other.get(again.headers["location"])

    assert [("Sign in as ada@example.com" in each.text, each.status_code) for each in looked] == [(True, 200)] * 2
    assert (entered.status_code, entered.headers["location"], inside.status_code) == (303, "/dashboard", 200)
    assert (said.status_code, "The link was used, is too old, or a password was set since." in said.text) == (410, True)


async def test_a_second_time(stranger: httpx.AsyncClient, services: Services, ada: Person) -> None:
    """Who signs in again has another token, and the session before has ended."""
    await stranger.post(SIGN_IN, data=form())
    first = stranger.cookies[cookies.PLAIN]
    await stranger.post(SIGN_IN, data=form())

    assert stranger.cookies[cookies.PLAIN] != first
    assert len(await services.people.sessions(Stretch(limit=9), now=services.clock())) == 1


async def test_a_session_ends_by_itself(stranger: httpx.AsyncClient, ada: Person, clock: Clock) -> None:
    """After twelve hours without a request one signs in again, and after a week in any case."""
    await stranger.post(SIGN_IN, data=form())
    used = []
    for _ in range(16):
        clock.advance(timedelta(hours=11).total_seconds())
        used.append((await stranger.get(SESSIONS)).status_code)
    await stranger.post(SIGN_IN, data=form())
    clock.advance(timedelta(hours=12).total_seconds())

    assert used == [200] * 15 + [303]
    assert (await stranger.get(SESSIONS)).status_code == 303
    assert "Your session has ended: sign in to go on." in (await stranger.get(SIGN_IN)).text


async def test_what_loads_itself_keeps_nobody_signed_in(stranger: httpx.AsyncClient, ada: Person, clock: Clock) -> None:
    """A page that is left open and loads its parts anew ends with its session, as one that stands still does."""
    await stranger.post(SIGN_IN, data=form())
    loaded = []
    for _ in range(3):
        clock.advance(timedelta(hours=5).total_seconds())
        loaded.append((await stranger.get(SESSIONS, headers={"X-Live": "true"})).status_code)

    assert loaded == [200, 200, 303]


FORGED: tuple[dict[str, str], ...] = (
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site", "Origin": "http://hooklake"},
    {"Sec-Fetch-Site": "", "Origin": "http://hooklake"},
    {"Origin": "http://evil.example"},
    {"Origin": "null"},
    {"Origin": ""},
    {"Referer": "http://evil.example/dashboard/sign-in"},
    {"Referer": "http://hooklake@evil.example/"},
    {"Referer": ""},
    {"Origin": "null", "Referer": "http://hooklake/dashboard/sign-in"},
    {},
)
OURS = (
    {"Sec-Fetch-Site": "same-origin", "Origin": "null"},
    {"Sec-Fetch-Site": "none"},
    {"Origin": "http://hooklake"},
    {"Origin": "https://hooklake"},
    # What the deployment is called, behind a proxy that says another Host.
    {"Origin": "http://127.0.0.1:8080"},
    # Browsers without scripts.
    {"Referer": "http://hooklake/dashboard/sign-in"},
)


async def test_forms_of_other_sites(visit: Visit, services: Services) -> None:
    """A change is taken from a page of ours alone, signing in and out too; what is read may be linked from anywhere."""
    answers = {}
    for number, headers in enumerate((*FORGED, *OURS)):
        visitor = await visit(Role.VIEWER)
        del visitor.headers["Sec-Fetch-Site"]
        stranger = await visit()
        del stranger.headers["Sec-Fetch-Site"]
        read = await visitor.get(SESSIONS, headers=headers)
        came = await stranger.post(SIGN_IN, data={"name": "a", "password": "b"}, headers=headers)
        left = await visitor.post("/dashboard/sign-out", headers=headers)
        answers[number] = (read.status_code, came.status_code, left.status_code)

    assert [*answers.values()] == [(200, 403, 403)] * len(FORGED) + [(200, 400, 303)] * len(OURS)
    assert len(await services.people.sessions(Stretch(limit=99), now=services.clock())) == len(FORGED)


async def test_sessions_page(visit: Visit, services: Services, ada: Person, stranger: httpx.AsyncClient) -> None:
    """One's own sessions are listed and ended; operators see and end everybody's, others nobody else's."""
    viewer, operator = await visit(Role.VIEWER, workspace=OTHER_WORKSPACE, name="Bob"), await visit(Role.OPERATOR)
    await stranger.post(SIGN_IN, data=form())
    [hers] = await services.people.sessions(Stretch(limit=9, of=ada.id), now=services.clock())

    refused = await viewer.post(f"{SESSIONS}/{hers.id}/end")
    listed = (await viewer.get(SESSIONS, params={"everybody": "true"})).text
    seen = (await operator.get(SESSIONS, params={"everybody": "true"})).text
    odd = await viewer.post(f"{SESSIONS}/everything/end")
    before = await stranger.get(SESSIONS)
    ended = await operator.post(f"{SESSIONS}/{hers.id}/end?everybody=true")

    assert (refused.status_code, odd.status_code, before.status_code) == (404, 404, 200)
    assert ("ada@example.com" in listed, "bob" in listed) == (False, True)
    assert ("ada@example.com" in seen, "bob" in seen) == (True, True)
    assert (ended.status_code, ended.headers["location"]) == (303, f"{SESSIONS}?everybody=true")
    assert (await stranger.get(SESSIONS)).status_code == 303


async def test_changing_the_password(stranger: httpx.AsyncClient, visit: Visit, ada: Person) -> None:
    """Who knows it changes it, and is signed out elsewhere; who came by a link sets one without."""
    other = await visit()
    for each in (stranger, other):
        await each.post(SIGN_IN, data=form())
    new = PASSWORD + "-2"

    async def change(client: httpx.AsyncClient, current: str, password: str, again: str) -> httpx.Response:
        return await client.post(
            f"{SESSIONS}/password", data={"current": current, "password": password, "again": again}
        )

    wrong = [
        await change(stranger, "guess", new, new),
        await change(stranger, PASSWORD, new, new + "x"),
        await change(stranger, PASSWORD, "short", "short"),
    ]
    right = await change(stranger, PASSWORD, new, new)
    linked = await visit(Role.VIEWER)
    first = await change(linked, "", new, new)

    assert [each.status_code for each in wrong] == [400] * 3
    said = ["This is not your password.", "The two passwords differ.", "It must have from 12 to 256 characters."]
    assert [sentence in each.text for sentence, each in zip(said, wrong, strict=True)] == [True] * 3
    assert (right.status_code, first.status_code) == (303, 303)
    assert [(await each.get(SESSIONS)).status_code for each in (stranger, other)] == [200, 303]
    assert (await other.post(SIGN_IN, data=form())).status_code == 400
    assert (await other.post(SIGN_IN, data=form(new))).status_code == 303


async def test_people_page(visit: Visit, services: Services) -> None:
    """Operators let people in, give them links and roles, and remove them; not themselves, and nobody else does any of it."""
    operator, viewer = await visit(Role.OPERATOR), await visit(Role.VIEWER)
    fields = {"name": "Grace", "workspace": OTHER_WORKSPACE, "role": ["viewer", "subscriber"]}
    forbidden = await viewer.post("/dashboard/people", data=fields)
    wrong = await operator.post("/dashboard/people", data={"name": "<b>", "workspace": "7"})
    made = await operator.post("/dashboard/people", data=fields)
    twice = await operator.post("/dashboard/people", data=fields)
    path = made.headers["location"]
    linked = await operator.post(f"{path}/link")
    [link] = re.findall(r"http://127\.0\.0\.1:8080/dashboard/sign-in\?link=([\w-]{43})", linked.text)[:1]
    grace = await visit()
    await grace.post(SIGN_IN, data={"link": link})
    inside = await grace.get(SESSIONS)
    none = await operator.post(f"{path}/roles", data={"x": ""})
    changed = await operator.post(f"{path}/roles", data={"role": "viewer"})
    account = (await grace.get(SESSIONS)).text
    removed = await operator.post(f"{path}/remove")
    outside = await grace.get(SESSIONS)
    [me] = [each for each in await services.people.page(limit=9) if each.roles == {Role.OPERATOR}]
    oneself = [
        await operator.post(f"/dashboard/people/{me.id}/{what}", data={"role": "viewer"})
        for what in ("remove", "roles")
    ]

    assert (forbidden.status_code, wrong.status_code, made.status_code, twice.status_code) == (403, 400, 303, 409)
    assert ("<b>" in wrong.text, "Must be 32 lower-case hexadecimal digits." in wrong.text) == (False, True)
    assert (inside.status_code, none.status_code, changed.status_code, removed.status_code) == (200, 400, 303, 303)
    assert "<dd>viewer</dd>" in account
    assert outside.status_code == 303
    assert [each.status_code for each in oneself] == [409, 409]
    assert "operator" in (await operator.get("/dashboard/people")).text
    head, *rows = csv.reader(io.StringIO((await operator.get("/dashboard/people", params={"format": "csv"})).text))
    assert (head[:3], [row[2] for row in rows if row[1] == "grace" and row[-1]]) == (
        ["Id", "Name", "Roles"],
        ["viewer"],
    )


@pytest.mark.parametrize(
    ("agent", "named"),
    [
        (
            "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0 Safari/537.36",
            "Chrome 156 on Linux",
        ),
        (
            "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/140.0 Safari/537.36 Edg/140.0",
            "Edge 140 on Windows",
        ),
        (
            "Mozilla/5.0 (Macintosh; Intel Mac OS X 10.15; rv:140.0) Gecko/20100101 Firefox/140.0",
            "Firefox 140 on macOS",
        ),
        (
            "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 Version/18.0 Safari/604.1",
            "Safari 18 on iOS",
        ),
        ("curl/8.5.0", "curl"),
        ("", ""),
    ],
)
def test_browsers_by_name(agent: str, named: str) -> None:
    """A session's browser has the name that people know it by."""
    assert agents.named(agent) == named

"""People and their sessions, on a real database: what is kept of a secret, and when a session or a link ends."""

import asyncio
import threading
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from argon2 import PasswordHasher

from subscriptions.access import passwords
from subscriptions.access.clients import Role
from subscriptions.access.passwords import Passwords
from subscriptions.access.people import OutsidePerson, Person, PersonDraft
from subscriptions.access.people_store import LINK, PeopleStore
from subscriptions.access.sessions import MOST, SEEN, Browser, DashboardSession, SessionLimits, Stretch
from subscriptions.ground.database import Database, asked_by
from subscriptions.ground.errors import Absent, Busy, Conflicting, HooklakeError, Refused, Unauthorized
from tests.clock import Clock

WORKSPACE, OTHER = "3009de2825f211ec8a84fedebcb4a754", "485d4628bb5911eeb355f27748645044"
PASSWORD = "correct horse battery staple"
LIMITS = SessionLimits(idle=timedelta(hours=1), lifetime=timedelta(days=1))
HERE = Browser(address="192.0.2.1", agent="A browser\x07")


def draft(name: str = "Ada", *roles: Role, workspace: str = WORKSPACE) -> PersonDraft:
    return PersonDraft(name=name, workspace_id=workspace, roles=frozenset(roles or {Role.OPERATOR}))


def cheap(rounds: int = 1) -> Passwords:
    """For what is not about the parameters."""
    return Passwords(PasswordHasher(time_cost=rounds, memory_cost=8, parallelism=1))


@pytest.fixture
async def people(database: Database) -> AsyncIterator[PeopleStore]:
    store = PeopleStore(database, cheap(), LIMITS)
    yield store
    store.close()


@pytest.fixture
async def ada(people: PeopleStore, clock: Clock) -> Person:
    return await people.create(draft(), PASSWORD, now=clock())


async def kept(database: Database, query: str) -> list[object]:
    async with database.raw() as connection:
        return [value for row in await connection.fetch(query) for value in row.values()]


async def test_signing_in(people: PeopleStore, ada: Person, database: Database, clock: Clock) -> None:
    """A name in any case and its password give a session that names the person; neither of the two secrets is kept."""
    token = await people.sign_in(" ADA", PASSWORD, HERE, now=clock())
    found = await people.session(token, now=clock())

    assert isinstance(found, DashboardSession)
    assert (found.person.id, found.person.roles, found.address, found.agent) == (
        *(ada.id, frozenset({Role.OPERATOR})),
        *("192.0.2.1", "A browser"),
    )
    rows = str(
        await kept(
            database, "SELECT row_to_json(p)::text || (SELECT string_agg(s::text, '') FROM sessions s) FROM people p"
        )
    )
    assert (token in rows, token.encode().hex() in rows, PASSWORD in rows, "$argon2id$v=19$" in rows) == (
        *(False, False, False),
        True,
    )


@pytest.mark.parametrize(
    ("name", "password"),
    [("ada", "another password"), ("nobody", PASSWORD), ("ada", ""), ("ada", PASSWORD + "x" * 300)],
)
async def test_wrong(people: PeopleStore, ada: Person, clock: Clock, name: str, password: str) -> None:
    """A wrong name and a wrong password are refused alike, and begin no session."""
    with pytest.raises(Unauthorized, match="the name or the password is wrong"):
        await people.sign_in(name, password, HERE, now=clock())
    assert await people.sessions(Stretch(of=None, limit=10), now=clock()) == []


async def test_no_password(people: PeopleStore, clock: Clock) -> None:
    """Somebody without a password does not get in with an empty one, nor with any."""
    await people.create(draft(), None, now=clock())
    for password in ("", PASSWORD):
        with pytest.raises(Unauthorized):
            await people.sign_in("ada", password, HERE, now=clock())


async def test_parameters_that_rise(people: PeopleStore, ada: Person, database: Database, clock: Clock) -> None:
    """Who signs in after the parameters rose is kept under the new ones from then on."""
    dearer = PeopleStore(database, cheap(2), LIMITS)
    [before] = await kept(database, "SELECT password FROM people")
    await dearer.sign_in("ada", PASSWORD, HERE, now=clock())
    [after] = await kept(database, "SELECT password FROM people")
    await dearer.sign_in("ada", PASSWORD, HERE, now=clock())

    assert ("t=1" in str(before), "t=2" in str(after)) == (True, True)
    assert await kept(database, "SELECT password FROM people") == [after]
    dearer.close()


async def test_passwords_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """No more than some wait for a thread: one more is told that there are many, and costs nothing."""
    monkeypatch.setattr(passwords, "WAITING", 1)
    checked = cheap()
    tried = await asyncio.gather(*(checked.right(None, PASSWORD) for _ in range(5)), return_exceptions=True)
    checked.close()

    assert [type(each) for each in tried] == [bool, bool, Busy, Busy, Busy]
    assert await cheap().right(None, "nobody has this password") is False


async def test_whoever_was_wrong_less_often_is_checked_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """Others' wrong passwords keep nobody out: whoever was wrong less often is checked next, and where there is no room makes
    some; whoever was wrong as often as all others waits behind them, or is told to come again."""
    monkeypatch.setattr(passwords, "WAITING", 3)
    checked, told = cheap(), list[str]()

    async def asked(key: str, doubt: int) -> None:
        with asked_by(key):
            try:
                await checked.right(None, PASSWORD, doubt=doubt)
                told.append(key)
            except Busy:
                told.append(f"{key} is busy")

    busy, gate = checked._threads, threading.Event()
    busy.submit(gate.wait)
    wrong = [asyncio.create_task(asked(f"wrong {n}", 5)) for n in range(5)]
    await asyncio.sleep(0)
    new = asyncio.create_task(asked("new", 1))
    await asyncio.sleep(0)
    gate.set()
    await asyncio.gather(*wrong, new)
    checked.close()

    assert [each for each in told if "busy" not in each] == ["wrong 0", "new", "wrong 1", "wrong 2"]
    assert sorted(each for each in told if "busy" in each) == ["wrong 3 is busy", "wrong 4 is busy"]


async def test_who_gives_up_waiting_leaves_the_turn_to_others() -> None:
    """Whoever goes away while he waits, or just as it is his turn, holds up nobody."""
    checked = cheap()
    asked = [asyncio.create_task(checked.right(None, PASSWORD)) for _ in range(4)]
    await asyncio.sleep(0)
    asked[0].cancel()
    asked[2].cancel()
    ended = await asyncio.gather(*asked, return_exceptions=True)
    after = await checked.right(None, PASSWORD)
    checked.close()

    assert [type(each) for each in (*ended, after)] == [
        asyncio.CancelledError,
        bool,
        asyncio.CancelledError,
        bool,
        bool,
    ]


async def test_passwords_of_one_asker() -> None:
    """Who asks for many at once is told so, and others wait for no more than two of them."""
    checked = cheap()

    async def asked(key: str) -> object:
        with asked_by(key):
            return await checked.right(None, PASSWORD)

    tried = await asyncio.gather(*(asked("many") for _ in range(4)), asked("one"), return_exceptions=True)
    checked.close()

    assert [type(each) for each in tried] == [bool, bool, Busy, Busy, bool]


async def test_a_person_has_so_many_sessions(people: PeopleStore, ada: Person, clock: Clock) -> None:
    """With one more the oldest ends: who signs in in a loop fills nothing."""
    tokens = []
    for _ in range(MOST + 2):
        clock.advance(1)
        tokens.append(await people.sign_in("ada", PASSWORD, HERE, now=clock()))
    found = [await people.session(token, now=clock()) for token in tokens]

    assert [each is not None for each in found] == [False, False] + [True] * MOST


@pytest.mark.parametrize(("minutes", "live"), [((59, 59), True), ((60,), False), ((59,) * 25, False)])
async def test_sessions_end(
    people: PeopleStore, ada: Person, clock: Clock, minutes: tuple[int, ...], live: bool
) -> None:
    """A session lasts as long as it is used within the hour, and a day at most."""
    token = await people.sign_in("ada", PASSWORD, HERE, now=clock())
    for each in minutes:
        clock.advance(each * 60)
        found = await people.session(token, now=clock())

    assert (found is not None) is live
    assert len(await people.sessions(Stretch(of=ada.id, limit=10), now=clock())) == live


async def test_reading_does_not_write(people: PeopleStore, ada: Person, database: Database, clock: Clock) -> None:
    """When a session was used is noted once a minute, and not where a stream only looks whether it lasts."""
    token, began = await people.sign_in("ada", PASSWORD, HERE, now=clock()), clock()
    for seconds, seen in ((SEEN.total_seconds() - 1, began), (1, began + SEEN)):
        clock.advance(seconds)
        await people.session(token, now=clock())
        assert await kept(database, "SELECT seen_at FROM sessions") == [seen]
    clock.advance(600)
    await people.session(token, now=clock(), used=False)
    assert await kept(database, "SELECT seen_at FROM sessions") == [began + SEEN]


async def test_what_ends_sessions(people: PeopleStore, ada: Person, clock: Clock) -> None:
    """A new password ends all but the session it is set in; a removed person's end, and their links; one is ended alone."""
    tokens = [await people.sign_in("ada", PASSWORD, HERE, now=clock()) for _ in range(3)]
    mine = await people.session(tokens[0], now=clock())
    third = await people.session(tokens[2], now=clock())
    assert mine is not None
    assert third is not None
    link = await people.link(ada.id, now=clock())

    await people.end(third.id, of=ada.id)
    with pytest.raises(Absent):
        await people.end(third.id, of=None)
    live = [await people.session(token, now=clock()) is not None for token in tokens]
    await people.set_password(ada.id, PASSWORD + "!", but=mine.id)
    left = [await people.session(token, now=clock()) is not None for token in tokens]
    await people.remove(ada.id, now=clock())

    assert (live, left) == ([True, True, False], [True, False, False])
    assert await people.session(tokens[0], now=clock()) is None
    assert await people.linked(link, now=clock()) is None
    for refused in (
        people.sign_in("ada", PASSWORD + "!", HERE, now=clock()),
        people.link(ada.id, now=clock()),
        people.set_roles(ada.id, frozenset({Role.VIEWER})),
    ):
        with pytest.raises((Unauthorized, Absent)):
            await refused
    # The name is free again.
    assert (await people.create(draft(), PASSWORD, now=clock())).id != ada.id


async def test_of_another(people: PeopleStore, ada: Person, clock: Clock) -> None:
    """Nobody ends another person's session by its id."""
    bob = await people.create(draft("bob", Role.VIEWER), PASSWORD, now=clock())
    token = await people.sign_in("ada", PASSWORD, HERE, now=clock())
    found = await people.session(token, now=clock())
    assert found is not None

    with pytest.raises(Absent):
        await people.end(found.id, of=bob.id)
    assert await people.session(token, now=clock()) is not None


async def test_roles_hold_at_once(people: PeopleStore, ada: Person, clock: Clock) -> None:
    """Other roles hold in the sessions that there are."""
    token = await people.sign_in("ada", PASSWORD, HERE, now=clock())
    await people.set_roles(ada.id, frozenset({Role.VIEWER}))
    found = await people.session(token, now=clock())

    assert found is not None
    assert found.person.roles == {Role.VIEWER}


async def test_links(people: PeopleStore, ada: Person, clock: Clock) -> None:
    """A link is shown before it is used, signs in once, of two at once one, and not after the hour."""
    first, second = [await people.link(ada.id, now=clock()) for _ in range(2)]
    shown = await people.linked(first, now=clock())
    both = await asyncio.gather(
        *(people.sign_in_by_link(first, HERE, now=clock()) for _ in range(2)), return_exceptions=True
    )
    clock.advance(LINK.total_seconds())

    assert shown is not None
    assert sorted(type(each).__name__ for each in both) == ["Unauthorized", "str"]
    with pytest.raises(Unauthorized, match="the link was used, or is too old"):
        await people.sign_in_by_link(second, HERE, now=clock())


async def test_vouched(people: PeopleStore, database: Database, clock: Clock) -> None:
    """Whom an issuer vouches for is one person by its subject, with the roles and the workspace it tells each time."""

    def said(name: str, role: Role, workspace: str) -> OutsidePerson:
        asked = PersonDraft(name=name, workspace_id=workspace, roles=frozenset({role}))
        return OutsidePerson(issuer="https://id.example", subject="4711", draft=asked)

    await people.create(draft("Grace"), PASSWORD, now=clock())
    tokens = [
        await people.vouched(said("Grace", Role.VIEWER, WORKSPACE), HERE, now=clock()),
        await people.vouched(said("Grace H.", Role.SUBSCRIBER, OTHER), HERE, now=clock()),
    ]
    found = [await people.session(token, now=clock()) for token in tokens]

    persons = [each.person for each in found if each]
    assert [(each.name, each.roles, each.workspace_id) for each in persons] == [
        ("Grace H.", frozenset({Role.SUBSCRIBER}), OTHER)
    ] * 2
    assert len({each.id for each in persons}) == 1
    # Its name is no way in.
    with pytest.raises(Unauthorized):
        await people.sign_in("grace h.", "", HERE, now=clock())
    await people.remove(persons[0].id, now=clock())
    with pytest.raises(Absent):
        await people.vouched(said("Grace", Role.OPERATOR, WORKSPACE), HERE, now=clock())


@pytest.mark.parametrize(
    ("asked", "password", "error"),
    [
        (draft("  "), PASSWORD, Refused),
        (draft("a\nb"), PASSWORD, Refused),
        (draft("a" * 101), PASSWORD, Refused),
        (draft(workspace="ours"), PASSWORD, Refused),
        (PersonDraft(name="ada", workspace_id=WORKSPACE, roles=frozenset()), PASSWORD, Refused),
        (draft(), "short", Refused),
        (draft(), "x" * 257, Refused),
        (draft("bob"), PASSWORD, Conflicting),
        (draft("BOB"), PASSWORD, Conflicting),
    ],
)
async def test_refused(
    people: PeopleStore, clock: Clock, asked: PersonDraft, password: str, error: type[HooklakeError]
) -> None:
    """Names, workspaces, roles and passwords that cannot be kept are refused, and nobody is made."""
    await people.create(draft("bob"), PASSWORD, now=clock())
    with pytest.raises(error):
        await people.create(asked, password, now=clock())
    assert [each.name for each in await people.page(limit=10)] == ["bob"]


async def test_first(people: PeopleStore, clock: Clock) -> None:
    """Of two first starts at once one makes a person; where there was one ever, none does."""
    made = await asyncio.gather(*(people.first(draft("operator"), now=clock()) for _ in range(2)))
    [person] = [each for each in made if each]
    await people.remove(person.id, now=clock())

    assert await people.first(draft("operator"), now=clock()) is None


async def test_pages(people: PeopleStore, clock: Clock) -> None:
    """People and sessions are listed newest first, a page after another, each once; of one workspace its own."""
    for n in range(5):
        # Two of a moment.
        clock.advance(n % 2)
        await people.create(draft(f"p{n}", workspace=OTHER if n == 3 else WORKSPACE), PASSWORD, now=clock())
        await people.sign_in(f"p{n}", PASSWORD, HERE, now=clock())
    listed, after = [], None
    while found := await people.page(after=after, limit=2):
        listed += found
        after = found[-1].created_at, found[-1].id
    first = await people.sessions(Stretch(of=None, limit=3), now=clock())
    rest = await people.sessions(Stretch(of=None, after=(first[-1].created_at, first[-1].id), limit=3), now=clock())

    assert [each.created_at for each in listed] == sorted((each.created_at for each in listed), reverse=True)
    assert sorted(each.name for each in listed) == ["p0", "p1", "p2", "p3", "p4"]
    assert [each.name for each in await people.page(within=OTHER, limit=9)] == ["p3"]
    assert sorted(each.person.name for each in first + rest) == ["p0", "p1", "p2", "p3", "p4"]

"""Failed logins and forged tokens: how they are counted, as tables, and what the token endpoint and the entrance make of it."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from service.app import build
from service.limits.throttle import OF_A_CLIENT, OF_AN_ADDRESS, SignIns, Throttle
from service.services import Services
from subscriptions.access import clients
from subscriptions.access.clients import Client, Draft, Role
from tests.clock import Clock
from tests.service.callers import WORKSPACE

TOKEN = f"/authorization/v2/oauth2/{WORKSPACE}/token"
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
HERE, THERE = "192.0.2.1", "192.0.2.2"


def test_doubt() -> None:
    """It grows with each wrong password of a household, goes within ten minutes each, and is none of who was right there."""
    signing = SignIns()
    for n in range(3):
        signing.failed(f"name {n}", HERE, NOON)

    later = NOON + timedelta(minutes=15)
    assert [signing.doubt("ada", each, NOON) for each in (HERE, THERE)] == [4, 1]
    assert signing.doubt("ada", HERE, later) == 3
    signing.succeeded("ada", HERE)
    assert [signing.doubt(each, HERE, NOON) for each in ("ada", "bob")] == [0, 4]


def after(failures: Sequence[tuple[str, str]], throttle: Throttle | None = None) -> Throttle:
    """A throttle after failures of clients from addresses, all at noon."""
    throttle = throttle or Throttle()
    for client, address in failures:
        throttle.failed(client, address, NOON)
    return throttle


@pytest.mark.parametrize(
    ("failures", "client", "address", "seconds"),
    [
        ([], "a", HERE, 0),
        ([("a", HERE)] * 9, "a", HERE, 0),
        ([("a", HERE)] * 10, "a", HERE, 6),
        ([("a", HERE)] * 12, "a", HERE, 18),
        # Others go on, and the same one from elsewhere does.
        ([("a", HERE)] * 12, "b", HERE, 0),
        ([("a", HERE)] * 12, "a", THERE, 0),
        # Many names from one address are one guesser.
        ([(str(n), HERE) for n in range(49)], "a", HERE, 0),
        ([(str(n), HERE) for n in range(50)], "a", HERE, 6),
        ([(str(n), HERE) for n in range(50)], "a", THERE, 0),
        # Of IPv6 one guesser has a whole network; of IPv4 in IPv6's clothes one address.
        ([("a", f"2001:db8::{n}") for n in range(10)], "a", "2001:db8::ffff:1:2:3", 6),
        ([("a", f"2001:db8::{n}") for n in range(10)], "a", "2001:db8:0:1::1", 0),
        ([("a", f"::ffff:{HERE}")] * 10, "a", HERE, 6),
        ([("a", "")] * 10, "a", "", 6),
    ],
)
def test_first_failures_are_forgiven(
    failures: Sequence[tuple[str, str]], client: str, address: str, seconds: int
) -> None:
    """Ten failures of a client from an address, and fifty from an address, are forgiven before one has to wait."""
    assert after(failures).wait(client, address, NOON) == seconds


@pytest.mark.parametrize(("later", "seconds"), [(0, 6), (5.5, 1), (6, 0), (60, 0), (-30, 36)])
def test_a_failure_is_forgotten_after_six_seconds(later: float, seconds: int) -> None:
    """A failure is forgotten every six seconds; a clock that is set back gives nothing."""
    throttle = after([("a", HERE)] * 10)

    assert throttle.wait("a", HERE, NOON + timedelta(seconds=later)) == seconds


def test_known_here() -> None:
    """A client that got its token from an address goes on getting it, whatever others fail there; its own failures count."""
    throttle = Throttle()
    throttle.succeeded("a", HERE)
    after([(str(n), HERE) for n in range(100)], throttle)

    others = [throttle.wait(client, HERE, NOON) for client in ("a", "b")]
    after([("a", HERE)] * 10, throttle)

    assert others == [0, 306]
    assert throttle.wait("a", HERE, NOON) == 6


def test_memory_is_bounded() -> None:
    """Any number of names and addresses leaves no more than so many in memory; who failed last is still counted."""
    throttle = Throttle(most=10)
    for n in range(1000):
        throttle.succeeded(str(n), HERE)
        throttle.failed(f"x{n}", f"198.51.{n // 250}.{n % 250}", NOON)
    after([("a", HERE)] * 10, throttle)

    assert len(throttle) <= 30
    assert throttle.wait("a", HERE, NOON) == 6


@pytest.fixture
async def known(services: Services) -> tuple[Client, str]:
    draft = Draft(workspace_id=WORKSPACE, name="a viewer", roles=frozenset({Role.VIEWER}))
    async with services.database.transaction() as connection:
        return await clients.create(connection, draft, now=services.clock())


def form(client: str, secret: str) -> dict[str, str]:
    return {"grant_type": "client_credentials", "client_id": client, "client_secret": secret}


async def test_the_right_secret_waits_after_ten_wrong_ones(
    api: httpx.AsyncClient, known: tuple[Client, str], clock: Clock
) -> None:
    """After ten wrong secrets even the right one waits: 429 and `Retry-After`, whatever address a header claims."""
    client, secret = known
    forwarded = {"X-Forwarded-For": "203.0.113.9", "Forwarded": "for=203.0.113.9"}
    wrong = [await api.post(TOKEN, data=form(str(client.id), "x"), headers=forwarded) for _ in range(11)]
    early = await api.post(TOKEN, data=form(str(client.id), secret))
    clock.advance(6)
    late = await api.post(TOKEN, data=form(str(client.id), secret))

    assert [each.status_code for each in wrong] == [401] * 10 + [429]
    assert (early.status_code, early.headers["retry-after"], early.headers["cache-control"]) == (429, "6", "no-store")
    assert early.json()["error"] == "temporarily_unavailable"
    assert late.status_code == 200


async def test_others_get_in(api: httpx.AsyncClient, services: Services, known: tuple[Client, str]) -> None:
    """While someone guesses a client's secret, it gets its token from elsewhere, and others get theirs."""
    client, secret = known
    for _ in range(20):
        await api.post(TOKEN, data=form(str(client.id), "x"))
    async with services.database.transaction() as connection:
        draft = Draft(workspace_id=WORKSPACE, name="other", roles=frozenset({Role.VIEWER}))
        other, other_secret = await clients.create(connection, draft, now=services.clock())
    app = build(lambda: pytest.fail("an ASGI transport runs no lifespan"))
    app.state.services = services
    elsewhere = httpx.ASGITransport(app, client=("192.0.2.7", 1))

    here = await api.post(TOKEN, data=form(str(other.id), other_secret))
    async with httpx.AsyncClient(transport=elsewhere, base_url="http://hooklake") as caller:
        there = await caller.post(TOKEN, data=form(str(client.id), secret))

    assert (here.status_code, there.status_code) == (200, 200)


async def test_nothing_is_told(api: httpx.AsyncClient, known: tuple[Client, str]) -> None:
    """A wrong secret, an unknown client and one that cannot be are answered alike, and counted alike."""
    names = [str(known[0].id), str(uuid4()), "nobody", "\r\nx: y\0\u20ac"]

    answers = {name: [await api.post(TOKEN, data=form(name, "x")) for _ in range(11)] for name in names}

    told = {
        tuple((each.status_code, each.text, each.headers.get("retry-after"), *each.headers) for each in given)
        for given in answers.values()
    }
    assert len(told) == 1


async def test_failures_are_counted_by_whom_they_name(api: httpx.AsyncClient, services: Services) -> None:
    """Another spelling of a client's id buys no other attempts; what is no id has its own."""
    client = uuid4()
    spelled = [str(client), str(client).upper(), client.hex, f"{{{client}}}", client.urn] * 2

    answers = [await api.post(TOKEN, data=form(each, "x")) for each in (*spelled, client.hex, "x" * 9000)]

    assert [each.status_code for each in answers] == [401] * 10 + [429, 401]
    assert len(services.throttle) == 3


TYPES = "/events/v1beta1/event-types"


def forged(good: str, subject: str, n: int) -> str:
    """A token like the good one, of this client, with a signature that is made up."""
    claims = {**jwt.decode(good, options={"verify_signature": False}), "sub": subject, "n": n}
    return jwt.encode(claims, ec.generate_private_key(ec.SECP256R1()), "ES256", headers=jwt.get_unverified_header(good))


async def test_forged_tokens(services: Services, known: tuple[Client, str], clock: Clock) -> None:
    """An address that sends one forged token after the other waits (429) after fifty signatures, whoever they claim to be.
    Clients that get their tokens there go on, others do from elsewhere, and ten a second from there."""
    app = build(lambda: pytest.fail("an ASGI transport runs no lifespan"))
    app.state.services = services
    client, secret = known

    async def asked(token: str, address: str = HERE) -> httpx.Response:
        transport = httpx.ASGITransport(app, client=(address, 1))
        async with httpx.AsyncClient(transport=transport, base_url="http://hooklake") as caller:
            return await caller.get(TYPES, headers={"Authorization": f"Bearer {token}"})

    async def given(address: str) -> str:
        transport = httpx.ASGITransport(app, client=(address, 1))
        async with httpx.AsyncClient(transport=transport, base_url="http://hooklake") as caller:
            token = (await caller.post(TOKEN, data=form(str(client.id), secret))).json()["access_token"]
        assert isinstance(token, str)
        return token

    there = await given(THERE)
    answers = [await asked(forged(there, str(uuid4()), n)) for n in range(OF_AN_ADDRESS + 30)]
    last = answers[-1]
    stranger, elsewhere = await asked(there), await asked(there, THERE)
    clock.advance(0.1)
    again = [(await asked(forged(there, str(uuid4()), -n))).status_code for n in (1, 2)]
    home = await asked(await given(HERE))

    assert [each.status_code for each in answers] == [401] * OF_AN_ADDRESS + [429] * 30
    assert len(services.access.doubts) == OF_AN_ADDRESS + 1
    assert (last.headers["retry-after"], last.json()["errorCode"]) == ("1", "HPE_GL_ERROR_TOO_MANY_REQUESTS")
    assert [each.status_code for each in (stranger, elsewhere, home)] == [429, 200, 200]
    assert again == [401, 429]


async def test_tokens_forged_in_a_clients_name(services: Services, known: tuple[Client, str]) -> None:
    """Whoever forges tokens in a client's name at an address that they share does not keep its next ones from being believed,
    those it gets there and those it gets elsewhere; a client that was never believed there waits."""
    app = build(lambda: pytest.fail("an ASGI transport runs no lifespan"))
    app.state.services = services
    client, secret = known

    async def given(address: str) -> str:
        transport = httpx.ASGITransport(app, client=(address, 1))
        async with httpx.AsyncClient(transport=transport, base_url="http://hooklake") as caller:
            return str((await caller.post(TOKEN, data=form(str(client.id), secret))).json()["access_token"])

    async def asked(token: str, address: str) -> int:
        transport = httpx.ASGITransport(app, client=(address, 1))
        async with httpx.AsyncClient(transport=transport, base_url="http://hooklake") as caller:
            return (await caller.get(TYPES, headers={"Authorization": f"Bearer {token}"})).status_code

    first = await given(HERE)
    for address in (HERE, "192.0.2.3"):
        for n in range(OF_AN_ADDRESS + 10):
            await asked(forged(first, str(client.id), n if address == HERE else -n), address)

    assert await asked(await given(HERE), HERE) == 200
    assert await asked(await given(THERE), HERE) == 200
    assert await asked(await given(THERE), "192.0.2.3") == 429


async def test_a_forged_token_again(
    api: httpx.AsyncClient, services: Services, known: tuple[Client, str], clock: Clock
) -> None:
    """The same wrong token is answered 401 for as long as it is sent, and its signature is tried once, as is that of one that has
    expired; ten different ones in a client's name make that name wait at that address."""
    good = (await api.post(TOKEN, data=form(str(known[0].id), known[1]))).json()["access_token"]
    wrong = [forged(good, str(uuid4()), n) for n in range(2)]
    names = [forged(good, "one", n) for n in range(OF_A_CLIENT + 1)]

    again = [(await api.get(TYPES, headers={"Authorization": f"Bearer {token}"})).status_code for token in wrong * 60]
    named = [(await api.get(TYPES, headers={"Authorization": f"Bearer {token}"})).status_code for token in names]
    clock.advance(3600)
    late = [await api.get(TYPES, headers={"Authorization": f"Bearer {good}"}) for _ in range(60)]

    assert again == [401] * 120
    assert named == [401] * OF_A_CLIENT + [429]
    assert {each.json()["message"] for each in late} == {
        "Invalid JWT token in Request: it has expired: ask for a new one"
    }
    assert len(services.access.doubts) == 2 + OF_A_CLIENT + 1

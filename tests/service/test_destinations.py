"""Destinations that lead inside, over HTTP, and what a webhook's own TLS says and shows."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from delivery.settings import DeliverySettings
from delivery.wire.names import Lookup
from subscriptions.access.clients import Role
from tests.clock import Clock
from tests.delivery.wire.authorities import Gate, issued
from tests.receiver import Answer, Receiver
from tests.service.callers import Callers

PATH = "/events/v1beta1/webhooks"
CLIENT, AUTHORITY = issued("client.example"), issued("authority.example")
EXPIRED = issued("expired.example", days=-2)
TLS: dict[str, str] = {
    "caBundle": AUTHORITY.authority,
    "clientCertificate": CLIENT.certificate,
    "clientKey": CLIENT.key,
}
UNFIT: tuple[tuple[object, int, str], ...] = (
    ({"caBundle": "x"}, 400, "tls.caBundle"),
    ({"caBundle": EXPIRED.certificate}, 400, "tls.caBundle"),
    ({"clientCertificate": CLIENT.certificate}, 400, "tls.clientKey"),
    ({**TLS, "clientKey": AUTHORITY.key}, 400, "tls.clientKey"),
    ({"clientCertificate": EXPIRED.certificate, "clientKey": EXPIRED.key}, 400, "tls.clientCertificate"),
    ({"colour": "red"}, 422, "tls.colour"),
    ({"caBundle": 5}, 422, "tls.caBundle"),
    ("x", 422, "tls"),
)
#: The same rules by address and by spelling are a table in test_guard.
INSIDE = (
    *("127.0.0.1", "[::1]", "0.0.0.0", "10.1.2.3", "169.254.169.254", "100.64.0.1", "[::ffff:127.0.0.1]", "[fe80::1]"),
    *("[64:ff9b::7f00:1]", "[fd00::1]", "2130706433", "0x7f000001", "017700000001", "127.1", "localhost"),
)
REFUSALS = ("is not a public address", "names this machine, not a public host")


def registration(**more: Any) -> dict[str, Any]:
    return {"name": "Licences", "destination": "https://hook.example/", "secret": "s3cr3tKey", **more}


def issues(response: httpx.Response) -> list[tuple[str, str]]:
    return [(each["subject"], each["description"]) for each in response.json()["errorDetails"][0]["issues"]]


@pytest.fixture
def delivery_settings() -> DeliverySettings:
    """As an operator has it who opened one name and nothing else, but for plain http."""
    return DeliverySettings(allow_http=True, allow_destinations=("gate.example",))


@pytest.fixture
def addresses() -> list[list[str]]:
    """What each look-up answers, the last one for good."""
    return [["127.0.0.1"]]


@pytest.fixture
def lookup(addresses: list[list[str]]) -> Lookup:
    return lambda *_: addresses.pop(0) if len(addresses) > 1 else addresses[0]


@pytest.fixture
async def subscriber(api: httpx.AsyncClient, callers: Callers) -> httpx.AsyncClient:
    api.headers.update(await callers.headers(Role.SUBSCRIBER))
    return api


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with Receiver({"*": ("s3cr3tKey",)}, tls=False) as running:
        yield running


async def test_what_leads_inside_is_not_registered(subscriber: httpx.AsyncClient) -> None:
    """A clear 400 that names the field, for a destination and for a token endpoint, and in a change."""
    made = (await subscriber.post(PATH, json=registration())).json()
    open_ones = []
    for host in INSIDE:
        url = f"https://{host}/hook"
        oauth = {"authType": "Oauth", "clientId": "one", "clientSecret": "two", "issuerUrl": url}
        answers = [
            await subscriber.post(PATH, json=registration(name="Other", destination=url)),
            await subscriber.post(PATH, json=registration(name="Other", **oauth)),
            await subscriber.patch(f"{PATH}/{made['id']}", json={"destination": url}),
            await subscriber.patch(f"{PATH}/{made['id']}", json=oauth),
        ]
        told = [(each.status_code, *[subject for subject, _ in issues(each)]) for each in answers]
        sentences = [said.endswith(REFUSALS) for each in answers for _, said in issues(each)]
        if told != [(400, "destination"), (400, "issuerUrl")] * 2 or not all(sentences):
            open_ones.append((host, told, sentences))

    assert open_ones == []


@pytest.mark.parametrize("oauth", [False, True], ids=["challenge and OPTIONS", "token"])
async def test_a_name_that_leads_inside_is_never_dialled(
    subscriber: httpx.AsyncClient, receiver: Receiver, oauth: bool
) -> None:
    """The name was registered; what it resolves to is refused before any connection, and the owner is told."""
    inside = receiver.url("/inside", host="inside.example")
    asked = registration(destination=inside)
    if oauth:
        asked = registration(authType="Oauth", clientId="one", clientSecret="two", issuerUrl=inside)
        asked["destination"] = receiver.url(host="gate.example")
        receiver.plan("/hook", Answer(status=401))
    made = (await subscriber.post(PATH, json=asked)).json()

    said = (await subscriber.post(f"{PATH}/{made['id']}/verify")).json()

    reason = f"{'token endpoint: ' if oauth else ''}inside.example leads to an address that is not public"
    assert said["destinationResponse"] == {"statusCode": 0, "message": reason, "requestedRate": None}
    told = said["stateReason"].partition(" (the next probe")[0]
    assert (said["status"], told) == ("ERROR", f"Webhook URL unreachable. error: {reason}")
    assert receiver.connections == len(receiver.requests) + len(receiver.handshakes) == (2 if oauth else 0)
    assert "/inside" not in {found.path for found in receiver.requests + receiver.handshakes}


async def test_a_challenge_over_mutual_tls(subscriber: httpx.AsyncClient) -> None:
    """An allow-list opens the name that it names; challenge and OPTIONS show the webhook's certificate there."""
    async with Gate(CLIENT.authority, names=("gate.example",)) as gate:
        url, tls = gate.url(host="gate.example"), {**TLS, "caBundle": Path(gate.ca).read_text()}  # noqa: ASYNC240
        asked = registration(destination=url, secret="first", tls=tls)
        made = (await subscriber.post(PATH, json=asked)).json()
        said = (await subscriber.post(f"{PATH}/{made['id']}/verify")).json()

    assert (said["status"], said["destinationResponse"]["statusCode"]) == ("ACTIVE", 200)
    assert (len(gate.requests), len(gate.handshakes)) == (1, 1)
    assert set(gate.callers) == {"client.example"}


async def test_tls_is_told_and_shown(subscriber: httpx.AsyncClient, clock: Clock) -> None:
    """What was given is described, never repeated; the key not at all."""
    response = await subscriber.post(PATH, json=registration(tls=TLS))

    shown = response.json()["tls"]
    assert response.status_code == 201, response.text
    assert set(shown) == {"caBundle", "clientCertificate"}
    assert [set(each) for each in (*shown["caBundle"], shown["clientCertificate"])] == [
        {"subject", "notAfter", "fingerprint"}
    ] * 2
    assert "BEGIN" not in response.text


async def test_tls_is_changed_part_by_part(subscriber: httpx.AsyncClient) -> None:
    """As a merge patch has it: what is not named stays, null takes away; each change asks for a new challenge."""
    made = (await subscriber.post(PATH, json=registration(tls=TLS, challengeRequestEnabled=False))).json()
    changes: list[dict[str, Any]] = [
        {"description": "other"},
        {"tls": {}},
        {"tls": {"clientCertificate": None, "clientKey": None}},
        {"tls": {"caBundle": CLIENT.authority}},
        {"tls": None},
    ]
    told = [(await subscriber.patch(f"{PATH}/{made['id']}", json=change)).json().get("tls") for change in changes]
    (before,) = made["tls"]["caBundle"]
    (after,) = told[3]["caBundle"]

    assert told[:2] == [made["tls"]] * 2
    assert told[2] == {"caBundle": [before], "clientCertificate": None}
    assert (told[3]["clientCertificate"], after["fingerprint"] != before["fingerprint"]) == (None, True)
    assert told[4] is None


async def test_tls_that_cannot_serve_is_refused(subscriber: httpx.AsyncClient) -> None:
    """The field is named, of a registration and of a change."""
    made = (await subscriber.post(PATH, json=registration())).json()
    told = []
    for tls, _, _ in UNFIT:
        answers = [
            await subscriber.post(PATH, json=registration(name="Other", tls=tls)),
            await subscriber.patch(f"{PATH}/{made['id']}", json={"tls": tls}),
        ]
        told.append([(each.status_code, [subject for subject, _ in issues(each)]) for each in answers])

    assert told == [[(status, [named])] * 2 for _, status, named in UNFIT]

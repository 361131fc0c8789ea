"""The publishing paths as somebody else's webhook (CloudEvents http-webhook): consent by OPTIONS, and a token in the URL."""

import logging

import httpx
import pytest

from service.settings import ServiceSettings
from subscriptions.access.clients import Role
from tests.service.callers import Callers

EVENTS = "/events/v1beta1"
PATHS = [f"{EVENTS}/occurrences", f"{EVENTS}/cloudevents", f"{EVENTS}/onap", "/publish", "/commerce/v1/events"]
ASKING = {"WebHook-Request-Origin": "Events.example.com", "WebHook-Request-Rate": "120"}
BODY = {"apiGroup": "compute-ops", "apiVersion": "v1", "resourceCollection": "servers", "event": "rebooted", "data": {}}
ORIGINS: dict[str, tuple[str, ...]] = {
    "nobody": (),
    "others": ("other.example.com", "example.com"),
    "named": ("other.example.com", "events.example.com"),
    "anybody": ("*",),
}


@pytest.fixture(params=["named"])
def origins(request: pytest.FixtureRequest) -> str:
    """Whom the operator allows."""
    named: str = request.param
    return named


@pytest.fixture
def entrance(origins: str) -> ServiceSettings:
    return ServiceSettings(publish_origins=ORIGINS[origins], publish_per_minute=5000 if origins == "named" else 0)


@pytest.mark.parametrize(
    ("origins", "consent"),
    [
        ("named", ("events.example.com", "5000")),
        ("anybody", ("*", "*")),
        ("others", (None, None)),
        ("nobody", (None, None)),
    ],
    indirect=["origins"],
)
@pytest.mark.parametrize("path", PATHS)
async def test_consent_is_given_to_whom_the_operator_allows(
    api: httpx.AsyncClient, path: str, consent: tuple[str | None, str | None]
) -> None:
    """Whom the operator allows is told so, with a rate; whom he does not, or who does not say who it is, only
    what there is (cloudevents.md W11)."""
    asked = await api.options(path, headers=ASKING)
    anonymous = await api.options(path)
    elsewhere = await api.options(f"{EVENTS}/webhooks", headers=ASKING)

    assert (asked.headers.get("webhook-allowed-origin"), asked.headers.get("webhook-allowed-rate")) == consent
    assert (asked.status_code, asked.headers["allow"]) == (200 if any(consent) else 204, "OPTIONS, POST")
    assert [each.status_code for each in (anonymous, elsewhere)] == [204] * 2
    assert not any("webhook-allowed-origin" in each.headers for each in (anonymous, elsewhere))


async def test_a_token_in_the_url(api: httpx.AsyncClient, callers: Callers, caplog: pytest.LogCaptureFixture) -> None:
    """It opens a publication and nothing else, tells caches so, and stands in no line of the log, whatever
    becomes of it (cloudevents.md W7)."""
    caplog.set_level(logging.DEBUG)
    publisher = await callers.headers(Role.PUBLISHER)
    token = publisher["Authorization"].removeprefix("Bearer ")
    named = {"access_token": token}
    everything = (await callers.headers(*Role))["Authorization"].removeprefix("Bearer ")

    taken = await api.post(PATHS[0], json=BODY, params=named)
    refused = [
        await api.post(PATHS[0], json=BODY, params=named, headers=publisher),
        await api.post(PATHS[0], json=BODY, params={"access_token": token[:-4]}),
        await api.post(PATHS[0], json=BODY, params={"access_token": ""}),
        await api.post(PATHS[0], json=BODY, params={"token": token}),
        await api.get(f"{EVENTS}/events/x", params={"access_token": everything}),
        await api.get(f"{EVENTS}/webhooks", params={"access_token": everything}),
        await api.post(f"{EVENTS}/webhooks", json={}, params={"access_token": everything}),
    ]

    assert (taken.status_code, taken.headers["cache-control"]) == (202, "private")
    assert [each.status_code for each in refused] == [400, *[401] * 6]
    assert not any(secret[-20:] in each.text for each in refused for secret in (token, everything))
    lines = [record.getMessage() for record in caplog.records if record.name.startswith("hooklake")]
    assert len([line for line in lines if "request.answered" in line]) == 8
    assert not any(secret[-20:] in line for line in lines for secret in (token, everything, token[:-4]))


@pytest.mark.parametrize("origins", ["nobody"], indirect=True)
async def test_no_token_in_the_url(api: httpx.AsyncClient, callers: Callers) -> None:
    """Where no sender is allowed it is taken nowhere: a 401, and beside a good header a 400, for it would be ignored."""
    publisher = await callers.headers(Role.PUBLISHER)
    named = {"access_token": publisher["Authorization"].removeprefix("Bearer ")}

    alone = await api.post(PATHS[0], json=BODY, params=named)
    beside = await api.post(PATHS[0], json=BODY, params=named, headers=publisher)

    assert (alone.status_code, beside.status_code) == (401, 400)

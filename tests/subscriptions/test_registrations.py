"""The rules of a registration and of a change, as tables."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest

from subscriptions.ground.errors import Refused
from subscriptions.webhooks import webhook
from subscriptions.webhooks.webhook import Change, Registration, Webhook

PLAIN: dict[str, Any] = {"name": "Licences", "destination": "https://example.com/", "secret": "s3cr3tKey"}
WHEN = datetime(2026, 5, 4, tzinfo=UTC)
KEPT = Webhook(
    id=UUID(int=1),
    workspace_id="a" * 32,
    name="Licences",
    description="",
    destination="https://example.com/",
    auth_type="",
    client_id="",
    issuer_url="",
    dual_secret=False,
    batching=False,
    challenge_request_enabled=True,
    content_mode="json",
    paused=False,
    status="ACTIVE",
    state_reason="",
    endpoint_rate_limit=None,
    epoch=1,
    generation=1,
    hpe_principal="user:1",
    created_by="one",
    created_at=WHEN,
    updated_at=WHEN,
)
KEYED = replace(KEPT, auth_type="APIKey")
GRANTED = replace(KEPT, auth_type="Oauth", client_id="one", issuer_url="https://example.com/token")
OAUTH: dict[str, Any] = {
    "auth_type": "Oauth",
    "client_id": "one",
    "client_secret": "two",
    "issuer_url": "https://example.com/token",
}


@pytest.mark.parametrize(
    "fields",
    [
        {"name": "x"},
        {"name": "Az09 -._@"},
        {"name": "n" * 50},
        {"secret": "1234"},
        {"secret": "ü" * 100},
        {"secondary_secret": "1234"},
        {"description": "d" * 100},
        {"content_mode": "structured"},
        {"content_mode": "onap", "batching": True},
        {"auth_type": "APIKey", "api_key": "Bearer abc=="},
        OAUTH,
    ],
)
def test_a_registration_within_the_rules_is_taken(fields: dict[str, Any]) -> None:
    """What greenlake.md 1.2 allows is kept as it was given."""
    registration = Registration(**PLAIN | fields)

    assert {name: getattr(registration, name) for name in fields} == fields


@pytest.mark.parametrize(
    ("fields", "subjects"),
    [
        ({"name": ""}, ["name"]),
        ({"name": "   "}, ["name"]),
        ({"name": "n" * 51}, ["name"]),
        ({"name": "a/b"}, ["name"]),
        ({"name": "a\n"}, ["name"]),
        ({"name": "Ünïcode"}, ["name"]),
        ({"destination": ""}, ["destination"]),
        ({"secret": ""}, ["secret"]),
        ({"secret": "123"}, ["secret"]),
        ({"secret": "s" * 101}, ["secret"]),
        ({"secondary_secret": "123"}, ["secondarySecret"]),
        ({"description": "d" * 101}, ["description"]),
        ({"description": "a\0b"}, ["description"]),
        ({"auth_type": "Basic"}, ["authType"]),
        ({"auth_type": "APIKey"}, ["apiKey"]),
        ({"auth_type": "APIKey", "api_key": "a\r\nX-Evil: 1"}, ["apiKey"]),
        ({"auth_type": "APIKey", "api_key": "clé"}, ["apiKey"]),
        ({"auth_type": "APIKey", "api_key": "key", "client_id": "one"}, ["clientId"]),
        ({"api_key": "key"}, ["apiKey"]),
        ({"client_id": "a", "issuer_url": "https://b"}, ["clientId", "issuerUrl"]),
        ({"batching": True, "content_mode": "binary"}, ["contentMode"]),
        ({"content_mode": "avro"}, ["contentMode"]),
        ({"content_mode": "JSON"}, ["contentMode"]),
        ({"name": "", "secret": "", "content_mode": "x"}, ["name", "secret", "contentMode"]),
        ({"auth_type": "Oauth"}, ["clientId", "clientSecret", "issuerUrl"]),
        (OAUTH | {"client_secret": ""}, ["clientSecret"]),
        (OAUTH | {"client_id": "a\0b", "client_secret": "s" * 1001}, ["clientId", "clientSecret"]),
        (OAUTH | {"api_key": "key"}, ["apiKey"]),
    ],
)
def test_a_registration_that_breaks_a_rule_names_every_field(fields: dict[str, Any], subjects: list[str]) -> None:
    """Each wrong field is named as the API spells it, all of them at once."""
    with pytest.raises(Refused) as raised:
        Registration(**PLAIN | fields)

    assert [issue.subject for issue in raised.value.issues] == subjects


@pytest.mark.parametrize("given", ["APIKey", "apikey", "APIKEY", "ApiKey"])
def test_auth_type_is_read_in_any_case(given: str) -> None:
    """greenlake.md D.4: read case-insensitively, kept in one spelling."""
    assert Registration(**PLAIN, auth_type=given, api_key="key").auth_type == "APIKey"
    assert Change(auth_type=given).auth_type == "APIKey"


@pytest.mark.parametrize("given", ["Oauth", "OAuth", "oauth", "OAUTH"])
def test_oauth_is_read_in_any_case(given: str) -> None:
    """greenlake.md D.4: answered as `Oauth`."""
    assert Registration(**PLAIN | OAUTH | {"auth_type": given}).auth_type == "Oauth"


@pytest.mark.parametrize(
    ("current", "change", "columns"),
    [
        (KEPT, Change(), {}),
        (KEPT, Change(paused=True), {}),
        (KEPT, Change(secondary_secret=""), {"secondary_secret": ""}),
        (
            KEPT,
            Change(description="", challenge_request_enabled=False),
            {"description": "", "challenge_request_enabled": False},
        ),
        (KEPT, Change(auth_type="apikey", api_key="key"), {"auth_type": "APIKey", "api_key": "key"}),
        (KEYED, Change(auth_type="APIKey"), {"auth_type": "APIKey"}),
        (KEYED, Change(api_key="new"), {"api_key": "new"}),
        (KEYED, Change(auth_type=""), {"auth_type": "", "api_key": ""}),
        (KEYED, Change(**OAUTH), OAUTH | {"api_key": ""}),
        (GRANTED, Change(client_secret="new"), {"client_secret": "new"}),
        (GRANTED, Change(auth_type=""), {"auth_type": "", "client_id": "", "client_secret": "", "issuer_url": ""}),
    ],
)
def test_a_change_writes_the_columns_it_names(current: Webhook, change: Change, columns: dict[str, Any]) -> None:
    """Columns follow from what is given; the credential of an authType that is left is emptied."""
    assert webhook.columns(current, change) == columns


@pytest.mark.parametrize(
    ("current", "change", "subject"),
    [
        (KEPT, Change(auth_type="APIKey"), "apiKey"),
        (KEPT, Change(auth_type="APIKey", api_key=""), "apiKey"),
        (KEYED, Change(api_key=""), "apiKey"),
        (KEPT, Change(api_key="key"), "apiKey"),
        (KEYED, Change(auth_type="", api_key="key"), "apiKey"),
        (KEYED, Change(client_id="one"), "clientId"),
        (GRANTED, Change(issuer_url=""), "issuerUrl"),
        (KEPT, Change(**OAUTH | {"client_secret": None}), "clientSecret"),
    ],
)
def test_credentials_have_to_fit_the_auth_type_that_results(current: Webhook, change: Change, subject: str) -> None:
    """A change that would leave an authType without its credential, or with another's, is refused."""
    with pytest.raises(Refused) as raised:
        webhook.columns(current, change)

    assert [issue.subject for issue in raised.value.issues] == [subject]


@pytest.mark.parametrize("fields", [{"name": ""}, {"secret": ""}, {"content_mode": "avro"}, {"auth_type": "Basic"}])
def test_a_change_keeps_the_rules_of_a_registration(fields: dict[str, Any]) -> None:
    """A change that breaks a rule cannot be made."""
    with pytest.raises(Refused):
        Change(**fields)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (Change(name="Other", description="d", content_mode="structured", batching=False), False),
        (Change(paused=True), False),
        (Change(destination="https://example.com/"), False),
        (Change(challenge_request_enabled=True, auth_type=""), False),
        (Change(destination="https://example.com/new"), True),
        (Change(secret="s3cr3tKey"), True),
        (Change(secondary_secret=""), True),
        (Change(api_key="key"), True),
        (Change(challenge_request_enabled=False), True),
        (Change(auth_type="APIKey"), True),
        (Change(client_secret="two"), True),
        (Change(client_id="two"), True),
        (Change(issuer_url="https://example.com/other"), True),
    ],
)
def test_what_a_challenge_proved_is_stale_after_some_changes(change: Change, expected: bool) -> None:
    """protocol.md 6.1: destination, secrets, credentials and `challengeRequestEnabled`, where they change."""
    assert webhook.raises_epoch(KEPT, change) is expected

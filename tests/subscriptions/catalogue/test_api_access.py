"""What event APIs say beside their documents: secrets are sealed, never answered, and bound to where they were given for."""

import json
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from subscriptions.catalogue import api_access, api_auth
from subscriptions.catalogue.api_drafts import EventApiChange, EventApiDraft
from subscriptions.catalogue.api_rows import EventApi
from subscriptions.catalogue.event_apis import CatalogueLimits, EventApiStore
from subscriptions.catalogue.tables import event_apis
from subscriptions.events.catalogue import PREFIX
from subscriptions.ground import audit
from subscriptions.ground.apart import Apart
from subscriptions.ground.audit import Actor, ActorKind
from subscriptions.ground.database import Database
from subscriptions.ground.errors import Conflicting, Refused, TooLarge
from subscriptions.ground.tables import audit_entries
from subscriptions.ground.vault import Vault
from tests.builders import WORKSPACE

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)
VAULT = Vault([("test", b"0" * 32)])
DOCUMENT = b"asyncapi: 2.6.0\ninfo: {title: Shop, version: '1'}\nchannels: {a.b: {subscribe: {message: {title: T}}}}\n"
#: Every secret that an `Auth` can have.
AUTH: dict[str, Any] = {
    "credential": {"oauth": {"clientId": "me", "clientSecret": "hidden-1", "url": "https://idp.example/token"}},
    "additionalHeaders": {"X-Key": ["hidden-2", "hidden-3"]},
    "additionalQueryParams": {"key": ["hidden-4"]},
    "requestAuth": {
        "csrf": {
            "tokenEndpointURL": "https://csrf.example/token",
            "credential": {"basic": {"username": "me", "password": "hidden-5"}},
            "additionalHeaders": {"X-Csrf": ["hidden-6"]},
        }
    },
}
BUS: dict[str, Any] = {
    "url": "kafka://bus.example:9092",
    "topic": "orders",
    "auth": {
        "credential": {"certificateOAuth": {"clientId": "me", "certificate": "hidden-7", "url": "https://i.example"}}
    },
    "attributes": {"group.id": "us", "sasl.password": "hidden-8"},
}
FETCH: dict[str, Any] = {
    "url": "https://specs.example/shop.yaml?sig=x",
    "auth": {"credential": {"basic": {"username": "me", "password": "hidden-9"}}},
}
ACCESS = {"auth": AUTH, "externalSubscriptions": [BUS], "fetchRequest": FETCH}


@pytest.fixture
def apis(database: Database) -> EventApiStore:
    return EventApiStore(database, Apart(), prefix=PREFIX, limits=CatalogueLimits(), vault=VAULT)


async def whole(database: Database, api: EventApi) -> dict[str, Any]:
    """All of it as it is kept, secrets to the letter."""
    async with database.transaction() as connection:
        row = (await connection.execute(select(event_apis).where(event_apis.c.id == api.id))).mappings().one()
    return api_access.opened(row, VAULT)


async def test_secrets_are_sealed_and_never_answered(apis: EventApiStore, database: Database) -> None:
    """What is kept opens to what was given; the row, what is answered and the audit log hold no secret of it."""
    actor = Actor(kind=ActorKind.CLIENT, id="me", name="me", workspace_id=WORKSPACE, roles=(), address="", at=NOW)
    with audit.acting(actor):
        made = await apis.register(EventApiDraft(access=ACCESS), by=WORKSPACE, now=NOW)
        again = ACCESS | {"auth": {"credential": {"basic": {"username": "you", "password": "hidden-10"}}}}
        await apis.change(made.id, EventApiChange(access=again), by=WORKSPACE, now=NOW)

    async with database.raw() as connection:
        rows = [
            *await connection.fetch("SELECT access FROM event_apis"),
            *await connection.fetch("SELECT * FROM audit_entries"),
        ]
    assert "hidden" not in f"{rows} {made}"
    assert made.auth is not None
    assert made.auth["credential"]["oauth"] == AUTH["credential"]["oauth"] | {"clientSecret": "***"}
    assert made.auth["additionalHeaders"] == {"X-Key": ["***", "***"]}
    assert made.external_subscriptions[0]["attributes"] == {"group.id": "us", "sasl.password": "***"}
    assert made.fetch is not None
    assert (made.fetch.condition, made.fetch.request["url"]) == ("INITIAL", FETCH["url"])
    assert [(each.id, each.auth, each.fetch) for each in (await apis.page(limit=9, offset=0))[0]] == [
        (made.id, None, None)
    ]
    kept = await whole(database, made)
    assert kept["auth"]["credential"]["basic"]["password"] == "hidden-10"
    assert kept["externalSubscriptions"] == [BUS]
    async with database.transaction() as connection:
        found = await connection.execute(select(audit_entries.c.action, audit_entries.c.after))
        entries = [(row.action, json.loads(row.after)) for row in found]
    assert ("event-api.secrets-changed", {"auth": "changed"}) in entries
    registered = next(after for action, after in entries if action == "event-api.registered")
    assert registered["fetchRequest"] == "https://specs.example/shop.yaml"


async def test_what_is_masked_stays(apis: EventApiStore, database: Database) -> None:
    """What is answered can be given back: every `***` in it is the secret that is kept; merged, what is not given stays."""
    made = await apis.register(
        EventApiDraft(text=DOCUMENT, access={"auth": AUTH, "externalSubscriptions": [BUS]}), by=None, now=NOW
    )
    before = await whole(database, made)

    shown = {"auth": made.auth, "externalSubscriptions": list(made.external_subscriptions)}
    await apis.change(made.id, EventApiChange(access=shown), by=None, now=NOW)
    assert await whole(database, made) == before
    patch = {"auth": {"additionalHeaders": {"X-More": ["x"]}, "requestAuth": None}}
    await apis.change(made.id, EventApiChange(access=patch, merging=True), by=None, now=NOW)
    after = await whole(database, made)
    assert after["auth"] == {
        "credential": AUTH["credential"],
        "additionalHeaders": {"X-Key": ["hidden-2", "hidden-3"], "X-More": ["x"]},
        "additionalQueryParams": AUTH["additionalQueryParams"],
    }
    gone = await apis.change(
        made.id, EventApiChange(access={"auth": None, "externalSubscriptions": []}), by=None, now=NOW
    )
    assert (gone.auth, gone.external_subscriptions, await whole(database, made)) == (None, (), {})


@pytest.mark.parametrize(
    ("patch", "subject"),
    [
        ({"auth": {"credential": {"oauth": {"url": "https://evil.example/token"}}}}, "auth.credential.oauth.url"),
        ({"auth": {"requestAuth": {"csrf": {"tokenEndpointURL": "https://csrf.example:444/"}}}}, "tokenEndpointURL"),
        ({"fetchRequest": {"url": "http://specs.example/shop.yaml"}}, "fetchRequest.url"),
        ({"fetchRequest": {"url": "https://specs.example.evil.example/"}}, "fetchRequest.url"),
        (
            {"externalSubscriptions": [BUS | {"url": "kafka://evil.example", "attributes": {"x-key": "***"}}]},
            "attributes",
        ),
        ({"auth": {"additionalHeaders": {"X-New": ["***"]}}}, "auth.additionalHeaders.X-New"),
        ({"auth": {"credential": {"oauth": None, "basic": {"username": "a", "password": "***"}}}}, "password"),
    ],
)
async def test_a_secret_goes_nowhere_else(
    apis: EventApiStore, database: Database, patch: dict[str, Any], subject: str
) -> None:
    """A secret that is kept is refused to another origin than it was given for, to another place, and to where none is kept."""
    made = await apis.register(EventApiDraft(access=ACCESS), by=None, now=NOW)
    before = await whole(database, made)

    with pytest.raises(Refused) as refused:
        await apis.change(made.id, EventApiChange(access=patch, merging=True), by=None, now=NOW)

    assert subject in refused.value.issues[0].subject
    assert "hidden" not in str(refused.value)
    assert await whole(database, made) == before


@pytest.mark.parametrize(
    "auth",
    [
        {"credential": {}},
        {"credential": {"basic": {"username": "a", "password": "b"}, "oauth": AUTH["credential"]["oauth"]}},
        {"credential": {"basic": {"username": "a:b", "password": "hidden"}}},
        {"credential": {"basic": {"username": "a", "password": "hidden\x00"}}},
        {"credential": {"basic": {"username": "a"}}},
        {"credential": {"oauth": {"clientId": "a", "clientSecret": "hidden", "url": "ftp://x.example"}}},
        {"credential": {"oauth": {"clientId": "a", "clientSecret": "hidden", "url": "https://a:hidden@x.example"}}},
        {"additionalHeaders": {"Host": ["hidden"]}},
        {"additionalHeaders": {"X-A": ["hidden\r\nX-B: c"]}},
        {"additionalHeaders": {"X A": ["hidden"]}},
        {"additionalHeaders": {"X-A": "hidden"}},
        {"additionalHeaders": {"X-A": ["hidden é"]}},
        {"requestAuth": {"csrf": {"tokenEndpointURL": "nowhere"}}},
        {"oneTimeToken": "hidden"},
    ],
)
def test_what_cannot_be(auth: dict[str, Any]) -> None:
    """What is no authentication is refused by the member's path, and its text is not repeated."""
    with pytest.raises(Refused) as refused:
        api_access.changed({}, {"auth": auth}, merging=False)

    assert all(each.subject.startswith("auth") for each in refused.value.issues)
    assert "hidden" not in str(refused.value)


def test_settings_of_a_bus_are_secret_unless_they_are_known() -> None:
    """Values of `attributes` are masked but for names that are known for harmless ones, whatever an unknown one is called."""
    known = {"group.id": "us", "Bootstrap.Servers": "a:9092,b:9092", "sasl.mechanism": "PLAIN"}
    secret = {
        "connectionString": "hidden",
        "dsn": "hidden",
        "sas": "hidden",
        "pin": "hidden",
        "client.id": "https://u:hidden@h",
    }
    bus = {"url": "amqp://bus.example", "topic": "t", "attributes": known | secret}

    shown = api_auth.hidden(api_access.changed({}, {"externalSubscriptions": [bus]}, merging=False))

    assert shown["externalSubscriptions"][0]["attributes"] == known | dict.fromkeys(secret, "***")


def test_headers_of_a_fetch_are_few() -> None:
    """What a fetch sends beside its URL has at most 8,192 characters: it goes to whoever it is."""
    auth = {"additionalHeaders": {f"X-{n}": ["x" * 3000] for n in range(3)}}
    with pytest.raises(Refused, match="8192"):
        api_access.changed({}, {"fetchRequest": {"url": "https://x.example", "auth": auth}}, merging=False)


def test_bounds() -> None:
    """Levels, bytes and external subscriptions are bounded, before anything walks through what was given."""
    deep: Any = "x"
    for _ in range(5000):
        deep = {"requestAuth": deep}
    with pytest.raises(Refused, match="nested deeper than 16"):
        api_access.changed({}, {"auth": deep}, merging=True)
    with pytest.raises(Refused, match="at most 50"):
        api_access.changed({}, {"externalSubscriptions": [BUS] * 51}, merging=False)
    large = {"credential": {"basic": {"username": "a", "password": "x" * 16000}}}
    buses = [BUS | {"topic": str(n), "auth": large} for n in range(5)]
    with pytest.raises(TooLarge):
        api_access.changed({}, {"externalSubscriptions": buses}, merging=False)


async def test_a_document_or_where_it_is_fetched(apis: EventApiStore) -> None:
    """An API has one of the two: both, or neither, are refused, and so is a document beside a fetch request that stands."""
    for draft in (EventApiDraft(), EventApiDraft(text=DOCUMENT, access={"fetchRequest": FETCH})):
        with pytest.raises(Refused, match="document"):
            await apis.register(draft, by=None, now=NOW)
    made = await apis.register(EventApiDraft(access={"fetchRequest": FETCH}), by=None, now=NOW)
    assert (made.name, made.types, made.asyncapi, made.error) == (str(made.id), (), "", "")
    assert await apis.document(made.id, by=None) == (b"", "")
    assert made.fetch is not None
    assert made.fetch.request["namedBy"] == "message"
    by_channel = EventApiChange(access={"fetchRequest": {}}, merging=True, by_channel=True)
    named = await apis.change(made.id, by_channel, by=None, now=NOW)
    assert named.fetch is not None
    assert (named.fetch.request["namedBy"], named.fetch.request["url"]) == ("channel", FETCH["url"])
    with pytest.raises(Refused, match="cannot be given while"):
        await apis.change(made.id, EventApiChange(text=DOCUMENT), by=None, now=NOW)
    given = await apis.change(made.id, EventApiChange(text=DOCUMENT, access={"fetchRequest": None}), by=None, now=NOW)
    assert (given.fetch, given.types) == (None, ("a.b",))


async def test_text_that_is_no_document(apis: EventApiStore) -> None:
    """Where that is asked for, text that is no AsyncAPI is kept with the reason, makes no types, and is mended by a change."""
    with pytest.raises(Refused):
        await apis.register(EventApiDraft(text=b"asyncapi"), by=None, now=NOW)
    made = await apis.register(EventApiDraft(text=b"asyncapi", lenient=True), by=None, now=NOW)
    assert (made.name, made.types, made.format, made.version.value) == (str(made.id), (), "YAML", "")
    assert made.error
    assert await apis.document(made.id, by=None) == (b"asyncapi", "YAML")
    for text, form in ((b'"data"', "JSON"), (b"{}", "JSON"), (b"[", "YAML")):
        odd = await apis.register(EventApiDraft(text=text, lenient=True), by=None, now=NOW)
        assert (odd.format, bool(odd.error)) == (form, True)
    with pytest.raises(TooLarge):
        await apis.register(EventApiDraft(text=b"x" * (2 << 20), lenient=True), by=None, now=NOW)
    mended = await apis.change(made.id, EventApiChange(text=DOCUMENT), by=None, now=NOW)
    assert (mended.error, mended.types) == ("", ("a.b",))
    # What types are taken is no matter of the text.
    await apis.register(EventApiDraft(text=DOCUMENT, application="x"), by=None, now=NOW)
    with pytest.raises(Conflicting):
        await apis.register(EventApiDraft(text=DOCUMENT, lenient=True), by=WORKSPACE, now=NOW)


def test_shown_and_read() -> None:
    """What is shown of an `Auth` is what was read, but for its secrets."""
    shown = api_auth.hidden(msgspec.to_builtins(api_auth.read(AUTH)))

    assert json.dumps(shown).count("***") == 6
    assert "hidden" not in json.dumps(shown)
    assert shown["requestAuth"]["csrf"]["tokenEndpointURL"] == "https://csrf.example/token"


_NAMES = st.sampled_from(
    [
        *(
            "auth",
            "externalSubscriptions",
            "fetchRequest",
            "credential",
            "basic",
            "oauth",
            "certificateOAuth",
            "username",
        ),
        *(
            "password",
            "clientId",
            "clientSecret",
            "certificate",
            "url",
            "topic",
            "attributes",
            "additionalHeaders",
            "mode",
        ),
        *("additionalQueryParams", "requestAuth", "csrf", "tokenEndpointURL", "filter", "namedBy", "x"),
    ]
)
_TEXTS = st.sampled_from(["***", "a", "", "https://x.example", "https://y.example", "\ud800", "SINGLE", "a\nb"])
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | _TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_NAMES, inner, max_size=4),
    max_leaves=12,
)


@given(asked=st.dictionaries(st.sampled_from(api_access.MEMBERS), _JSON, max_size=3), merging=st.booleans())
def test_whatever_is_given(asked: dict[str, Any], merging: bool) -> None:
    """Whatever JSON is given is taken, or refused by a member's path; what is shown of it can be given back as it is."""
    kept = api_access.changed({}, ACCESS, merging=False)
    try:
        whole = api_access.changed(kept, asked, merging=merging)
    except Refused:
        return
    shown = api_auth.hidden(whole)
    assert "hidden" not in json.dumps(shown)
    given_back = {name: shown.get(name) for name in api_access.MEMBERS}
    assert api_access.changed(whole, given_back, merging=False) == whole

"""Forms of webhooks over ASGI: registering, editing, what is checked as it is typed, and a rotation step by step."""

import re
from typing import Any
from uuid import uuid4

import httpx
import pytest
import trustme

from service.services import Services
from subscriptions.access.clients import Role
from tests.dashboard.conftest import Visit
from tests.dashboard.test_webhook_pages import PATH, hook, said
from tests.service.callers import WORKSPACE

FORM = {
    "name": "Licences",
    "destination": "https://127.0.0.1:9/hook",
    "secret": "typed-by-hand",
    "challenge_request_enabled": "true",
    "content_mode": "json",
    "auth_type": "",
}


async def kept(services: Services) -> dict[str, Any]:
    """The one webhook's row, with its secrets unsealed."""
    async with services.database.raw() as connection:
        [row] = await connection.fetch("SELECT * FROM webhooks WHERE deleted_at IS NULL")
        hooks = await services.assembly.base.webhook_store.hooks(connection, [row["id"]])
    columns = (
        "id",
        "workspace_id",
        "name",
        "destination",
        "description",
        "batching",
        "status",
        "auth_type",
        "epoch",
        "created_by",
        *("ca_bundle", "client_certificate", "client_key"),
    )
    return {**{name: row[name] for name in columns}, "secrets": hooks[row["id"]].secrets}


def marked(page: httpx.Response) -> set[str]:
    """The fields that the page marks as wrong."""
    return set(re.findall(r'id="field-([a-z_]+)-error"', page.text))


async def test_a_webhook_is_registered(visit: Visit, services: Services) -> None:
    """A secret is proposed; all fields count; one is led to a handler that answers its challenge."""
    async with await visit(Role.SUBSCRIBER) as client:
        form = await client.get(f"{PATH}/new")
        onap = {"content_mode": "onap", "batching": "true"}
        made = await client.post(PATH, data=FORM | onap | {"auth_type": "APIKey", "api_key": "Token abc"})
        next_page = await client.get(made.headers["location"])

    proposed = re.search(r'name="secret" value="([\w-]{32})"', form.text)
    row = await kept(services)
    assert proposed
    assert said(made) == "Licences is registered."
    assert made.headers["location"] == f"{PATH}/{row['id']}/handler"
    assert (row["name"], row["batching"], row["status"], row["auth_type"]) == ("Licences", True, "PENDING", "APIKey")
    assert (row["workspace_id"], row["secrets"], row["created_by"].startswith("ada")) == (
        WORKSPACE,
        ("typed-by-hand",),
        True,
    )
    assert "LICENCES_SECRET" in next_page.text
    # In ONAP's envelope the question is called otherwise.
    assert "event.challengeRequest" in next_page.text
    assert "typed-by-hand" not in next_page.text


async def test_what_is_wrong_stands_beside_its_field(visit: Visit, services: Services) -> None:
    """Every fault at its field, what was typed stays; a limit is said above; credentials that are not shown do not count."""
    wrong = FORM | {"name": "a/b", "secret": "abc", "ca_bundle": "no certificate", "description": "kept as typed"}
    async with await visit(Role.SUBSCRIBER) as client:
        many = await client.post(PATH, data=wrong)
        inside = await client.post(PATH, data=FORM | {"destination": "https://10.0.0.1/"})
        lacking = await client.post(PATH, data=FORM | {"auth_type": "Oauth", "api_key": "not shown"})
        binary = await client.post(PATH, data=FORM | {"batching": "true", "content_mode": "binary"})
        for n in range(5):
            assert (await client.post(PATH, data=FORM | {"name": f"n{n}", "api_key": "not shown"})).status_code == 303
        over = await client.post(PATH, data=FORM | {"name": "sixth"})

    assert (many.status_code, marked(many)) == (400, {"name", "secret", "ca_bundle"})
    assert "kept as typed" in many.text
    assert marked(inside) == {"destination"}
    assert marked(lacking) == {"client_id", "client_secret", "issuer_url"}
    assert marked(binary) == {"content_mode"}
    assert "may not have more" in over.text
    assert marked(over) == set()


async def test_all_that_is_wrong_is_said_at_once(visit: Visit, services: Services) -> None:
    """One round for all fields, whoever looks at them, of a new webhook and of one that is changed; of a secret that was typed
    nobody says that it was made."""
    async with await visit(Role.SUBSCRIBER) as client:
        new = await client.get(f"{PATH}/new")
        wrong = {"name": "?", "destination": "ftp://x", "secret": "my-own-secret", "content_mode": "json"}
        first = await client.post(PATH, data=wrong)
        standing, other = await hook(services, "taken"), await hook(services, "mine")
        second = await client.post(PATH, data={**wrong, "name": "taken"})
        fields = {
            "name": "taken",
            "destination": "ftp://x",
            "content_mode": "json",
            "generation": str(other.generation),
        }
        changed = await client.post(f"{PATH}/{other.id}", data=fields)
        itself = await client.post(f"{PATH}/{standing.id}", data=fields)
        typed = await client.post(f"{PATH}/{other.id}/secrets", data={"step": "second", "secret": "abc"})

    assert [marked(each) for each in (first, second, changed, itself)] == [
        *[{"name", "destination"}] * 3,
        {"destination"},
    ]
    assert ("made for you" in new.text, "made for you" in first.text) == (True, False)
    assert (typed.status_code, "made for you" in typed.text) == (400, False)


async def test_fields_are_checked_as_they_are_typed(visit: Visit, services: Services) -> None:
    """As a registration would say it: an address is judged, a name is not looked up; who may not register asks nothing."""
    webhook = await hook(services, "taken")

    async def check(client: httpx.AsyncClient, **query: str) -> str:
        answer = await client.get(f"{PATH}/check", params=query)
        return re.sub(r"<[^>]+>", "", answer.text).strip() if answer.status_code == 200 else str(answer.status_code)

    async with await visit(Role.SUBSCRIBER) as client, await visit(Role.VIEWER) as viewer:
        assert "not a public address" in await check(client, destination="https://10.0.0.1/x")
        assert "can be sent to" in await check(client, destination="https://inner.example.com/x")
        assert "must begin with" in await check(client, destination="ftp://example.com")
        assert "is the name of another webhook" in await check(client, name="taken")
        assert await check(client, name="taken", of=str(webhook.id)) == "The name is free."
        assert "must be 1 to 50" in await check(client, name="a/b")
        assert await check(client, name="") == ""
        assert await check(viewer, name="x") == "403"


async def test_only_what_differs_is_changed(visit: Visit, services: Services) -> None:
    """The name alone asks for no challenge; a form of before somebody else's change saves nothing; nothing is nothing."""
    webhook = await hook(services, description="old")
    own = f"{PATH}/{webhook.id}"
    same = {"name": "licences", "destination": webhook.destination, "description": "old", "content_mode": "json"}
    async with await visit(Role.SUBSCRIBER) as client:
        form = await client.get(f"{own}/edit")
        nothing = await client.post(own, data={**same, "generation": "1"})
        renamed = await client.post(own, data={**same, "name": "other", "generation": "1"})
        late = await client.post(own, data={**same, "description": "late", "generation": "1"})
        moved = await client.post(
            own, data={**same, "name": "other", "destination": "https://127.0.0.1:9/new", "generation": "2"}
        )
        wrong = await client.post(own, data={**same, "name": "", "generation": "3"})

    assert 'value="old"' in form.text
    assert "s3cr3tKey" not in form.text
    assert [said(nothing), said(renamed), said(moved)] == ["Nothing was changed.", "Saved.", "Saved."]
    assert (late.status_code, "Somebody has changed it" in late.text) == (409, True)
    assert (wrong.status_code, marked(wrong)) == (400, {"name"})
    row = await kept(services)
    assert (row["name"], row["description"], row["destination"]) == ("other", "old", "https://127.0.0.1:9/new")
    assert row["epoch"] == 2


async def test_certificates_are_given_kept_and_taken_away(visit: Visit, services: Services) -> None:
    """A certificate comes with its key, and stays with it where neither is touched; one that goes takes the key along."""
    authority = trustme.CA()
    pair, other = authority.issue_cert("client.example.com"), authority.issue_cert("other.example.com")
    certificate = pair.cert_chain_pems[0].bytes().decode().replace("\n", "\r\n")
    bundle, key = authority.cert_pem.bytes().decode(), pair.private_key_pem.bytes().decode()
    wrong_key = other.private_key_pem.bytes().decode()
    asked = FORM | {"ca_bundle": bundle, "client_certificate": certificate}
    async with await visit(Role.SUBSCRIBER) as client:
        keyless = await client.post(PATH, data=asked)
        strange = await client.post(PATH, data=asked | {"client_key": wrong_key})
        made = await client.post(PATH, data=asked | {"client_key": key})
        own = made.headers["location"].removesuffix("/handler")
        page, form = await client.get(own), await client.get(f"{own}/edit")
        first = await kept(services)
        same = {"name": "Licences", "destination": FORM["destination"], "content_mode": "json", "ca_bundle": bundle}
        same |= {"client_certificate": certificate, "challenge_request_enabled": "true", "generation": "1"}
        nothing = await client.post(own, data=same)
        anew = await client.post(own, data=same | {"client_key": key})
        gone = await client.post(own, data=same | {"ca_bundle": "", "client_certificate": "", "generation": "2"})

    assert [marked(each) for each in (keyless, strange)] == [{"client_key"}, {"client_key"}]
    assert "Client certificate" in page.text
    assert "BEGIN CERTIFICATE" in form.text
    assert "PRIVATE KEY" not in form.text.replace("-----BEGIN PRIVATE KEY-----", "")
    assert first["client_certificate"].count("BEGIN") == first["ca_bundle"].count("BEGIN") == 1
    assert said(nothing) == "Nothing was changed."
    assert said(anew).startswith("Saved.")
    assert said(gone).startswith("Saved.")
    row = await kept(services)
    assert (row["client_certificate"], row["ca_bundle"], row["client_key"]) == ("", "", None)


async def test_a_rotation_in_three_steps(visit: Visit, services: Services) -> None:
    """A second secret, both sign, then it is the only one; and another at once where somebody else knows it."""
    webhook = await hook(services)
    own = f"{PATH}/{webhook.id}/secrets"
    async with await visit(Role.SUBSCRIBER) as client, await visit(Role.VIEWER) as viewer:
        short = await client.post(own, data={"step": "second", "secret": "abc"})
        empty = await client.post(own, data={"step": "second", "secret": ""})
        early = await client.post(own, data={"step": "promote"})
        second = await client.post(own, data={"step": "second", "secret": "the-second"})
        both, page = (await kept(services))["secrets"], await client.get(own)
        ended = await client.post(own, data={"step": "promote"})
        alone = (await kept(services))["secrets"]
        replaced = await client.post(own, data={"step": "replace", "secret": "the-third"})
        strange = await client.post(own, data={"step": "guess"})
        denied = [await viewer.get(own), await viewer.post(own, data={"step": "promote"})]

    assert (short.status_code, "must have 4 to 100" in short.text, empty.status_code) == (400, True, 400)
    assert (early.status_code, "there is none" in early.text) == (400, True)
    assert said(second).startswith("Both secrets are live")
    assert both == ("s3cr3tKey", "the-second")
    assert "End the rotation" in page.text
    assert "the-second" not in page.text
    assert said(ended).startswith("The second secret is the only one now.")
    assert alone == ("the-second",)
    assert said(replaced).startswith("There is another secret")
    assert (await kept(services))["secrets"] == ("the-third",)
    assert (strange.status_code, [each.status_code for each in denied]) == (400, [403, 403])


async def test_the_list_is_exported(visit: Visit, services: Services) -> None:
    """All that the filters find, as CSV, over all pages; what a spreadsheet would calculate is a text."""
    for name in ("one", "two", "-three"):
        await hook(services, name)
    async with await visit(Role.VIEWER) as viewer:
        every = await viewer.get(PATH, params={"format": "csv", "sort": "name"})
        some = await viewer.get(PATH, params={"format": "csv", "search": "two"})

    rows = every.text.splitlines()
    assert rows[0].startswith('"Id","Workspace","Name","URL","State"')
    assert [row.split(",")[2] for row in rows[1:]] == ['"\'-three"', '"one"', '"two"']
    assert len(some.text.splitlines()) == 2


@pytest.mark.parametrize("page", ["new", "check", "{id}/edit", "{id}/subscribe", "{id}/secrets"])
async def test_forms_are_for_those_who_may_send_them(visit: Visit, services: Services, page: str) -> None:
    """Who may only look is not shown them, and one's own role may be the other way round for what one only looks at."""
    webhook = await hook(services)
    async with await visit(Role.VIEWER) as viewer, await visit(Role.SUBSCRIBER) as subscriber:
        path = f"{PATH}/{page.format(id=webhook.id)}"
        answers = [(await each.get(path)).status_code for each in (viewer, subscriber)]
        posted = [(await viewer.post(each, data=FORM)).status_code for each in (PATH, f"{PATH}/{webhook.id}")]
        absent = (await subscriber.get(f"{PATH}/{uuid4()}/handler")).status_code

    assert (answers, posted, absent) == ([403, 200], [403, 403], 404)

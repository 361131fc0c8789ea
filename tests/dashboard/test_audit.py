"""The audit log's page and files, and who reads what of it."""

import csv
import io

from service.services import Services
from subscriptions.access.audit_log import AuditQuery
from subscriptions.access.clients import Role
from tests.dashboard.conftest import Visit
from tests.service.callers import OTHER_WORKSPACE

AUDIT = "/dashboard/audit"


async def test_the_page(visit: Visit, services: Services) -> None:
    """Operators read all entries, subscribers those of their workspace, others none; each entry has a page of its own."""
    operator = await visit(Role.OPERATOR, name="Grace")
    made = await operator.post(
        "/dashboard/people", data={"name": "=<ada>", "workspace": OTHER_WORKSPACE, "role": "viewer"}
    )
    ada = made.headers["location"].rpartition("/")[2]
    await operator.post(f"/dashboard/people/{ada}/roles", data={"role": ["viewer", "publisher"]})
    page = await operator.get(AUDIT)
    narrowed = await operator.get(
        AUDIT, params={"subject": ada, "action": "person.roles-changed", "since": "2020-01-01T00:00"}
    )
    none = await operator.get(AUDIT, params={"actor": "nobody of this name"})
    odd = await operator.get(AUDIT, params={"since": "yesterday", "after": "x"})
    [entry] = (await services.audit_log.page(AuditQuery(subject=ada, action="person.roles-changed"))).entries
    shown = await operator.get(f"{AUDIT}/{entry.id}")
    mine, theirs = await visit(Role.SUBSCRIBER), await visit(Role.SUBSCRIBER, workspace=OTHER_WORKSPACE)
    viewer = await visit(Role.VIEWER)

    assert (page.status_code, "=&lt;ada&gt;" in page.text, "<ada>" in page.text) == (200, True, False)
    assert (narrowed.text.count("</a> roles changed"), "</a> added" in narrowed.text) == (1, False)
    assert "No entry matches these filters." in none.text
    assert (odd.status_code, "since" in odd.text, "after" in odd.text) == (400, True, True)
    assert all(each in shown.text for each in ("[&#34;publisher&#34;,&#34;viewer&#34;]", "operator", "grace"))
    assert "=&lt;ada&gt;" not in (await mine.get(AUDIT)).text
    assert "=&lt;ada&gt;" in (await theirs.get(AUDIT)).text
    read = [(await each.get(f"{AUDIT}/{entry.id}")).status_code for each in (operator, theirs, mine, viewer)]
    assert read == [200, 200, 404, 403]
    assert (await viewer.get(AUDIT)).status_code == 403
    assert "Audit log" not in (await viewer.get("/dashboard/sessions")).text


async def test_the_files(visit: Visit) -> None:
    """The list is a CSV, in which nothing is a formula, and JSON in the form of the API."""
    operator = await visit(Role.OPERATOR)
    made = await operator.post(
        "/dashboard/people", data={"name": "=ada", "workspace": OTHER_WORKSPACE, "role": "viewer"}
    )
    ada = made.headers["location"].rpartition("/")[2]
    file = await operator.get(AUDIT, params={"format": "csv", "subject": ada})
    told = (await operator.get(AUDIT, params={"format": "json", "subject": ada})).json()

    head, row = csv.reader(io.StringIO(file.text))
    assert file.headers["content-disposition"] == 'attachment; filename="audit-log.csv"'
    kept = dict(zip(head, row, strict=True))
    assert (kept["Action"], kept["Thing"], kept["Kind"], kept["Id"]) == ("person.added", "'=ada", "person", ada)
    assert (told["count"], told["items"][0]["action"], told["items"][0]["subject"]["name"]) == (
        1,
        "person.added",
        "=ada",
    )

"""The contract of people who sign in to the dashboard and of their sessions, ours and for operators.

What is done with them is left to `service/api/people.py`.
"""

from service.api.contract.operation import JSON, MERGE_PATCH, WITHIN, Operation, paging, parameter
from service.api.contract.shapes import (
    MOMENT,
    WORKSPACE,
    Json,
    array,
    either,
    flag,
    given,
    literal,
    moment,
    ref,
    taken,
    text,
    uuid,
    whole,
)
from service.auth import Permission
from subscriptions.access.clients import LONGEST_NAME, Role

PATH, SESSIONS = "/authorization/v2/people", "/authorization/v2/sessions"
TAG = "People"
_PERSON = "0908777a-788f-45da-afb8-295c626e4d14"
_ROLES = array(text("", enum=[str(role) for role in Role]), "What they may do: as of clients.", minItems=1)
_AFTER = parameter("after", text(), "The `next` of the page before.")


def _page(name: str) -> Json:
    return given(
        {"items": array(ref(name)), "count": whole("Items of this page.", minimum=0)},
        {"next": text("What `after` is for the next page; absent on the last one.")},
    )


SCHEMAS: dict[str, Json] = {
    "PersonInput": taken(
        {
            "name": text("What they sign in with, in any case.", minLength=1, maxLength=LONGEST_NAME),
            "workspaceId": text("32 lower-case hexadecimal digits.", pattern="^[0-9a-f]{32}$"),
            "roles": _ROLES,
        },
        examples=[{"name": "ada@example.com", "workspaceId": WORKSPACE, "roles": ["viewer"]}],
    ),
    "PersonUpdate": taken({"roles": _ROLES}, examples=[{"roles": ["subscriber"]}]),
    "Person": given(
        {
            "id": uuid("Of the person."),
            "type": literal("authorization/person"),
            "name": text("What they sign in with."),
            "workspaceId": text("32 lower-case hexadecimal digits."),
            "roles": _ROLES,
            "issuer": text("The OpenID Connect issuer that vouches for them; empty: a password or a link does."),
            "hasPassword": flag("Whether they have set one."),
            "resourceUri": text(f"`{PATH}/{{id}}`"),
            "createdAt": moment("When they were let in."),
            "signedInAt": either(moment(""), "When they signed in last; null: never."),
            "removedAt": either(moment(""), "Since when they may not sign in; null: they may."),
        },
        examples=[
            {
                "id": _PERSON,
                "type": "authorization/person",
                "name": "ada@example.com",
                "workspaceId": WORKSPACE,
                "roles": ["viewer"],
                "issuer": "",
                "hasPassword": True,
                "resourceUri": f"{PATH}/{_PERSON}",
                "createdAt": MOMENT,
                "signedInAt": None,
                "removedAt": None,
            }
        ],
    ),
    "PersonList": _page("Person"),
    "SignInLink": given(
        {"link": text("Signs them in, once."), "expiresAt": moment("Until when.")},
        examples=[{"link": "https://hooks.example.com/dashboard/sign-in?link=...", "expiresAt": MOMENT}],
    ),
    "Session": given(
        {
            "id": uuid("Of the session."),
            "type": literal("authorization/session"),
            "person": given({"resourceUri": text(f"`{PATH}/{{id}}`"), "name": text("Whose it is.")}),
            "address": text("Where it was begun from."),
            "agent": text("What the browser says of itself."),
            "resourceUri": text(f"`{SESSIONS}/{{id}}`"),
            "createdAt": moment("When it began."),
            "seenAt": moment("When it was used last, to the minute."),
            "endsAt": moment("When it ends in any case."),
        },
        examples=[
            {
                "id": _PERSON,
                "type": "authorization/session",
                "person": {"resourceUri": f"{PATH}/{_PERSON}", "name": "ada@example.com"},
                "address": "192.0.2.1",
                "agent": "Mozilla/5.0",
                "resourceUri": f"{SESSIONS}/{_PERSON}",
                "createdAt": MOMENT,
                "seenAt": MOMENT,
                "endsAt": MOMENT,
            }
        ],
    ),
    "SessionList": _page("Session"),
}


def _operation(method: str, path: str, identity: str, summary: str, **more: object) -> Operation:
    fields: dict[str, object] = {"method": method, "path": path, "id": identity, "summary": summary, **more}
    return Operation(tag=TAG, permission=Permission.MANAGE_PEOPLE, **fields)  # type: ignore[arg-type]


OPERATIONS = (
    _operation(
        "POST",
        PATH,
        "createPerson",
        "Let somebody sign in to the dashboard",
        description="They come by a link, and set a password then; `hooklake people add` gives them one.",
        body={JSON: ref("PersonInput")},
        success=201,
        location=True,
        answer=ref("Person"),
        errors=(400, 409, 413, 422),
    ),
    _operation(
        "GET",
        PATH,
        "listPeople",
        "List people, newest first",
        description="Removed ones too.",
        query=(WITHIN, _AFTER, *paging(200, 200)),
        answer=ref("PersonList"),
        errors=(400,),
    ),
    _operation("GET", PATH + "/{id}", "readPerson", "Read one person", answer=ref("Person"), errors=(404,)),
    _operation(
        "PATCH",
        PATH + "/{id}",
        "updatePerson",
        "Give somebody other roles",
        description="They hold from the next request on. Of whom an issuer vouches for, it says the roles (409).",
        body={MERGE_PATCH: ref("PersonUpdate")},
        answer=ref("Person"),
        errors=(400, 404, 409, 412, 413, 422),
    ),
    _operation(
        "DELETE",
        PATH + "/{id}",
        "removePerson",
        "Let somebody sign in no more",
        description="Their sessions end.",
        success=204,
        errors=(404, 412),
    ),
    _operation(
        "POST",
        PATH + "/{id}/link",
        "linkPerson",
        "Make a link that signs somebody in once",
        success=201,
        answer=ref("SignInLink"),
        errors=(404,),
    ),
    _operation(
        "GET",
        SESSIONS,
        "listSessions",
        "List sessions that last, newest first",
        query=(parameter("person", uuid(), "Whose; all where it is absent."), _AFTER, *paging(200, 200)),
        answer=ref("SessionList"),
        errors=(400,),
    ),
    _operation("DELETE", SESSIONS + "/{id}", "endSession", "End a session", success=204, errors=(404, 412)),
)

"""The contract of API clients: programs that may call, managed by operators.

What is done with them is left to `service/api/clients.py`.
"""

from service.api.contract.operation import JSON, WITHIN, Operation, paging
from service.api.contract.shapes import (
    MOMENT,
    WORKSPACE,
    Json,
    array,
    flag,
    given,
    literal,
    moment,
    page,
    ref,
    taken,
    text,
    uuid,
)
from service.auth import Permission
from subscriptions.access.clients import LONGEST_NAME, Role

PATH = "/authorization/v2/clients"
TAG = "Clients"
_CLIENT = "0908777a-788f-45da-afb8-295c626e4d14"
_ROLES = array(text("", enum=[str(role) for role in Role]), "What it is for.", minItems=1)
_SECRET = {"clientSecret": text("The `client_secret` of token requests: shown this once, kept as a hash.")}

_SHOWN: dict[str, Json] = {
    "id": uuid("The `client_id` of token requests."),
    "type": literal("authorization/client"),
    "name": text("Shown as `createdBy` of what it makes."),
    "workspaceId": text("32 lower-case hexadecimal digits."),
    "roles": _ROLES,
    "anyWorkspace": flag("Whether it may publish for other workspaces."),
    "resourceUri": text(f"`{PATH}/{{id}}`"),
    "createdAt": moment("When it was made."),
}
_REVOKED = {"revokedAt": moment("Since when it gets no more tokens; absent while it does.")}
_EXAMPLE: Json = {
    "id": _CLIENT,
    "type": "authorization/client",
    "name": "Licence watch",
    "workspaceId": WORKSPACE,
    "roles": ["subscriber"],
    "anyWorkspace": False,
    "resourceUri": f"{PATH}/{_CLIENT}",
    "createdAt": MOMENT,
}

SCHEMAS: dict[str, Json] = {
    "ClientInput": taken(
        {
            "name": text("1 to 100 printable characters.", minLength=1, maxLength=LONGEST_NAME),
            "roles": _ROLES,
        },
        {
            "workspaceId": text(
                "32 lower-case hexadecimal digits; without it the client is the first of a new workspace.",
                pattern="^([0-9a-f]{32})?$",
            ),
            "anyWorkspace": flag("Whether it may publish for other workspaces.", default=False),
        },
        examples=[{"name": "Licence watch", "roles": ["subscriber"], "workspaceId": WORKSPACE}],
    ),
    "ApiClient": given(_SHOWN, _REVOKED, examples=[_EXAMPLE]),
    "ClientWithSecret": given(
        {**_SHOWN, **_SECRET}, _REVOKED, examples=[{**_EXAMPLE, "clientSecret": "the secret, shown this once"}]
    ),
    "ClientList": page("ApiClient"),
}


def _operation(method: str, rest: str, identity: str, summary: str, **more: object) -> Operation:
    fields: dict[str, object] = {"method": method, "path": PATH + rest, "id": identity, "summary": summary, **more}
    return Operation(tag=TAG, permission=Permission.MANAGE_CLIENTS, **fields)  # type: ignore[arg-type]


OPERATIONS = (
    _operation(
        "POST",
        "",
        "createClient",
        "Create a client",
        body={JSON: ref("ClientInput")},
        success=201,
        location=True,
        answer=ref("ClientWithSecret"),
        errors=(400, 413, 422),
    ),
    _operation(
        "GET",
        "",
        "listClients",
        "List clients, newest first",
        description="The revoked ones too.",
        query=(WITHIN, *paging(200, 200)),
        answer=ref("ClientList"),
        errors=(400,),
    ),
    _operation("GET", "/{id}", "readClient", "Read one client", answer=ref("ApiClient"), errors=(404,)),
    _operation(
        "DELETE",
        "/{id}",
        "revokeClient",
        "Revoke a client",
        description="It gets no more tokens; those it has end within 15 minutes.",
        success=204,
        errors=(404,),
    ),
    _operation(
        "POST",
        "/{id}/rotate",
        "rotateClient",
        "Give a client a new secret",
        description="The old one stops working.",
        answer=ref("ClientWithSecret"),
        errors=(404,),
    ),
)

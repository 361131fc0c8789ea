"""Clients over HTTP, for operators: programs that may call are made, listed, given a new secret, and revoked.

GreenLake has no such paths; how a client is kept is left to `subscriptions/access/clients.py`.
"""

import logging
from uuid import uuid4

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from service import auth
from service.api import reading, workspaces, writing
from service.services import services_of
from subscriptions.access.clients import Client, Draft, Role

log = logging.getLogger("hooklake.access")

PATH = "/authorization/v2/clients"
PAGE = 200
#: A secret is in the answer.
PRIVATE = {"Cache-Control": "no-store"}


class _Input(msgspec.Struct, forbid_unknown_fields=True, rename="camel", frozen=True, kw_only=True):
    """The body of a creation; without `workspaceId` the client is the first of a new workspace."""

    name: str
    roles: list[Role]
    workspace_id: str = ""
    any_workspace: bool = False


async def create(request: Request) -> Response:
    """`POST /authorization/v2/clients`: 201 with `clientSecret`, which is shown this once"""
    asked = reading.decode(await reading.body(request), _Input)
    draft = Draft(
        workspace_id=asked.workspace_id or uuid4().hex,
        name=asked.name,
        roles=frozenset(asked.roles),
        any_workspace=asked.any_workspace,
    )
    services = services_of(request)
    client, secret = await services.clients.create(draft, now=services.clock())
    _tell("created", client, request)
    headers = {"Location": f"{PATH}/{client.id}", **PRIVATE}
    return writing.json({**_shown(client), "clientSecret": secret}, 201, headers)


async def listed(request: Request) -> Response:
    """`GET /authorization/v2/clients?workspaceId=`, newest first, also the revoked ones"""
    limit, offset = reading.paging(request, default=PAGE, most=PAGE)
    within = await workspaces.within(request)
    found, total = await services_of(request).clients.page(within=within, limit=limit, offset=offset)
    return await writing.page(request, (_shown(client) for client in found), offset=offset, total=total)


async def read(request: Request) -> Response:
    """`GET /authorization/v2/clients/{id}`"""
    wanted = reading.identifier(request, "id", "Client")
    return writing.json(_shown(await services_of(request).clients.find(wanted)))


async def rotate(request: Request) -> Response:
    """`POST /authorization/v2/clients/{id}/rotate`: the new `clientSecret`, shown this once; the old one stops working"""
    wanted = reading.identifier(request, "id", "Client")
    client, secret = await services_of(request).clients.rotate(wanted)
    _tell("rotated", client, request)
    return writing.json({**_shown(client), "clientSecret": secret}, headers=PRIVATE)


async def revoke(request: Request) -> Response:
    """`DELETE /authorization/v2/clients/{id}`: 204; the tokens it has end within 15 minutes"""
    wanted = reading.identifier(request, "id", "Client")
    services = services_of(request)
    client = await services.clients.revoke(wanted, now=services.clock())
    _tell("revoked", client, request)
    return Response(status_code=204)


def _tell(what: str, client: Client, request: Request) -> None:
    by = auth.caller(request).client_id
    log.info("client.%s client=%s workspace=%s by=%s", what, client.id, client.workspace_id, by)


def _shown(client: Client) -> dict[str, object]:
    """`id` is the `client_id` of token requests; `revokedAt` is there where it was revoked."""
    body: dict[str, object] = {
        "id": str(client.id),
        "type": "authorization/client",
        "name": client.name,
        "workspaceId": client.workspace_id,
        "roles": sorted(client.roles),
        "anyWorkspace": client.any_workspace,
        "resourceUri": f"{PATH}/{client.id}",
        "createdAt": writing.moment(client.created_at),
    }
    return body | ({} if client.revoked_at is None else {"revokedAt": writing.moment(client.revoked_at)})

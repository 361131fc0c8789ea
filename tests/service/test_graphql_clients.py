"""GraphQL with clients that nobody of us wrote: a flow by Python's, and the audits of the GraphQL Foundation by node."""

import asyncio

import httpx
import pytest
from gql import Client, gql
from gql.transport.exceptions import TransportQueryError
from gql.transport.httpx import HTTPXAsyncTransport

from service.app import build
from service.server.connection_limits import ConnectionLimits
from service.services import Services
from subscriptions.access.clients import Role
from tests import graphql_audits
from tests.service.callers import Callers
from tests.service.sockets import Opened
from tests.service.test_graphql import ADD, CREATE, DOCUMENT

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:gql")


async def test_a_flow_by_a_client_of_its_own(api: httpx.AsyncClient, callers: Callers) -> None:
    """gql reads the schema by introspection, holds its requests to it, registers, asks, and raises what is refused."""
    headers = await callers.headers(Role.PUBLISHER)
    transport = HTTPXAsyncTransport("http://hooklake/graphql", transport=api._transport, headers=headers)
    async with Client(transport=transport, fetch_schema_from_transport=True) as session:
        asked = gql(CREATE)
        asked.variable_values = {"in": {"name": "shop"}}
        app = (await session.execute(asked))["createApplication"]["id"]
        add = gql(ADD)
        add.variable_values = {"app": app, "in": {"spec": {"data": DOCUMENT, "eventSpecType": "ASYNC_API"}}}
        made = (await session.execute(add))["addEventAPI"]
        found = await session.execute(
            gql("{ applications(first: 5) { data { name eventAPIs(first: 5) { data { id spec { data } } } } } }")
        )
        with pytest.raises(TransportQueryError, match="is the name of another application"):
            await session.execute(asked)

    [shop] = found["applications"]["data"]
    assert (shop["name"], shop["eventAPIs"]["data"]) == ("shop", [{"id": made["id"], "spec": {"data": DOCUMENT}}])


async def test_the_foundations_audits(opened: Opened, services: Services, callers: Callers) -> None:
    """GraphQL over HTTP as its own audits have it: all that a server must and should do; what it may do is its own affair."""
    graphql_audits.installed()
    app = build(lambda: pytest.fail("this server runs no lifespan"))
    app.state.services = services
    host, port = (await opened(ConnectionLimits(connections=500, timeout=60.0, message_bytes=1 << 20), app)).address
    headers = await callers.headers(Role.VIEWER)
    audits = await asyncio.to_thread(graphql_audits.audited, f"http://{host}:{port}/graphql", headers["Authorization"])

    assert len(audits) > 50
    assert [
        f"{each['id']} {each['name']}: {each['reason']}" for each in audits if each["status"] in ("error", "warn")
    ] == []

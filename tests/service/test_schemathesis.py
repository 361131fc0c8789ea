"""Schemathesis reads the served document and asks all that it allows, and what it does not, of a real server.

What GreenLake's contract says of single answers is left to `test_contract.py`: here nothing may be undocumented, and
nothing a defect.
"""

import asyncio
import socket
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any
from uuid import uuid4

import pytest
import requests
import schemathesis
import uvicorn
from hypothesis import HealthCheck, given, settings
from schemathesis import Case, GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from delivery.settings import DeliverySettings
from delivery.tickets import BrokerReport, Nudge
from service.api import openapi
from service.app import Configuration, build, opened
from service.settings import ServiceSettings
from subscriptions.access import clients
from subscriptions.access.clients import Draft, Role
from subscriptions.events import catalogue
from subscriptions.events.event_type_rows import (
    DETAILS,
)
from subscriptions.events.event_types import EventTypeStore
from subscriptions.ground.database import Database
from subscriptions.ground.settings import GroundSettings
from tests.conftest import VAULT_KEYS
from tests.service.callers import WORKSPACE

#: Cases of each kind for each operation: all of them take half a minute.
EXAMPLES = 20
CHECKS = [
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
SCHEMA = schemathesis.openapi.from_dict(openapi.document("http://hooklake"))
#: Answer 503 where a database was not migrated, and nobody works, as in the tests: documented, and no defect.
READY = ("/health/ready", "/health/workers")
#: Where nothing is read, nothing can be wrong.
ASKED = [
    (one.method, one.path, mode)
    for one in openapi.OPERATIONS
    for mode in GenerationMode
    if mode is GenerationMode.POSITIVE or one.body or one.parameters
]


@dataclass(frozen=True, kw_only=True)
class Server:
    """A real server on a socket."""

    url: str
    #: Those of a client that may do everything.
    headers: dict[str, str]
    #: Path -> the parameters of something that exists.
    existing: dict[str, dict[str, str]]


class Unheard:
    """Takes what would be announced: nobody works here."""

    def start(self) -> None:
        """Nothing begins."""

    def announce(self, nudges: Sequence[Nudge]) -> None:
        """Nobody is told."""

    def report(self) -> BrokerReport:
        """Of nobody."""
        return BrokerReport(product="none", version="", waiting={})

    def close(self) -> None:
        """Nothing ends."""


@pytest.fixture(scope="module")
def server(database_url: str) -> Iterator[Server]:
    """The application over the run's database, with a client, a webhook and a subscription of each kind."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        delivery = DeliverySettings(allow_destinations=("127.0.0.0/8",), allow_http=True, registrations_per_minute=0)
        configuration = Configuration(
            service=ServiceSettings(token_issuer=url),
            delivery=delivery,
            ground=GroundSettings(
                database_url=database_url,
                vault_keys=VAULT_KEYS,
                max_webhooks_per_workspace=1000,
                max_subscriptions_per_webhook=1000,
            ),
        )
        app = build(partial(opened, configuration, Unheard()))
        running = uvicorn.Server(uvicorn.Config(app, log_level="error", lifespan="on"))
        form = asyncio.run(_prepared(configuration.ground))
        thread = threading.Thread(target=running.run, kwargs={"sockets": [listening]})
        thread.start()
        try:
            token = requests.post(f"{url}/authorization/v2/oauth2/{WORKSPACE}/token", data=form, timeout=30).json()
            headers = {"Authorization": f"Bearer {token['access_token']}"}
            yield Server(url=url, headers=headers, existing=_existing(url, headers))
        finally:
            running.should_exit = True
            thread.join()


@pytest.mark.parametrize(("method", "path", "mode"), ASKED)
def test_every_answer_is_a_documented_one(server: Server, method: str, path: str, mode: GenerationMode) -> None:
    """Whatever comes in, the answer is documented and of the documented form; what breaks the schema is refused."""
    operation = SCHEMA[path][method]
    checks = list(CHECKS)
    if path not in READY:
        checks.append(not_a_server_error)
    if operation.body and mode is GenerationMode.NEGATIVE:
        # A parameter that is not asked for is left alone; a field that is not asked for is refused.
        checks.append(negative_data_rejection)

    def holds(case: Case[Any]) -> None:
        response = case.call(base_url=server.url, headers=server.headers)
        case.validate_response(response, checks=checks)

    examples = settings(
        max_examples=EXAMPLES, deadline=None, database=None, derandomize=True, suppress_health_check=list(HealthCheck)
    )
    # Once with any path, and once with one that leads somewhere.
    for parameters in (None, server.existing.get(path)) if path in server.existing else (None,):
        examples(given(case=operation.as_strategy(generation_mode=mode, path_parameters=parameters))(holds))()


async def _prepared(ground: GroundSettings) -> dict[str, str]:
    """Types for the catalogue, and the token request of a client that may do everything."""
    database = Database(ground)
    now = datetime.now(UTC)
    for entry in catalogue.DOCUMENTED:
        await EventTypeStore(database).register(entry, chosen=DETAILS, by=None, now=now)
    draft = Draft(workspace_id=WORKSPACE, name="everything", roles=frozenset(Role), any_workspace=True)
    async with database.transaction() as connection:
        client, secret = await clients.create(connection, draft, now=now)
    await database.close()
    return {"grant_type": "client_credentials", "client_id": str(client.id), "client_secret": secret}


def _existing(url: str, headers: dict[str, str]) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = {}
    for kind in ("webhooks", "system-webhooks"):
        asked = {"name": f"{kind} {uuid4().hex[:8]}", "destination": "https://127.0.0.1:9/"}
        secret = {} if kind.startswith("system") else {"secret": "s3cr3tKey"}
        made = requests.post(f"{url}/events/v1beta1/{kind}", json=asked | secret, headers=headers, timeout=30).json()
        found |= {each: {"id": made["id"]} for _, each, _ in ASKED if each.startswith(f"/events/v1beta1/{kind}/{{id}}")}
    return {path: parameters for path, parameters in found.items() if "failureId" not in path}

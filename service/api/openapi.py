"""`GET /openapi.json`: the contract as an OpenAPI 3.1 document, assembled from `contract/`.

Which routes there are is left to `routes.py`; a test holds the two together.
"""

from collections.abc import Iterable
from functools import cache
from importlib import metadata

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from service.api.contract import (
    access,
    api_access,
    applications,
    audit,
    catalogue,
    clients,
    erasures,
    event_apis,
    graphql,
    inspection,
    issues,
    kyma,
    metrics,
    people,
    prose,
    publishing,
    received,
    replays,
    schemas,
    subscriptions,
    system,
    testing,
    webhooks,
)
from service.api.contract.operation import REFUSALS, Operation, refusal
from service.api.contract.shapes import Json
from service.api.documents import Document
from service.services import services_of

#: In the order of the page.
AREAS = (
    webhooks,
    subscriptions,
    catalogue,
    schemas,
    event_apis,
    api_access,
    applications,
    graphql,
    publishing,
    testing,
    inspection,
    replays,
    issues,
    metrics,
    erasures,
    audit,
    system,
    access,
    clients,
    people,
    # Last: the name of an application could be any first part of a path.
    kyma,
)
OPERATIONS: tuple[Operation, ...] = tuple(operation for area in AREAS for operation in area.OPERATIONS)
SCHEMAS: Json = {name: schema for area in (*AREAS, received) for name, schema in area.SCHEMAS.items()}


async def served(request: Request) -> Response:
    """GET /openapi.json"""
    return _packed(services_of(request).settings.url).answer(request)


@cache
def _packed(url: str) -> Document:
    return Document(encoded(url), "application/json")


@cache
def encoded(url: str) -> bytes:
    """The document of an API that is reached at `url`, as JSON."""
    return msgspec.json.encode(document(url))


def document(url: str) -> Json:
    """The document of an API that is reached at `url`."""
    paths: Json = {}
    for operation in OPERATIONS:
        paths.setdefault(operation.path, {})[operation.method.lower()] = operation.written()
    return {
        "openapi": "3.1.0",
        "jsonSchemaDialect": "https://json-schema.org/draft/2020-12/schema",
        "info": {
            "title": prose.TITLE,
            "version": metadata.version("hooklake"),
            "summary": prose.SUMMARY,
            "description": prose.description(),
            "license": {"name": "Apache 2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": url}],
        "security": [{"Bearer": []}],
        "tags": [{"name": tag} for tag in tags(OPERATIONS)],
        "paths": paths,
        "webhooks": received.WEBHOOKS,
        "components": {
            "schemas": SCHEMAS,
            "responses": {str(code): refusal(code) for code in REFUSALS},
            "securitySchemes": {"Bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}},
        },
    }


def tags(operations: Iterable[Operation]) -> list[str]:
    """Their areas, in order of appearance."""
    return list(dict.fromkeys(operation.tag for operation in operations))

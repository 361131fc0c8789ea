"""`GET /docs/events`: the catalogue as pages that need no token, where the deployment shows it; else they lead to the dashboard.

What there is to read is left to `subscriptions/catalogue/public_types.py`, how it looks to `templates/`.
"""

import base64
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from itertools import groupby
from uuid import UUID

import msgspec
from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from service.api import reading
from service.api.reference import HEADERS, POLICY, styles
from service.services import Services, services_of
from subscriptions.catalogue.described_types import DescribedVersion
from subscriptions.catalogue.schema_tree import SchemaLine, lines
from subscriptions.events import catalogue
from subscriptions.events.event_types import CatalogueEntry
from subscriptions.ground.errors import Absent

PATH = "/docs/events"
#: Where whoever has signed in reads the same.
DASHBOARD = "/dashboard/catalogue"
FRESH = {"Cache-Control": "public, max-age=60", "X-Content-Type-Options": "nosniff"}


@dataclass(frozen=True, kw_only=True)
class PublicType:
    """A type in the list."""

    id: UUID
    entry: CatalogueEntry
    category: str


@dataclass(frozen=True, kw_only=True)
class PublicGroup:
    """An API group within its service manager."""

    manager: str
    name: str
    types: Sequence[PublicType]


@dataclass(frozen=True, kw_only=True)
class ReadableVersion:
    """A version with its schema as people read it."""

    of: DescribedVersion
    tree: Sequence[SchemaLine]
    schema: str
    examples: Sequence[str]


async def listed(request: Request) -> Response:
    """GET /docs/events"""
    services = services_of(request)
    if not services.settings.public_catalogue:
        return RedirectResponse(DASHBOARD, 303)
    groups = _groups(await _every(services))
    return _answer(_page("event_types.html", groups=groups, total=sum(len(each.types) for each in groups)))


async def one(request: Request) -> Response:
    """GET /docs/events/{eventTypeId}"""
    services = services_of(request)
    wanted = reading.identifier(request, "eventTypeId", "Event type")
    if not services.settings.public_catalogue:
        return RedirectResponse(f"{DASHBOARD}/{wanted}", 303)
    entry = (await services.public_types.every()).get(wanted)
    if entry is None:
        raise Absent("Event type", str(wanted))
    versions = [readable(each) for each in await services.public_types.versions(entry.type)]
    category = str(catalogue.category(entry.type, prefix=services.ground.type_prefix))
    return _answer(_page("event_type.html", entry=entry, category=category, versions=versions))


def readable(version: DescribedVersion) -> ReadableVersion:
    """A version as pages show it."""
    return ReadableVersion(
        of=version,
        tree=[] if version.schema is None else lines(version.schema),
        schema="" if version.schema is None else _json(version.schema),
        examples=[_json(each) for each in version.examples],
    )


async def _every(services: Services) -> list[PublicType]:
    prefix = services.ground.type_prefix
    return [
        PublicType(id=id, entry=each, category=str(catalogue.category(each.type, prefix=prefix)))
        for id, each in (await services.public_types.every()).items()
    ]


def _groups(types: Sequence[PublicType]) -> list[PublicGroup]:
    def place(each: PublicType) -> tuple[str, str]:
        return each.entry.service_manager, each.entry.api_group

    ordered = sorted(types, key=lambda each: (*place(each), each.entry.type))
    return [
        PublicGroup(manager=manager, name=group, types=list(found))
        for (manager, group), found in groupby(ordered, key=place)
    ]


@cache
def _environment() -> Environment:
    return Environment(
        loader=PackageLoader("service.api", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _page(template: str, **values: object) -> str:
    return _environment().get_template(template).render(**values)


def _answer(page: str) -> Response:
    [style] = styles(page)
    policy = POLICY.format("sha256-" + base64.b64encode(hashlib.sha256(style.encode()).digest()).decode())
    return Response(page, media_type="text/html", headers={**HEADERS, **FRESH, "Content-Security-Policy": policy})


def _json(value: object) -> str:
    return msgspec.json.format(msgspec.json.encode(value), indent=2).decode()

"""`GET /docs/events`: the catalogue as pages that need no token, where the deployment shows it; else they lead to the dashboard.

What there is to read is left to `subscriptions/catalogue/public_types.py`, how it looks to `templates/`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import msgspec
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from service.api import reading, reference
from service.services import Services, services_of
from subscriptions.catalogue.described_types import DescribedVersion
from subscriptions.catalogue.schema_tree import SAID, SchemaLine, cut, lines
from subscriptions.events import catalogue, directory
from subscriptions.events.event_type_rows import (
    CatalogueEntry,
)
from subscriptions.ground.errors import Absent

PATH = "/docs/events"
#: Where whoever has signed in reads the same.
DASHBOARD = "/dashboard/catalogue"
#: Versions of a type on one page; characters of a schema and of an example, and examples and attributes of a version.
VERSIONS, SCHEMA, EXAMPLE, EXAMPLES, ATTRIBUTES = 5, 40_000, 10_000, 3, 50
FRESH = {"Cache-Control": "public, max-age=60", "X-Content-Type-Options": "nosniff"}


@dataclass(frozen=True, kw_only=True)
class PublicType:
    """A type in the list."""

    id: UUID
    entry: CatalogueEntry
    category: str


@dataclass(frozen=True, kw_only=True)
class ReadableVersion:
    """A version with its schema as people read it."""

    of: DescribedVersion
    tree: Sequence[SchemaLine]
    schema: str
    examples: Sequence[str]
    #: Of each its name, whether it is required, and what it has to be.
    attributes: Sequence[tuple[str, bool, str]]


async def listed(request: Request) -> Response:
    """GET /docs/events"""
    services = services_of(request)
    if not services.settings.public_catalogue:
        return RedirectResponse(DASHBOARD, 303)
    groups = directory.grouped(await _every(services), lambda each: each.entry)
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
    _, offset = reading.paging(request, default=VERSIONS, most=VERSIONS)
    versions, following = page(await services.public_types.versions(entry.type, VERSIONS + 1, offset), offset)
    category = str(catalogue.category(entry.type, prefix=services.ground.type_prefix))
    return _answer(_page("event_type.html", entry=entry, category=category, versions=versions, following=following))


def page(found: Sequence[DescribedVersion], offset: int) -> tuple[list[ReadableVersion], int | None]:
    """Of one version more than a page has: what the page shows, and where the next begins."""
    following = offset + VERSIONS if len(found) > VERSIONS else None
    return [readable(each) for each in found[:VERSIONS]], following


def readable(version: DescribedVersion) -> ReadableVersion:
    """A version as pages show it."""
    return ReadableVersion(
        of=version,
        tree=[] if version.schema is None else lines(version.schema),
        schema="" if version.schema is None else _json(version.schema, SCHEMA),
        examples=[_json(each, EXAMPLE) for each in version.examples[:EXAMPLES]],
        attributes=[_attribute(rule) for rule in version.attributes[:ATTRIBUTES]],
    )


def _attribute(rule: Mapping[str, Any]) -> tuple[str, bool, str]:
    said = rule.get("const") or rule.get("pattern") or ", ".join(map(str, (rule.get("enum") or [])[:50]))
    return cut(str(rule["name"]), SAID), bool(rule.get("required")), cut(str(said), SAID)


async def _every(services: Services) -> list[PublicType]:
    prefix = services.ground.type_prefix
    return [
        PublicType(id=id, entry=each, category=str(catalogue.category(each.type, prefix=prefix)))
        for id, each in (await services.public_types.every()).items()
    ]


def _page(template: str, **values: object) -> str:
    return reference.environment().get_template(template).render(**values)


def _answer(page: str) -> Response:
    policy = reference.policy_of(page)
    return Response(
        page, media_type="text/html", headers={**reference.HEADERS, **FRESH, "Content-Security-Policy": policy}
    )


def _json(value: object, most: int) -> str:
    """Indented, and cut where it is too long; what is long already is not indented first."""
    text = msgspec.json.encode(value)
    return cut(
        (msgspec.json.format(text, indent=2) if len(text) <= most else text[: 4 * most]).decode(errors="ignore"), most
    )

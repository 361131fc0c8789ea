"""What a Query asks for: applications, and what they have registered."""

from collections.abc import Mapping
from typing import Any

from service.graphql import paging, shapes
from service.graphql.asking import Asking
from service.graphql.paging import Shape
from service.graphql.texts import identifier
from subscriptions.ground.errors import Absent

Given = Mapping[str, Any]


async def applications(asking: Asking, given: Given) -> Shape:
    """applications(first, after)"""
    return await _page(asking, given, asking.by)


async def applications_for_runtime(asking: Asking, given: Given) -> Shape:
    """applicationsForRuntime(runtimeID, first, after): a runtime's id is that of a webhook; raises Absent."""
    wanted = identifier(given["runtimeID"], "Runtime")
    try:
        hook = await asking.services.webhook_lifecycle.find(asking.by, wanted)
    except Absent as error:
        raise Absent("Runtime", str(wanted), hint="its id is that of a webhook") from error
    return await _page(asking, given, hook.workspace_id)


async def _page(asking: Asking, given: Given, workspace_id: str | None) -> Shape:
    first, offset = paging.asked(given)
    found, total = await asking.services.applications.page(workspace_id=workspace_id, limit=first, offset=offset)
    return paging.page([shapes.application(each, asking) for each in found], asking.turn, offset=offset, total=total)


async def application(asking: Asking, given: Given) -> Shape | None:
    """application(id): null where there is none"""
    try:
        wanted = identifier(given["id"], "Application")
        return shapes.application(await asking.services.applications.find(wanted, by=asking.by), asking)
    except Absent:
        return None


async def events_for_application(asking: Asking, given: Given) -> Shape:
    """eventsForApplication(appID, first, after); raises Absent."""
    found = await asking.services.applications.find(identifier(given["appID"], "Application"), by=asking.by)
    return await shapes.api_page(found, asking, given, shapes.of_2020)

"""What a Mutation does: applications, and what they register. Each is answered with what it made, or what is gone."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any
from uuid import UUID

from service.graphql import inputs, shapes
from service.graphql.asking import Asking
from service.graphql.paging import Shape
from service.graphql.texts import identifier
from subscriptions.catalogue.api_drafts import EventApiChange, EventApiDraft
from subscriptions.catalogue.api_rows import EventApi
from subscriptions.catalogue.applications import ApplicationChange, RegisteredApplication
from subscriptions.ground.database import repeating
from subscriptions.ground.errors import HooklakeError, Refused

log = logging.getLogger("hooklake.service")

Given = Mapping[str, Any]
Shown = Callable[..., Shape]


async def create_application(asking: Asking, given: Given) -> Shape:
    """createApplication(in): where one of its event APIs is refused, what was made before it is taken back"""
    wanted = given["in"]
    drafts = inputs.made_with(wanted)
    asking.register(len(drafts))
    draft = inputs.application(wanted, asking.by or asking.known.workspace_id)
    urls = asking.services.event_urls
    # Its webhook is told when all is there: what is taken back has told nobody.
    made = await repeating(urls.register)(replace(draft, webhook=None) if drafts else draft, by=asking.by)
    kept: list[EventApi] = []
    try:
        for at, each in enumerate(drafts):
            kept.append(await _registered(asking, made, each, subject=f"in.eventAPIs[{at}]"))
        if drafts and draft.webhook is not None:
            made = await repeating(urls.change)(made.id, ApplicationChange(webhook=draft.webhook), by=asking.by)
    except HooklakeError:
        await _unmake(asking, made, kept)
        raise
    _done("application.registered", made.id, asking)
    return shapes.application(made, asking)


async def _unmake(asking: Asking, made: RegisteredApplication, kept: list[EventApi]) -> None:
    for each in reversed(kept):
        await asking.services.event_apis.remove(each.id, force=True, by=made.workspace_id, now=asking.services.clock())
    await asking.services.applications.remove(made.id, force=True, by=asking.by)


async def update_application(asking: Asking, given: Given) -> Shape:
    """updateApplication(id, in): its name is for good; raises Absent, Refused."""
    wanted = given["in"]
    standing = await asking.services.applications.find(identifier(given["id"], "Application"), by=asking.by)
    change = inputs.application_change(wanted, standing.name)
    changed = await repeating(asking.services.event_urls.change)(standing.id, change, by=asking.by)
    _done("application.changed", changed.id, asking)
    return shapes.application(changed, asking)


async def delete_application(asking: Asking, given: Given) -> Shape:
    """deleteApplication(id, force)"""
    wanted = identifier(given["id"], "Application")
    gone = await repeating(asking.services.applications.remove)(wanted, force=bool(given.get("force")), by=asking.by)
    _done("application.removed", gone.id, asking)
    return shapes.application(gone, asking)


async def add_of_2019(asking: Asking, given: Given) -> Shape:
    """addEventAPI(applicationID, in)"""
    return await _add(asking, given["applicationID"], inputs.draft_of_2019(given["in"]), shapes.of_2019)


async def add_of_2020(asking: Asking, given: Given) -> Shape:
    """addEventDefinitionToApplication(appID, in)"""
    return await _add(asking, given["appID"], inputs.draft_of_2020(given["in"]), shapes.of_2020)


async def _add(asking: Asking, application: str, draft: EventApiDraft, shape: Shown) -> Shape:
    asking.register(1)
    found = await asking.services.applications.find(identifier(application, "Application"), by=asking.by)
    return shape(await _registered(asking, found, draft))


async def _registered(
    asking: Asking, of: RegisteredApplication, draft: EventApiDraft, *, subject: str = "in"
) -> EventApi:
    """The application's, whoever registers it."""
    services = asking.services
    try:
        made = await repeating(services.document_fetcher.register)(
            replace(draft, application=of.name), by=of.workspace_id
        )
    except Refused as refused:
        raise inputs.placed(refused, subject) from refused
    _done("event_api.registered", made.id, asking)
    return made


async def update_of_2019(asking: Asking, given: Given) -> Shape:
    """updateEventAPI(id, in, force)"""
    return await _update(asking, given, inputs.change_of_2019(given["in"]), shapes.of_2019)


async def update_of_2020(asking: Asking, given: Given) -> Shape:
    """updateEventDefinitionForApplication(id, in, force)"""
    return await _update(asking, given, inputs.change_of_2020(given["in"]), shapes.of_2020)


async def _update(asking: Asking, given: Given, change: EventApiChange, shape: Shown) -> Shape:
    services, wanted = asking.services, identifier(given["id"], "Event API")
    change = replace(change, force=bool(given.get("force")))
    try:
        changed = await repeating(services.document_fetcher.change)(wanted, change, by=asking.by)
    except Refused as refused:
        raise inputs.placed(refused, "in") from refused
    _done("event_api.changed", wanted, asking)
    return shape(changed)


async def delete_of_2019(asking: Asking, given: Given) -> Shape:
    """deleteEventAPI(id, force)"""
    return await _delete(asking, given, shapes.of_2019)


async def delete_of_2020(asking: Asking, given: Given) -> Shape:
    """deleteEventDefinition(id, force)"""
    return await _delete(asking, given, shapes.of_2020)


async def _delete(asking: Asking, given: Given, shape: Shown) -> Shape:
    services, wanted = asking.services, identifier(given["id"], "Event API")
    gone = await services.event_apis.find(wanted)
    # Before it is gone; whether it is asked for is seen when it is answered.
    text = (await services.application_apis.documents([wanted])).get(wanted, b"")
    force = bool(given.get("force"))
    await repeating(services.event_apis.remove)(wanted, force=force, by=asking.by, now=services.clock())
    _done("event_api.removed", wanted, asking)
    return shape(gone, text.decode())


async def refetch(asking: Asking, given: Given) -> Shape:
    """refetchEventAPISpec(eventID), refetchEventDefinitionSpec(eventID): its status tells where nothing came"""
    wanted = identifier(given["eventID"], "Event API")
    fetched = await repeating(asking.services.document_fetcher.refetch)(wanted, by=asking.by)
    _done("event_api.fetched", wanted, asking)
    return shapes.spec(fetched)


def _done(what: str, key: UUID, asking: Asking) -> None:
    asking.changed()
    known = asking.known
    log.info("%s id=%s workspace=%s by=%s", what, key, known.workspace_id, known.client_id)

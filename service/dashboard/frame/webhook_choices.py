"""Webhooks as a filter offers them: by name, where there are few; where there are many, whoever types one finds it by its name.

What a filter finds is left to the lists.
"""

from urllib.parse import urlencode
from uuid import UUID

from starlette.requests import Request

from service.dashboard.frame import visitors
from service.services import services_of
from subscriptions.ground.errors import Issue, Refused
from subscriptions.webhooks.webhook_list import Sort, WebhookQuery

#: The query's parameter.
NAME = "webhookId"
#: Webhooks that one can choose from by name, and that are looked through for a name.
CHOICE, LOOKED = 50, 500
#: Characters of a workspace beside a name.
BEGINNING = 8


async def choices(request: Request) -> list[tuple[str, str]]:
    """Id and name of each; none where there are many. Where all workspaces are shown, with the beginning of its own."""
    workspace = visitors.visitor(request).workspace(request)
    page = await services_of(request).webhook_lifecycle.listed(
        WebhookQuery(workspace_id=workspace, sort=Sort.NAME, limit=CHOICE + 1)
    )
    named = [
        (str(each.id), each.name if workspace else f"{each.name} ({each.workspace_id[:BEGINNING]}…)")
        for each in page.webhooks
    ]
    asked = request.query_params.get(NAME, "")
    known = not asked or any(asked == id for id, _ in named)
    return [("", "Any"), *named] if named and known and len(named) <= CHOICE else []


async def by_id(request: Request) -> str:
    """The path of the same page by the webhook's id, where it was asked for by its name; empty where it was not.

    Raises Refused for a name that no webhook or several have.
    """
    asked = request.query_params.get(NAME, "").strip()
    if not asked or _is_id(asked):
        return ""
    query = WebhookQuery(
        workspace_id=visitors.visitor(request).workspace(request), search=asked[:100], sort=Sort.NAME, limit=LOOKED
    )
    found = await services_of(request).webhook_lifecycle.listed(query)
    named = [each for each in found.webhooks if each.name.casefold() == asked.casefold()]
    if len(named) != 1:
        said = (
            "is the name of several webhooks: choose a workspace, or give the id"
            if named
            else "is the name or the id of none"
        )
        raise Refused(Issue(subject=NAME, description=f"{said}: {asked[:100]!r}", source="query.parameter"))
    pairs = [(name, value) for name, value in request.query_params.multi_items() if name not in (NAME, "after")]
    return f"{request.url.path}?{urlencode([*pairs, (NAME, str(named[0].id))])}"


def _is_id(text: str) -> bool:
    try:
        UUID(text)
    except ValueError:
        return False
    return True

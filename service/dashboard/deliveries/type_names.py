"""Event types that a form offers by name: those that webhooks of the workspace have subscribed to.

Which types there are, and what each is, is left to the catalogue's pages.
"""

from starlette.requests import Request

from service.dashboard.frame import visitors
from service.services import services_of

#: Names that are offered.
MOST = 200


async def offered(request: Request) -> list[str]:
    """By name; of the catalogue, where all workspaces are looked at."""
    workspace, services = visitors.visitor(request).workspace(request), services_of(request)
    if workspace is not None:
        return await services.subscription_store.types(workspace, limit=MOST)
    entries, _ = await services.types.page(limit=MOST, offset=0)
    return [each.type for each in entries]

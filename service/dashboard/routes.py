"""Every page on one screen: its path, what draws it, and the permission that it asks for.

What the pages show is left to their modules.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from starlette.routing import BaseRoute, Route

from service.auth import Handler, Permission
from service.dashboard import assets, refusals
from service.dashboard.endpoints import Open, PageEndpoint


@dataclass(frozen=True)
class PageRoute:
    """One method of one path."""

    method: str
    path: str
    handler: Handler
    #: None: whoever is signed in.
    permission: Permission | None


#: For whoever is signed in and has the permission.
PAGES: Sequence[PageRoute] = ()

#: For everybody: what pages load, and how one gets in.
OPEN: Sequence[tuple[str, str, Handler]] = (("GET", assets.PREFIX + "/{digest}/{name:path}", assets.served),)


def routes(pages: Sequence[PageRoute] = PAGES) -> list[BaseRoute]:
    """The table as Starlette takes it: one route per path, and the last for all paths that there are not."""
    paths: dict[str, dict[str, tuple[Handler, Permission | None] | Open]] = {}
    for page in pages:
        paths.setdefault(page.path, {})[page.method] = (page.handler, page.permission)
    for method, path, handler in OPEN:
        paths.setdefault(path, {})[method] = Open(handler=handler)
    paths["/dashboard/{rest:path}"] = {method: Open(handler=refusals.missing) for method in ("GET", "POST")}
    return [Route(path, PageEndpoint(handlers)) for path, handlers in paths.items()]

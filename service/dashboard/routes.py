"""Every page on one screen: its path, what draws it, and the permission that it asks for.

What the pages show is left to their modules.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from starlette.routing import BaseRoute, Route

from service.auth import Handler, Permission
from service.dashboard import assets, finding, openid_pages, people, refusals, sessions, signing_in
from service.dashboard.endpoints import Open, PageEndpoint
from service.dashboard.visitors import SIGN_IN


@dataclass(frozen=True)
class PageRoute:
    """One method of one path."""

    method: str
    path: str
    handler: Handler
    #: None: whoever is signed in.
    permission: Permission | None


#: For whoever is signed in and has the permission.
PAGES: Sequence[PageRoute] = (
    PageRoute("GET", finding.PATH, finding.found, None),
    PageRoute("POST", signing_in.SIGN_OUT, signing_in.signed_out, None),
    PageRoute("GET", sessions.PATH, sessions.listed, None),
    PageRoute("POST", sessions.PATH + "/others/end", sessions.others_ended, None),
    PageRoute("POST", sessions.PATH + "/password", sessions.password_set, None),
    PageRoute("POST", sessions.PATH + "/{id}/end", sessions.ended, None),
    PageRoute("GET", people.PATH, people.listed, Permission.MANAGE_PEOPLE),
    PageRoute("POST", people.PATH, people.added, Permission.MANAGE_PEOPLE),
    PageRoute("GET", people.PATH + "/{id}", people.shown, Permission.MANAGE_PEOPLE),
    PageRoute("POST", people.PATH + "/{id}/roles", people.roles_set, Permission.MANAGE_PEOPLE),
    PageRoute("POST", people.PATH + "/{id}/link", people.linked, Permission.MANAGE_PEOPLE),
    PageRoute("POST", people.PATH + "/{id}/remove", people.removed, Permission.MANAGE_PEOPLE),
)

#: For everybody: what pages load, and how one gets in.
OPEN: Sequence[tuple[str, str, Handler]] = (
    ("GET", assets.PREFIX + "/{digest}/{name:path}", assets.served),
    ("GET", SIGN_IN, signing_in.page),
    ("POST", SIGN_IN, signing_in.signed_in),
    ("GET", openid_pages.PATH, openid_pages.begun),
    ("GET", openid_pages.ANSWERED, openid_pages.answered),
)


def routes(pages: Sequence[PageRoute] = PAGES) -> list[BaseRoute]:
    """The table as Starlette takes it: one route per path, and the last for all paths that there are not."""
    paths: dict[str, dict[str, tuple[Handler, Permission | None] | Open]] = {}
    for page in pages:
        paths.setdefault(page.path, {})[page.method] = (page.handler, page.permission)
    for method, path, handler in OPEN:
        paths.setdefault(path, {})[method] = Open(handler=handler)
    paths["/dashboard/{rest:path}"] = {method: Open(handler=refusals.missing) for method in ("GET", "POST")}
    return [Route(path, PageEndpoint(handlers)) for path, handlers in paths.items()]

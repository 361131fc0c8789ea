"""The dashboard's sections, in the order of the side navigation; one is shown to whoever may open its page.

Which pages there are is left to `routes.py`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from starlette.requests import Request
from starlette.routing import Route

from service import auth
from service.auth import Permission
from service.dashboard.frame.visitors import Visitor


@dataclass(frozen=True, kw_only=True)
class Section:
    """One entry."""

    title: str
    path: str
    #: Its symbol in `static/icons.svg`, and the key that leads there behind a `g`.
    icon: str
    key: str


SECTIONS: Sequence[Section] = (
    Section(title="Overview", path="/dashboard", icon="overview", key="o"),
    Section(title="Issues", path="/dashboard/issues", icon="issues", key="i"),
    Section(title="Webhooks", path="/dashboard/webhooks", icon="webhooks", key="w"),
    Section(title="Deliveries", path="/dashboard/deliveries", icon="deliveries", key="d"),
    Section(title="Events", path="/dashboard/events", icon="events", key="e"),
    Section(title="Replays", path="/dashboard/replays", icon="replays", key="r"),
    Section(title="Catalogue", path="/dashboard/catalogue", icon="catalogue", key="c"),
    Section(title="Audit log", path="/dashboard/audit", icon="audit", key="a"),
    Section(title="People", path="/dashboard/people", icon="people", key="p"),
)


def shown(request: Request, visitor: Visitor) -> list[Section]:
    """The sections whose page there is and the visitor may open."""
    asked = permissions(request)
    return [
        each
        for each in SECTIONS
        if each.path in asked and ((needed := asked[each.path]) is None or auth.may(visitor.caller, needed))
    ]


def home(request: Request, visitor: Visitor) -> Section:
    """Where the visitor begins: the first section that they may open, which is the overview for whoever may read webhooks."""
    return next(iter(shown(request, visitor)), SECTIONS[0])


def permissions(request: Request) -> Mapping[str, Permission | None]:
    """What reading each page asks for, by its path (None: any visitor); `endpoints.py` has it on its endpoints."""
    state = request.app.state
    if not hasattr(state, "asked"):
        # Once an application: its routes stay as they are.
        pages = {route.path: getattr(route.app, "asks", {}) for route in request.app.routes if isinstance(route, Route)}
        state.asked = {path: asks["GET"] for path, asks in pages.items() if "GET" in asks}
    found: Mapping[str, Permission | None] = state.asked
    return found


def current(path: str, sections: Sequence[Section]) -> str:
    """The path of the section that a page belongs to; empty: to none."""
    within = [each.path for each in sections if path == each.path or path.startswith(each.path + "/")]
    # `/dashboard` begins every path, and is the section of its own page alone.
    return max((each for each in within if each != "/dashboard" or path == each), key=len, default="")

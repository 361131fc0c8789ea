"""What is to be sent again is chosen in a form, counted, and confirmed: three steps that work without a script.

The fields are those of the API's query and body; what they mean is left to `delivery/upkeep/replays.py`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TypeVar
from urllib.parse import parse_qsl, urlencode
from uuid import UUID

from msgspec import structs
from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import Response

from delivery.delivery_filter import DeliveryFilter, DeliveryId
from delivery.lifecycle import State
from delivery.upkeep.replays import COUNTED, DryRun, ReplayRequest
from service import auth
from service.api import replays as api
from service.dashboard.deliveries import delivery_list, replays, type_names
from service.dashboard.frame import forms, visitors
from service.dashboard.frame.list_queries import PRESETS
from service.dashboard.frame.rendering import redirect, render
from service.dashboard.frame.visitors import Visitor
from service.services import Services, services_of
from subscriptions.ground.errors import Absent, Issue, Refused
from subscriptions.webhooks.webhook_list import Sort, WebhookQuery

NEW = replays.PATH + "/new"
#: Webhooks that one can choose from by name.
CHOICE = 200
#: Characters of the query of the list that a selection comes from.
LONGEST = 4096
#: The fields, in the order of the form; those that are repeated where there are several.
REPEATED = ("webhookId", "state", "statusClass", "type", "id")
SINGLE = ("kind", "since", "until", "endedSince", "reason", "ratePerSecond", "workspaceId")
KINDS = (("lost", "Past deliveries"), ("missing", "Events never owed: the webhook came later"))
STATES = (
    (State.FAILED, "Failed: given up after all its attempts"),
    (State.EXPIRED, "Expired: kept too long for a webhook that could not be sent to"),
    (State.CANCELLED, "Cancelled by hand"),
    (State.OWED, "Waiting to be tried again"),
    (State.DELIVERED, "Delivered: the receiver gets it once more"),
)
#: What the search for deliveries may be narrowed by, and no replay is.
SEARCHED = {
    "status": "an HTTP status",
    "eventId": "an event's id",
    "source": "a source",
    "tag": "a publisher's attribute",
    "text": "a text in data",
}
#: Where a refusal of the door belongs in the form.
FIELDS = {
    "types": "type",
    "statusClasses": "statusClass",
    "filter.states": "state",
    "ids": "id",
    "webhookIds": "webhookId",
}

#: What is meant where no state is chosen.
GIVEN_UP = frozenset({State.FAILED, State.EXPIRED})

T = TypeVar("T")
#: States in which a delivery needs no replay.
WITHOUT = (State.PARKED, State.COLLECTING, State.BUNDLED)

Values = dict[str, list[str]]


@dataclass(kw_only=True)
class ReplayChoice:
    """What the form says."""

    values: Values
    #: By field.
    errors: dict[str, str] = field(default_factory=dict)
    request: ReplayRequest | None = None
    counted: DryRun | None = None
    #: The place behind what was counted; empty: it is all.
    following: str = ""
    #: Where nothing was found to have been given up: what of it is still tried again.
    retrying: DryRun | None = None

    def one(self, name: str) -> str:
        """The only value of a field; empty where there is none."""
        return next(iter(self.values.get(name, ())), "")

    def query(self, **instead: str | int) -> str:
        """All of it as a query, with these in the place of those of the same name."""
        kept = [(name, each) for name, each in self.hidden() if name not in instead]
        return urlencode([*kept, *instead.items()])

    def hidden(self) -> Sequence[tuple[str, str]]:
        """All of it, to be sent along."""
        return [(name, each) for name, given in self.values.items() for each in given]


async def page(request: Request) -> Response:
    """GET /dashboard/replays/new: with anything chosen it is counted, and can be confirmed"""
    visitor, services = visitors.visitor(request), services_of(request)
    listed = request.query_params.get("from")
    if listed is not None and not request.query_params.get("id"):
        # The list as it was: nothing of it was chosen.
        kept = urlencode(parse_qsl(listed[:LONGEST]))
        path = f"{delivery_list.PATH}?{kept}" if kept else delivery_list.PATH
        return redirect(path, said="Choose deliveries first: tick those that are to be sent again.", good=False)
    choice = ReplayChoice(values=_values(_searched(request.query_params, services.clock()).getlist))
    beyond = [words for name, words in SEARCHED.items() if request.query_params.get(name)]
    if beyond:
        said = f"No replay can be narrowed by {' or '.join(beyond)}: this one is not. Select deliveries in the list instead."
        choice.errors["filter"] = said
    if choice.values:
        await _count(services, visitor, request, choice)
    return await _form(request, visitor, choice)


async def created(request: Request) -> Response:
    """POST /dashboard/replays: leads to the replay"""
    visitor, services = visitors.visitor(request), services_of(request)
    choice = ReplayChoice(values=_values((await forms.read(request)).every))
    asked = await _understood(services, visitor, request, choice)
    if asked is not None:
        try:
            made = await api.ask(services, visitor.caller, asked)
        except (Refused, Absent) as error:
            _refused(choice, error)
        else:
            return redirect(
                replays.path_of(request, made.id), said="It has begun: what is found is sent again at its rate."
            )
    return await _form(request, visitor, choice, status=400)


async def _count(services: Services, visitor: Visitor, request: Request, choice: ReplayChoice) -> None:
    asked = await _understood(services, visitor, request, choice)
    if asked is None:
        return
    try:
        counted = await api.count(services, visitor.caller, asked, request.query_params.get("after", ""))
        choice.following = api.next_of(services, visitor.caller, counted) or ""
        choice.counted = replace(counted, count=counted.count + _before(request.query_params))
        nothing = not choice.counted.count and not choice.counted.more
        if nothing and not asked.missing and GIVEN_UP.issuperset(asked.wanted.states):
            waiting = structs.replace(asked.wanted, states=(State.OWED,), ended_since=None)
            choice.retrying = await api.count(services, visitor.caller, replace(asked, wanted=waiting))
    except (Refused, Absent) as error:
        _refused(choice, error)


async def _form(request: Request, visitor: Visitor, choice: ReplayChoice, status: int = 200) -> Response:
    services = services_of(request)
    workspace = visitor.workspace(request)
    query = WebhookQuery(workspace_id=workspace, sort=Sort.NAME, limit=CHOICE)
    webhooks = await services.webhook_lifecycle.listed(query)
    chosen = set(choice.values.get("webhookId", ()))
    options = [("", "Every webhook"), *((str(each.id), each.name) for each in webhooks.webhooks)]
    options += [(each, each) for each in chosen - {value for value, _ in options}]
    counted, asked = choice.counted, choice.request
    rate = None if asked is None else services.replays.rate(asked)
    return render(
        request,
        "replays/new.html",
        status,
        choice=choice,
        counted=counted,
        most=COUNTED,
        rate=rate,
        fastest=services.replays.fastest,
        seconds=counted.count / rate if counted and rate else None,
        kinds=KINDS,
        types=[each for each in await type_names.offered(request) if each not in choice.values.get("type", ())],
        states=STATES,
        classes=tuple(replays.CLASSES.items()),
        webhooks=options,
        chosen=choice.values.get("id", []),
        # An operator who has not narrowed to a workspace says which it is.
        names_workspace=auth.scope(visitor.caller) is None and workspace is None,
    )


async def _understood(
    services: Services, visitor: Visitor, request: Request, choice: ReplayChoice
) -> ReplayRequest | None:
    """The request that the form spells; None with errors by field."""
    wanted = DeliveryFilter(
        webhooks=tuple(_each(choice, "webhookId", UUID, "is no webhook's id")),
        states=tuple(_each(choice, "state", State, "is no state of a delivery")),
        status_classes=tuple(_each(choice, "statusClass", int, "is no class of answers")),
        types=tuple(choice.values.get("type", ())),
        since=_moment(choice, "since"),
        until=_moment(choice, "until"),
        ended_since=_moment(choice, "endedSince"),
        reason=choice.one("reason"),
        ids=tuple(_each(choice, "id", DeliveryId.parse, "is no delivery's id")),
    )
    per_second = next(iter(_each(choice, "ratePerSecond", float, "has to be a number")), None)
    workspace = await _workspace(services, visitor, request, choice, wanted) if not choice.errors else ""
    if choice.errors:
        return None
    missing = choice.one("kind") == "missing"
    choice.request = ReplayRequest(workspace_id=workspace, wanted=wanted, missing=missing, per_second=per_second)
    return choice.request


async def _workspace(
    services: Services, visitor: Visitor, request: Request, choice: ReplayChoice, wanted: DeliveryFilter
) -> str:
    """Whose deliveries: the visitor's own, the one that an operator has chosen, or that of the webhook that is named."""
    known = visitor.workspace(request) or choice.one("workspaceId")
    named = [*wanted.webhooks, *(each.webhook for each in wanted.ids)]
    if not known and named:
        try:
            known = (await services.webhook_lifecycle.find(None, named[0])).workspace_id
        except Absent:
            choice.errors["webhookId"] = "There is no such webhook."
    elif not known:
        choice.errors["workspaceId"] = "Say which workspace: a replay is of one."
    return known


def _searched(query: QueryParams, now: datetime) -> QueryParams:
    """The query of a search for deliveries as this form has it; what waits for its webhook or batch is sent without a replay."""
    pairs = [("type" if name == "eventType" else name, value) for name, value in query.multi_items()]
    sent = [value for name, value in pairs if name == "state" and value in WITHOUT]
    if len(sent) < len(query.getlist("state")):
        pairs = [(name, value) for name, value in pairs if name != "state" or value not in WITHOUT]
    preset = PRESETS.get(query.get("last", ""))
    if preset is not None and not query.get("since"):
        pairs.append(("since", (now - preset[0]).strftime("%Y-%m-%dT%H:%M")))
    return QueryParams(pairs)


def _before(query: QueryParams) -> int:
    """How many the counts before this one came to, as its link has it."""
    text = query.get("counted", "") if query.get("after") else ""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= len(str(COUNTED)) + 2 else 0


def _values(every: Callable[[str], Sequence[str]]) -> Values:
    """What is filled in, by field."""
    found = {name: [each.strip() for each in every(name) if each.strip()] for name in (*REPEATED, *SINGLE)}
    # Several may be typed, or pasted, at once.
    found["type"] = [part for each in found["type"] for part in each.replace(",", " ").split()]
    return {name: given if name in REPEATED else given[:1] for name, given in found.items() if given}


def _each(choice: ReplayChoice, name: str, read: Callable[[str], T], said: str) -> list[T]:
    found = []
    for text in choice.values.get(name, ()):
        try:
            found.append(read(text))
        except ValueError:
            choice.errors[name] = f"{text[:60]} {said}."
    return found


def _moment(choice: ReplayChoice, name: str) -> datetime | None:
    """As a browser's field gives it, which is meant in UTC, or as the API takes it."""
    text = choice.one(name)
    try:
        found = datetime.fromisoformat(text) if text else None
    except ValueError:
        choice.errors[name] = "Is no moment: write 2026-11-28T14:30."
        return None
    if found is None:
        return None
    found = found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
    # As a browser's field takes it.
    choice.values[name] = [found.replace(tzinfo=None).isoformat()]
    return found


def _refused(choice: ReplayChoice, error: Refused | Absent) -> None:
    issues = error.issues if isinstance(error, Refused) else [Issue(subject="webhookId", description=str(error))]
    for each in issues:
        said = each.description[:1].upper() + each.description[1:]
        choice.errors.setdefault(FIELDS.get(each.subject, each.subject), said.rstrip(".") + ".")

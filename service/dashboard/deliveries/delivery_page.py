"""One delivery: how it stands and why, its life line, each attempt to the letter, and what can be done with it.

What is read of it is left to `delivery/reports/one_delivery.py`, moving it to `delivery/upkeep/by_hand.py`.
"""

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime

from starlette.requests import Request
from starlette.responses import Response

from delivery.delivery_filter import DeliveryId
from delivery.lifecycle import State, final
from delivery.reports.one_delivery import OneAttempt, OneDelivery
from delivery.reports.waiting import WaitCause
from delivery.upkeep import by_hand
from delivery.upkeep.by_hand import HandResult
from delivery.wire.notes import WireNotes
from service import auth
from service.api import inspection
from service.api.inspection import Move
from service.auth import Permission
from service.dashboard.deliveries.delivery_list import PATH
from service.dashboard.frame import payloads, visitors, wording
from service.dashboard.frame.rendering import redirect, render
from service.dashboard.frame.visitors import NAME
from service.services import services_of
from subscriptions.ground.errors import Refused

ONE = PATH + "/{event}/{webhook}/{round}"

#: What is said on the next page.
SAID = {
    HandResult.SUBMITTED: "It is due now, and is sent as soon as its turn comes.",
    HandResult.UNDERWAY: "An attempt is under way: nothing was changed.",
    HandResult.WAITING: "It is kept, and goes out once the webhook may be sent to.",
    HandResult.CANCELLED: "It is cancelled, and not sent.",
}
#: The steps of an attempt in their order: the field of the notes, and what it is called.
STEPS = (
    ("waited", "Waited for room"),
    ("looked_up", "Name look-up"),
    ("connected", "Connect"),
    ("secured", "TLS"),
    ("answered", "First byte"),
)

Knot = tuple[datetime | None, str, str, str]


async def shown(request: Request) -> Response:
    """GET /dashboard/deliveries/{event}/{webhook}/{round}"""
    return await _page(request, _id(request))


def moving(move: Move) -> Callable[[Request], Awaitable[Response]]:
    """POST /dashboard/deliveries/{event}/{webhook}/{round}/retry, .../resend or .../cancel"""

    async def moved(request: Request) -> Response:
        id, visitor = _id(request), visitors.visitor(request)
        try:
            done = await inspection.act(services_of(request), visitor.caller, move, id)
        except Refused as error:
            said = error.issues[0].description
            return await _page(request, id, 409, refused=f"It {said}.")
        return redirect(path_of(request, done.id), said=SAID[done.result], of=done.id.event)

    return moved


retry, resend, cancel = moving("retry"), moving("resend"), moving("cancel")


def path_of(request: Request, id: DeliveryId) -> str:
    """The page of a delivery, within the workspace that is chosen."""
    chosen = request.query_params.get(NAME, "")
    return f"{PATH}/{id.event}/{id.webhook}/{id.round}" + (f"?{NAME}={chosen}" if chosen else "")


def _id(request: Request) -> DeliveryId:
    """Raises Absent for what is no id."""
    return by_hand.parse(".".join(request.path_params[part] for part in ("event", "webhook", "round")))


async def _page(request: Request, id: DeliveryId, status: int = 200, *, refused: str = "") -> Response:
    services, visitor = services_of(request), visitors.visitor(request)
    one = await inspection.details(services, visitor.caller, id, visitor.workspace(request))
    operator = auth.scope(visitor.caller) is None
    newest = one.rounds[0].id if one.rounds else one.id
    moves = auth.may(visitor.caller, Permission.UPDATE_WEBHOOKS) and newest == one.id and not one.deleted
    ended = final(one.state)
    return render(
        request,
        "deliveries/one.html",
        status,
        one=one,
        refused=refused,
        own=f"{PATH}/{id.event}/{id.webhook}/{id.round}",
        newest=newest if newest != one.id else None,
        may={
            "retry": moves and one.state in (State.OWED, State.PARKED, State.FAILED, State.CANCELLED, State.EXPIRED),
            "resend": moves and one.state is State.DELIVERED,
            "cancel": moves and not ended and one.state is not State.BUNDLED,
        },
        line=life_line(one),
        attempts=[_attempt(one, each, operator=operator) for each in reversed(one.attempts)],
        payload=_payload(one),
    )


def _payload(one: OneDelivery) -> dict[str, str]:
    """What is sent, what it is, and what it is made of where that is something else."""
    if one.body is None:
        return {}
    newest = one.attempts[-1] if one.attempts else None
    sent, label = payloads.sent_body(one.id.event, one.body, newest, one.content_mode)
    return {
        "pretty": payloads.laid_out(sent),
        "raw": sent.decode(errors="replace"),
        "label": label,
        "kept": payloads.laid_out(one.body) if sent != one.body else "",
    }


def life_line(one: OneDelivery) -> list[Knot]:
    """What happened in its order, and last what comes next."""
    line: list[Knot] = [(one.accepted_at, "Batch closed" if one.members is not None else "Event accepted", "", "ok")]
    if one.id.round:
        line.append((None, f"Sent again, the {one.id.round}. time", "", "idle"))
    for each in one.attempts:
        tone = "ok" if each.success else "warn" if each is not one.attempts[-1] or not final(one.state) else "bad"
        took = f"after {wording.duration(each.milliseconds / 1000)}"
        line.append(
            (each.started_at, f"Attempt {each.number}", f"{each.reason}, {took}" if each.reason else took, tone)
        )
    if final(one.state) and one.state is not State.DELIVERED:
        tone = "bad" if one.state is State.FAILED else "idle"
        said = one.reason if not one.attempts or one.attempts[-1].reason != one.reason else ""
        line.append((one.ended_at, str(one.state).capitalize(), said, tone))
    elif one.state is State.DELIVERED:
        line.append((one.ended_at, "Delivered", "", "ok"))
    elif one.wait is not None:
        # What failed stands above it already.
        why = "It is tried again by itself." if one.wait.cause is WaitCause.RETRY else one.wait.text
        line.append((one.wait.until, "Next", why, "next"))
    return line


def _attempt(one: OneDelivery, tried: OneAttempt, *, operator: bool) -> dict[str, object]:
    """What the template shows of an attempt."""
    wire = tried.wire
    url = one.destination if wire is None else wire.url
    body = payloads.body_of(one.id.event, one.body, tried)
    return {
        "tried": tried,
        "url": url,
        "peer": inspection.peer(wire, operator=operator),
        "bar": _bar(wire, tried.milliseconds),
        "answer": payloads.laid_out(tried.response_body),
        "curl": payloads.curl(url, body, tried),
        "fixture": payloads.fixture(url, body, tried) if one.body is not None else "",
    }


def _bar(wire: WireNotes | None, milliseconds: int) -> Sequence[tuple[str, float, float, float]]:
    """Of each step that was taken its name, its seconds, and where it begins and how wide it is of a thousand."""
    if wire is None:
        return []
    steps = [(words, getattr(wire, name)) for name, words in STEPS]
    # That there was room at once is worth no word.
    taken = [
        (words, micros) for words, micros in steps if micros is not None and (micros > 500 or words != STEPS[0][1])
    ]
    rest = milliseconds * 1000 - sum(micros for _, micros in taken)
    if taken and rest > 0 and wire.answered is not None:
        taken.append(("Rest of the answer", rest))
    whole = sum(micros for _, micros in taken) or 1
    at, bar = 0.0, []
    for words, micros in taken:
        width = micros / whole * 1000
        bar.append((words, micros / 1e6, round(at, 1), round(max(width, 2.0), 1)))
        at += width
    return bar

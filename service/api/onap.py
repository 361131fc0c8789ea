"""Publishing in ONAP's legacy envelope, whose fields stand in the body or in headers of the same names.

How an envelope becomes a CloudEvent is left to `subscriptions/events/onap.py`; what follows is every publication's.
"""

import re
from collections.abc import Sequence
from functools import partial
from uuid import UUID

from msgspec import structs
from starlette.requests import Request
from starlette.responses import Response

from service import auth
from service.api import events, long_work, reading
from service.server import pieces
from service.services import Services, services_of
from subscriptions.access.access_tokens import Caller
from subscriptions.events import cloudevent, occurrences, onap, onap_reading
from subscriptions.events.event import Event
from subscriptions.events.onap import FoldedEvent
from subscriptions.ground import event_keys
from subscriptions.ground.errors import Refused

PATH = "/events/v1beta1/onap"
_FORM = frozenset({onap.FORM, onap.TIME})
#: What an event's id and payload are called by those who know nothing of its envelope.
_CALLED = re.compile(r"(?:\[(\d+)\]\.)?(id|data)(?=[/.]|\Z)")


async def publish(request: Request) -> Response:
    """POST /events/v1beta1/onap: one envelope, or an array of them that is taken whole or not at all."""
    services, caller = services_of(request), auth.caller(request)
    body = await reading.body(request, services.settings.publish_body_bytes)
    shared = onap_reading.in_headers(request.headers.items())
    limit, longest, turn = (
        services.settings.publish_items,
        events.longest_of(services),
        partial(long_work.turn, request),
    )
    folded = await pieces.taken(onap.each(shared, body, limit=limit, longest=longest), turn)
    many, now = occurrences.several(body), services.clock()
    makes = (
        (len(one.event.data.text) if one.event.data else 0, partial(_event, one, caller, services, key))
        for one, key in zip(folded, event_keys.rising(now, len(folded)), strict=True)
    )
    try:
        made = await pieces.taken(events.made_in_turn(makes, many), turn)
        return await events.published(request, made, "eventType", many, now)
    except Refused as refused:
        raise events.renamed(refused, partial(_in_envelope, folded)) from None


def _event(folded: FoldedEvent, caller: Caller, services: Services, key: UUID) -> Event:
    made = cloudevent.event_of(
        folded.named(str(key)),
        key=key,
        workspace_id=caller.workspace_id,
        max_event_bytes=services.ground.max_event_bytes,
    )
    # How it was spelt is no part of what it says.
    return structs.replace(made, given_id=folded.given_id, added=_FORM)


def _in_envelope(folded: Sequence[FoldedEvent], subject: str) -> str:
    """What is wrong with the id or the data is wrong with the members that hold them."""
    match = _CALLED.match(subject)
    if match is None:
        return subject
    place, name, rest = (f"[{match[1]}]." if match[1] else ""), match[2], subject[match.end() :]
    if name == "id":
        return f"{place}eventId{rest}"
    payload = folded[int(match[1] or 0)].payload
    # Of several members the first step leads into one of them.
    return place + (payload[0] + rest if len(payload) == 1 else rest.lstrip("/") or payload[0])

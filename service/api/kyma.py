"""Kyma's publishing, answered as its publisher proxy answers: CloudEvents at /publish and under an application's name, legacy
events, and which of them somebody has subscribed to.

How refusals are worded is left to `kyma_answers.py`, what a legacy event says to `subscriptions/events/legacy_events.py`.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from functools import partial
from uuid import UUID

from msgspec import structs
from starlette.requests import Request
from starlette.responses import Response

from delivery.publishing.receipts import Receipt
from service import auth
from service.api import events, kyma_answers, reading, writing
from service.api.catalogue import ITSELF, tell
from service.auth import Handler
from service.services import services_of
from subscriptions.events import attributes, catalogue, cloudevent, http_binding, legacy_events
from subscriptions.events.catalogue import Category
from subscriptions.events.cloudevent import CloudEvent
from subscriptions.events.event import Event
from subscriptions.ground import event_keys
from subscriptions.ground.audit import ActorKind
from subscriptions.ground.errors import Conflicting, Forbidden, Issue, LimitReached, Malformed, Refused, TooLarge

APPLICATION = "/{application}"
PUBLISH = "/publish"
EVENTS, EVENTS_V2 = APPLICATION + "/events", APPLICATION + "/v2/events"
LEGACY = APPLICATION + "/v1/events"
SUBSCRIBED = LEGACY + "/subscribed"
#: How each path says what it refuses.
FORMS: Mapping[str, Callable[[Handler], Handler]] = {
    **dict.fromkeys((PUBLISH, EVENTS, EVENTS_V2), kyma_answers.in_words),
    LEGACY: kyma_answers.as_legacy,
    SUBSCRIBED: kyma_answers.as_code,
}
#: Where the whole of what a workspace publishes is taken at once.
BATCHES = "/events/v1beta1/cloudevents"
#: Event types of one answer; the names of what a publisher sends are far fewer.
SUBSCRIBED_TYPES = 10_000
#: Headers of a request that its event keeps, as Kyma's proxy keeps them; `tracestate` it leaves.
_TRACING = {
    b"traceparent": "traceparent",
    b"x-b3-traceid": "b3traceid",
    b"x-b3-parentspanid": "b3parentspanid",
    b"x-b3-spanid": "b3spanid",
    b"x-b3-sampled": "b3sampled",
    b"x-b3-flags": "b3flags",
}
#: All that may be added.
_ADDED = frozenset({"originaltype", *_TRACING.values()})


async def publish(request: Request) -> Response:
    """POST /publish, /{application}/events, /{application}/v2/events: 204 for one CloudEvent, structured or binary.

    Its source stays its own, also where the path names an application.
    """
    services = services_of(request)
    body = await reading.body(request, services.ground.max_event_bytes)
    if request.headers.get("content-type", "").strip().lower().startswith("application/cloudevents-batch"):
        said = f"names a batch, and one event is taken here; POST {BATCHES} takes many"
        raise Refused(Issue(subject="Content-Type", description=said, source="header"))
    [(_, relayed)] = http_binding.each(request.headers.items(), body, limit=1)
    now = services.clock()
    _, headers = await _taken(request, _event(request, relayed, event_keys.new(now)), now)
    return Response(status_code=204, headers=headers)


async def publish_legacy(request: Request) -> Response:
    """POST /{application}/v1/events: 200 with the event's id, which is made here where the publisher gave none."""
    services = services_of(request)
    body = await reading.body(request, services.ground.max_event_bytes)
    if not body:
        raise Malformed(Issue(subject="", description="Bad payload syntax"))
    now = services.clock()
    key = event_keys.new(now)
    read = legacy_events.read(body, application=request.path_params["application"], id_made=str(key))
    try:
        event = structs.replace(_event(request, read.event, key), given_id=read.given_id)
        receipt, headers = await _taken(request, event, now)
    except (Conflicting, Forbidden, LimitReached, TooLarge):
        raise
    except Refused as refused:
        raise legacy_events.named(refused) from None
    return writing.json({"event-id": receipt.id, "status": "", "reason": ""}, headers=headers)


async def subscribed(request: Request) -> Response:
    """GET /{application}/v1/events/subscribed: the types that webhooks of the workspace have subscribed to.

    A subscription here asks for a type from whatever source, so that all applications are told the same.
    """
    services, prefix = services_of(request), services_of(request).ground.type_prefix
    found = await services.subscription_store.types(auth.caller(request).workspace_id, limit=SUBSCRIBED_TYPES)
    # What begins with our prefix has its version elsewhere, and no legacy event is of it.
    foreign = (each for each in found if catalogue.category(each, prefix=prefix) is Category.FOREIGN)
    parts = (each.rpartition(".") for each in foreign)
    return writing.json({"eventsInfo": [{"name": name, "version": version} for name, _, version in parts if name]})


def _event(request: Request, relayed: CloudEvent, key: UUID) -> Event:
    """The event that is kept, with what Kyma's proxy adds to it, as far as there is room; what it has of that itself stays."""
    limit = services_of(request).ground.max_event_bytes
    workspace = auth.caller(request).workspace_id
    made = partial(cloudevent.event_of, key=key, workspace_id=workspace, max_event_bytes=limit)
    plain = made(relayed)
    added = {name: value for name, value in _added(request, relayed.type).items() if name not in relayed.attributes}
    wider = {**relayed.attributes, **added}
    if attributes.number_fault(wider, attributes.CORE):
        return plain
    try:
        whole = made(replace(relayed, attributes=wider))
    except TooLarge:
        # Without them it is an event that may be.
        return plain
    # Who publishes again does so in another span: it is the same event all the same.
    return structs.replace(whole, digest=plain.digest, added=_ADDED.difference(relayed.attributes))


def _added(request: Request, event_type: str) -> dict[str, attributes.Value]:
    """The type as it was published, which is not cleaned here, and the trace that the request is part of."""
    added: dict[str, attributes.Value] = {"originaltype": event_type}
    for header, text in request.scope["headers"]:
        if (name := _TRACING.get(header)) is not None:
            value = text.decode("latin-1").strip()
            if value and not attributes.value_fault(name, value):
                added.setdefault(name, value)
    return added


async def _taken(request: Request, event: Event, now: datetime) -> tuple[Receipt, dict[str, str] | None]:
    """The event's receipt, and headers; its type joins the catalogue where it is not there."""
    services, known = services_of(request), auth.caller(request)
    if catalogue.reserved(event.type, prefix=services.ground.type_prefix):
        raise Refused(Issue(subject="type", description=f"{event.type} is a type that {ITSELF}"))
    if await services.types.unknown((event.type,)):
        # It is the caller's change, and is counted as one.
        with auth.serving(request, known, ActorKind.CLIENT):
            if await services.published_types.make(event.type, by=known.workspace_id, now=now):
                tell("published", event.type, request)
        await services.types.unknown((event.type,))
    [receipt], headers = await events.kept(request, [event], now, many=False)
    return receipt, headers

"""Publishing: occurrences and CloudEvents come in, receipts go out.

What makes an event of them is left to `subscriptions`, keeping and sending it to the intake; what became of one, to
`event_traces.py`.
"""

import dataclasses
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import partial
from uuid import UUID

from msgspec import structs
from starlette.requests import Request
from starlette.responses import Response

from delivery.publishing.receipts import Receipt
from service import auth
from service.answers import AUDIENCE
from service.api import long_work, reading, writing, wrong_types
from service.api.workspaces import NAME, UNKNOWN
from service.server import pieces
from service.services import Services, services_of
from subscriptions.access.access_tokens import Caller
from subscriptions.catalogue import deprecation
from subscriptions.catalogue.judging import LongJudgement
from subscriptions.events import attributes, cloudevent, http_binding, occurrences
from subscriptions.events.cloudevent import CloudEvent
from subscriptions.events.event import Event, Occurrence, typed
from subscriptions.ground import event_keys
from subscriptions.ground.audience import STAYS, Audience
from subscriptions.ground.errors import Forbidden, Issue, Refused, Unprocessable

#: What is counted for an event with more deliveries than its publication writes, until they are counted themselves.
SPREAD = 500

#: How much longer than its event may be what an event is made of: an escape has three times the bytes of its character at
#: most, six of an ASCII one.
SPELT_OUT = 8


async def publish_occurrences(request: Request) -> Response:
    """POST /events/v1beta1/occurrences: one occurrence, or an array of them that is taken whole or not at all."""
    services, caller = services_of(request), auth.caller(request)
    body = await reading.body(request, services.settings.publish_body_bytes)
    many = occurrences.several(body)
    if many:
        turn = partial(long_work.turn, request)
        read = await pieces.taken(
            occurrences.each(body, limit=services.settings.publish_items, longest=longest_of(services)), turn
        )
        now = services.clock()
        makes = (
            (len(one.data), partial(_typed, one, caller, services, key, now))
            for one, key in zip(read, event_keys.rising(now, len(read)), strict=True)
        )
        made = await pieces.taken(made_in_turn(makes, many), turn)
    else:
        occurrence, now = occurrences.one(body, longest=longest_of(services)), services.clock()
        made = [_typed(occurrence, caller, services, event_keys.new(now), now)]
    if strange := {event.workspace_id for event in made} - {caller.workspace_id}:
        _refuse(made, dict.fromkeys(await services.workspaces.unknown(strange), UNKNOWN), "workspace_id", NAME, many)
    return await published(request, made, "event", many, now)


async def publish_cloudevents(request: Request) -> Response:
    """POST /events/v1beta1/cloudevents: structured, binary or batch mode, by Content-Type; kept as received."""
    services, caller = services_of(request), auth.caller(request)
    body = await reading.body(request, services.settings.publish_body_bytes)
    limit, longest, turn = services.settings.publish_items, longest_of(services), partial(long_work.turn, request)
    relayed = await pieces.taken(http_binding.each(request.headers.items(), body, limit=limit, longest=longest), turn)
    content_type = request.headers.get("content-type", "").strip().lower()
    many = content_type.startswith("application/cloudevents-batch")
    now = services.clock()
    makes = (
        (len(one.data.text) if one.data else 0, partial(_relayed, one, caller, services, key))
        for one, key in zip(relayed, event_keys.rising(now, len(relayed)), strict=True)
    )
    made = await pieces.taken(made_in_turn(makes, many), turn)
    return await published(request, made, "type", many, now)


def longest_of(services: Services) -> int:
    """Bytes of an event as it may be sent: white space and escapes make it longer than it is."""
    return SPELT_OUT * services.ground.max_event_bytes


def made_in_turn(makes: Iterable[tuple[int, Callable[[], Event]]], many: bool) -> Iterator[tuple[int, Event]]:
    """Events as they are made, with the bytes of their data; raises what refuses one, naming its place in the array."""
    for index, (size, make) in enumerate(makes):
        try:
            yield size, make()
        except Refused as refused:
            raise _at(index, refused, many) from None


def _typed(occurrence: Occurrence, caller: Caller, services: Services, key: UUID, now: datetime) -> Event:
    if occurrence.workspace_id is None:
        occurrence = structs.replace(occurrence, workspace_id=caller.workspace_id)
    elif occurrence.workspace_id != caller.workspace_id and not caller.any_workspace:
        description = "is not the workspace of the token, and this client may not publish for another one"
        raise Forbidden(Issue(subject="workspaceId", description=description))
    return typed(
        occurrence,
        key=key,
        accepted_at=now,
        naming=services.naming,
        max_event_bytes=services.ground.max_event_bytes,
    )


def _relayed(relayed: CloudEvent, caller: Caller, services: Services, key: UUID) -> Event:
    return cloudevent.event_of(
        relayed,
        key=key,
        workspace_id=caller.workspace_id,
        max_event_bytes=services.ground.max_event_bytes,
    )


async def published(request: Request, made: Sequence[Event], field: str, many: bool, now: datetime) -> Response:
    """202 with a receipt each, after the commit; `field` is what names the type in the request."""
    services = services_of(request)
    _refuse(made, await wrong_types.found(services, {event.type for event in made}), "type", field, many)
    receipts, headers = await kept(request, made, now, many=many)
    known = [receipt.key for receipt in receipts if receipt.duplicate]
    before = await services.traces.matched(known) if known else {}
    shown = [receipt_shown(receipt, before) for receipt in receipts]
    return writing.json(shown if many else shown[0], 202, headers)


async def kept(
    request: Request, made: Sequence[Event], now: datetime, *, many: bool
) -> tuple[list[Receipt], dict[str, str] | None]:
    """Receipts of events whose types are known, and headers, as `accept`; raises as it does, and Unprocessable for what a schema
    rejects. `many`: a refusal names an event's place in the array."""
    services = services_of(request)
    if services.types.judged:
        await _fitting(request, made, many)
    if services.types.deprecated:
        types, limit = services.types, services.ground.max_event_bytes
        made = deprecation.mark(made, types.deprecated, types.binds, limit=limit)
    try:
        return await accept(services, made, now, request.scope.get(AUDIENCE, STAYS))
    except Refused as refused:
        # The intake names indices; a body that is no array has none.
        raise refused if many else renamed(refused, lambda subject: subject.removeprefix("[0].")) from None


async def _fitting(request: Request, made: Sequence[Event], many: bool) -> None:
    """Raises Unprocessable naming what does not fit the schemas of types that say `reject`; what only warns is counted."""
    services = services_of(request)
    judged = services.types.judged
    await services.judge.know({event.type for event in made} & judged.keys())
    begun = await pieces.taken(
        services.judge.each(made, judged, services.types.binds), partial(long_work.turn, request)
    )
    # What takes long is judged beside this process, one event after another: callers take turns.
    found = [await services.judge.long(each) if isinstance(each, LongJudgement) else each for each in begun]
    issues = [
        Issue(subject=f"[{index}].data{fault.pointer}" if many else f"data{fault.pointer}", description=fault.message)
        for index, faults in enumerate(found)
        for fault in faults
    ]
    if issues:
        raise Unprocessable(*issues[: attributes.MOST_FAULTS])


async def accept(
    services: Services, made: Sequence[Event], now: datetime, audience: Audience
) -> tuple[list[Receipt], dict[str, str] | None]:
    """Receipts, after the commit, and the headers that tell of the workspace's minute; raises TooSoon, TooMany and as
    `Intake.publish` does."""
    headers = None
    wanted = {made[0].workspace_id: 1} if len(made) == 1 else Counter(event.workspace_id for event in made)
    if services.debts is not None:
        services.debts.admit(wanted)
    if services.publish_quota is not None and made:
        standing = await services.publish_quota.take(wanted, now)
        headers = standing.headers() if standing is not None else None
    receipts = await services.intake.publish(made, audience) if made else []
    if services.debts is not None:
        services.debts.grew(_written(made, receipts))
    return receipts, headers


def _written(made: Sequence[Event], receipts: Sequence[Receipt]) -> dict[str, int]:
    """How many deliveries of each workspace were written with them."""
    written: dict[str, int] = {}
    for event, receipt in zip(made, receipts, strict=True):
        matched = receipt.matched
        if matched is None:
            matched = 0 if receipt.duplicate else SPREAD
        written[event.workspace_id] = written.get(event.workspace_id, 0) + matched
    return written


def _refuse(made: Sequence[Event], wrong: Mapping[str, str], what: str, field: str, many: bool) -> None:
    """Raises Refused naming each event whose attribute `what` is one of the wrong ones; `field` is what the request calls it."""
    if wrong:
        raise Refused(
            *(
                Issue(subject=f"[{index}].{field}" if many else field, description=wrong[getattr(event, what)])
                for index, event in enumerate(made)
                if getattr(event, what) in wrong
            )
        )


def _at(index: int, refused: Refused, many: bool) -> Refused:
    """The refusal of one item, naming its place in the array."""
    return renamed(refused, lambda subject: f"[{index}].{subject}") if many else refused


def renamed(refused: Refused, name: Callable[[str], str]) -> Refused:
    """The same refusal, its subjects as `name` has them."""
    return type(refused)(*(dataclasses.replace(issue, subject=name(issue.subject)) for issue in refused.issues))


def receipt_shown(receipt: Receipt, before: Mapping[UUID, int]) -> dict[str, object]:
    """`matched` is null while there are too many webhooks to be known; `before` tells it of duplicates."""
    return {
        "id": receipt.id,
        "messageId": receipt.key,
        "source": receipt.source,
        "type": receipt.type,
        "acceptedAt": writing.moment(receipt.accepted_at),
        "duplicate": receipt.duplicate,
        "matched": before.get(receipt.key) if receipt.duplicate else receipt.matched,
    }

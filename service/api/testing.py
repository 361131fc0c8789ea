"""Test events over HTTP: to one webhook alone, or published to all who have subscribed.

What such an event says is left to `subscriptions/events/samples.py`, keeping and sending it to the tester and the intake.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from delivery.publishing.event_tester import SentTest, TryOut
from delivery.publishing.receipts import Receipt
from service import auth
from service.answers import AUDIENCE
from service.api import events, reading, webhooks, workspaces, writing
from service.auth import Permission
from service.services import Services, services_of
from subscriptions.access.access_tokens import Caller
from subscriptions.catalogue.builtin import shipped
from subscriptions.catalogue.described_types import DescribedVersion
from subscriptions.events import catalogue, samples
from subscriptions.events.samples import SampleType
from subscriptions.ground import event_keys
from subscriptions.ground.audience import STAYS, Audience
from subscriptions.ground.errors import Forbidden, Issue, Refused

log = logging.getLogger("hooklake.service")

#: Versions of a type among which an example is looked for.
NEWEST = 10


class TryOutInput(msgspec.Struct, forbid_unknown_fields=True, rename="camel", frozen=True, kw_only=True):
    """What a webhook is tried with; `data` stands in the place of what is made up."""

    event_type: str
    data: msgspec.Raw = msgspec.Raw()


class BroadcastInput(TryOutInput, forbid_unknown_fields=True, rename="camel", frozen=True, kw_only=True):
    """A test event for all who have subscribed to its type."""

    workspace_id: str | None = None


@dataclass(frozen=True, kw_only=True)
class Broadcast:
    """A test event for all of a workspace who have subscribed."""

    event_type: str
    #: None: the caller's own.
    workspace_id: str | None = None
    #: JSON in the place of what is made up.
    data: bytes | None = None


async def to_one(request: Request) -> Response:
    """`POST /events/v1beta1/webhooks/{id}/test`: 202 once it is kept for good"""
    wanted = reading.identifier(request, "id", "Webhook")
    given = reading.decode(await reading.body(request), TryOutInput)
    asked = TryOut(webhook=wanted, event_type=given.event_type, data=_data(given))
    sent = await send(services_of(request), auth.caller(request), asked)
    return writing.json(
        {
            "id": sent.event.id,
            "messageId": sent.event.key,
            "source": sent.event.source,
            "type": sent.event.type,
            "acceptedAt": writing.moment(sent.accepted_at),
            "state": sent.state,
            "webhook": {"resourceUri": f"{webhooks.PATH}/{sent.webhook}"},
        },
        202,
    )


async def to_all(request: Request) -> Response:
    """`POST /events/v1beta1/test-events`: 202 with a receipt, as for any publication"""
    given = reading.decode(await reading.body(request), BroadcastInput)
    caller = auth.caller(request)
    asked = Broadcast(event_type=given.event_type, workspace_id=given.workspace_id, data=_data(given))
    if asked.workspace_id is not None and asked.workspace_id != caller.workspace_id:
        await workspaces.check(request, asked.workspace_id)
    receipt = await publish(services_of(request), caller, asked, request.scope.get(AUDIENCE, STAYS))
    return writing.json(events.receipt_shown(receipt, {}), 202)


async def send(services: Services, caller: Caller, asked: TryOut) -> SentTest:
    """One event to one webhook of those that the caller sees, counted as a publication of its workspace.

    Raises Forbidden, Absent, Refused for a type that is not in the catalogue or for what breaks a rule, TooSoon, TooMany.
    """
    auth.require(caller, Permission.UPDATE_WEBHOOKS)
    await _check_type(services, asked.event_type)
    if asked.data is None:
        asked = replace(asked, data=await _described(services, asked.event_type))
    workspace = (await services.event_tester.webhook(auth.scope(caller), asked.webhook)).workspace_id
    if services.debts is not None:
        services.debts.admit([workspace])
    if services.publish_quota is not None:
        await services.publish_quota.take({workspace: 1}, services.clock())
    sent = await services.event_tester.send(auth.scope(caller), asked)
    if services.debts is not None:
        services.debts.grew({workspace: 1})
    log.info(
        "webhook.tested webhook=%s type=%r event=%s by=%s",
        sent.webhook,
        sent.event.type,
        sent.event.key,
        caller.client_id,
    )
    return sent


async def publish(services: Services, caller: Caller, asked: Broadcast, audience: Audience = STAYS) -> Receipt:
    """One event to all of a workspace who have subscribed to its type; raises as `send` does."""
    auth.require(caller, Permission.TEST_EVENTS)
    workspace = asked.workspace_id or caller.workspace_id
    if workspace != caller.workspace_id and not (caller.any_workspace or auth.scope(caller) is None):
        description = "is not the workspace of the token, and this client may not publish for another one"
        raise Forbidden(Issue(subject="workspaceId", description=description))
    await _check_type(services, asked.event_type)
    data = await _described(services, asked.event_type) if asked.data is None else asked.data
    now = services.clock()
    of = SampleType(
        type=asked.event_type, workspace_id=workspace, naming=services.naming, most=services.ground.max_event_bytes
    )
    made = samples.made(of, key=event_keys.new(now), now=now, data=data)
    [receipt], _ = await events.accept(services, [made], now, audience)
    log.info("event.tested type=%r event=%s workspace=%s by=%s", made.type, receipt.key, workspace, caller.client_id)
    return receipt


async def _described(services: Services, event_type: str) -> bytes | None:
    """Data that somebody gave as an example of the type; None: there are none, or only this service makes such events."""
    if catalogue.reserved(event_type, prefix=services.ground.type_prefix):
        return None
    return shown_data(await services.described_types.newest(event_type, NEWEST))


def shown_data(versions: Sequence[DescribedVersion]) -> bytes | None:
    """The first example of the newest version that is not deprecated, or of its schema, as JSON; None where there is none."""
    current = [each for each in versions if not each.deprecated] or versions
    examples = [example for each in current for example in each.examples or _of_schema(each.schema)]
    return msgspec.json.encode(examples[0]) if examples else None


def _of_schema(schema: object) -> list[object]:
    """What a schema has as `examples`, as far as data can be that: it was held to them when it was given."""
    listed = schema.get("examples") if isinstance(schema, dict) else None
    return [each for each in listed if isinstance(each, dict | list)] if isinstance(listed, list) else []


async def _check_type(services: Services, event_type: str) -> None:
    """Raises Refused for a type that is not in the catalogue, or was retired."""
    if not await services.types.unknown({event_type}):
        return
    gone = await services.types.retired({event_type})
    said = (
        shipped.known_elsewhere(event_type[:200], prefix=services.ground.type_prefix)
        or f"event type {event_type[:200]} is not in the catalogue (GET /events/v1beta1/event-types)"
    )
    said = gone.get(event_type, said)
    raise Refused(Issue(subject="eventType", description=said))


def _data(given: TryOutInput) -> bytes | None:
    text = bytes(given.data)
    return None if text in (b"", b"null") else text

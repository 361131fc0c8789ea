"""Test events: events of a type with made-up data, to be looked at in the catalogue and to try a webhook with.

Each says so in the extension attribute `testevent`. Whom they are sent to is left to `delivery/publishing/event_tester.py`.
"""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID, uuid5

import msgspec

from subscriptions.events import attributes, catalogue, cloudevent, event, json_text
from subscriptions.events.catalogue import Category, EventType
from subscriptions.events.cloudevent import Data, RequestPlace
from subscriptions.events.event import Event, Naming, Occurrence
from subscriptions.ground.errors import Issue, Refused

#: The extension attribute by which receivers know a test event.
MARK = "testevent"
#: What ids in made-up data follow from, so that the same type always shows the same ones.
_SPACE = UUID("6f2c7a52-6a1b-5d43-9d1e-0d6f1c2b7e11")
_ITSELF = "is a type that this service sends itself: nobody else makes an event of it, not even to try a webhook"

_ISSUE: dict[str, object] = {
    "id": "01a222ac-2220-707f-954d-f9ee92ea0aa7",
    "type": "events/issue",
    "resourceUri": "/events/v1beta1/issues/01a222ac-2220-707f-954d-f9ee92ea0aa7",
    "kind": "delivery-failure",
    "summary": "214 attempts for billing failed: 503 Service Unavailable.",
    "remedy": "Look at the newest answer and mend the destination. What waits is tried again by itself.",
    "cause": "503 Service Unavailable",
    "reason": "503 Service Unavailable",
    "httpResponseCode": 503,
    "failedAttempts": 214,
    "deliveriesGivenUp": 0,
    "webhook": {"resourceUri": "/events/v1beta1/webhooks/1b1e0f0a-3c1d-4a5c-9a4e-5f4d7c2b9e10"},
}

#: What GreenLake's documentation shows, by the type without its prefix.
_CAPTURED: dict[str, dict[str, object]] = {
    "audit-log.v1.logs.created": {
        "id": "uJoQ5JMB_HAPiq2sSllt",
        "user": {"username": "ada@example.com"},
        "workspace": {"id": "3009de2825f211ec8a84fedebcb4a754", "workspace_name": None, "workspace_type": None},
        "application": {"id": "00000000-0000-0000-0000-000000000000"},
        "category": "user_management",
        "description": "User ada@example.com logged out",
        "created_at": 1734698093161,
        "updated_at": 1734698093161,
        "additional_info": {"ip_address": "203.0.113.5", "account_name": "Example", "ip_address_str": "203.0.113.5"},
        "has_details": False,
    },
    "subscriptions.v1.expiring-subscriptions": {
        "key": "OFKIAASTEST168IZ",
        "expirydate": "10/25/2024",
        "sku": "S0B80AAE",
        "licensetier": "ENHANCED PROLIANT",
        "quantity": 500,
        "username": "Example Inc.",
        "subscriptionendinsecs": 1729848600,
        "subscriptiontype": "Compute Subscription",
        "producttype": "DEVICE",
        "platformcustomerid": "22e7e552184511ef88e9cacb36fa7032",
        "devices": [],
    },
    catalogue.DELIVERY_FAILED[1:]: {
        "id": "1b1e0f0a-3c1d-4a5c-9a4e-5f4d7c2b9e10",
        "type": "events/webhook",
        "resourceUri": "/events/v1beta1/webhooks/1b1e0f0a-3c1d-4a5c-9a4e-5f4d7c2b9e10",
        "failureId": "01933b3e-6f00-7000-8000-000000000001",
        "event": {"id": "server-1", "type": "com.hpe.greenlake.compute-ops.v1.servers.rebooted"},
        "attempts": 20,
        "httpResponseCode": 503,
        "reason": "the destination answered 503 Service Unavailable",
    },
    catalogue.ISSUE_OPENED[1:]: _ISSUE,
    catalogue.ISSUE_RESOLVED[1:]: _ISSUE,
}
#: Types that only this service sends, and that a webhook can be tried with, in made-up data.
_TRIED = (catalogue.DELIVERY_FAILED, catalogue.ISSUE_OPENED, catalogue.ISSUE_RESOLVED)


@dataclass(frozen=True, kw_only=True)
class SampleType:
    """The type of a test event, and who sends it."""

    #: Any that can stand in the catalogue.
    type: str
    #: The workspace whose event it is.
    workspace_id: str
    naming: Naming
    #: Bytes of the event as structured JSON.
    most: int = 65536


def sample(event_type: str, now: datetime, *, naming: Naming) -> bytes:
    """Made-up data of a type, as compact JSON: what is documented for it, else what its category asks for."""
    rest = event_type.removeprefix(naming.prefix + ".")
    known = _CAPTURED.get(rest) if rest != event_type else None
    return msgspec.json.encode(
        _made_up(catalogue.entry(event_type, prefix=naming.prefix), now) if known is None else known
    )


def outline(event_type: str, *, naming: Naming) -> dict[str, object]:
    """What a type's category promises of its data, as JSON Schema: all that is known where nobody has described them."""
    category = catalogue.category(event_type, prefix=naming.prefix)
    if category is Category.FOREIGN:
        return {}
    if category is not Category.RESOURCE:
        return {"type": ["object", "array"]}
    identified: dict[str, object] = {"id": {"type": "string"}, "type": {"type": "string"}}
    if event_type.endswith(".deleted"):
        return {"type": "object", "required": ["id", "type"], "properties": identified}
    return {"type": "object"}


def made(of: SampleType, *, key: UUID, now: datetime, data: bytes | None = None) -> Event:
    """The test event of a type; `data` is JSON in the place of what is made up.

    Raises Refused for a type that only this service sends, and what breaks a rule of the type's category; Malformed for data
    that are no JSON; TooLarge.
    """
    prefix = of.naming.prefix
    if catalogue.reserved(of.type, prefix=prefix) and not (of.type.removeprefix(prefix) in _TRIED and data is None):
        raise Refused(Issue(subject="eventType", description=f"{of.type[:200]} {_ITSELF}"))
    text = sample(of.type, now, naming=of.naming) if data is None else json_text.compact(data, root="data")
    parts = catalogue.parse(of.type, prefix=prefix)
    if parts is None:
        return _relayed(of, key, now, text)
    if text[:1] not in b"{[":
        raise Refused(Issue(subject="data", description="must be an object or an array"))
    occurrence = Occurrence(
        api_group=parts.api_group,
        api_version=parts.version,
        resource_collection=parts.resource_collection,
        event=parts.event,
        data=text,
        workspace_id=of.workspace_id,
        extensions={MARK: True},
        digest=event.digest(text),
    )
    return event.typed(occurrence, key=key, accepted_at=now, naming=of.naming, max_event_bytes=of.most)


def _relayed(of: SampleType, key: UUID, now: datetime, text: bytes) -> Event:
    """A type of another prefix: a CloudEvent as somebody else would make it."""
    members = {
        "specversion": "1.0",
        "id": str(key),
        "source": f"//global.{of.naming.host}/{catalogue.OURS}",
        "type": of.type,
        "subject": of.workspace_id,
        "datacontenttype": "application/json",
        "time": attributes.timestamp(now),
        MARK: True,
    }
    relayed = cloudevent.vetted(members, Data(member="data", text=text), place=RequestPlace())
    return cloudevent.event_of(relayed, key=key, workspace_id=of.workspace_id, max_event_bytes=of.most)


def _made_up(entry: EventType, now: datetime) -> dict[str, object]:
    if entry.category in (Category.NON_RESOURCE, Category.FOREIGN):
        return {"message": f"A test event: {entry.friendly_name}"}
    noun = (entry.resource_collection or "").rpartition(".")[2].removesuffix("s") or "resource"
    resource: dict[str, object] = {"id": str(uuid5(_SPACE, entry.type)), "type": f"{entry.api_group}/{noun}"}
    if entry.category is Category.RESOURCE and entry.event == "deleted":
        return resource
    stamp = attributes.timestamp(now)
    born = stamp if entry.event == "created" else "2026-01-01T00:00:00Z"
    return resource | {"name": f"example-{noun}", "generation": 1, "createdAt": born, "updatedAt": stamp}

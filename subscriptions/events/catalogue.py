"""The catalogue's rules: how an event type is spelled, what category it is of, and the types that GreenLake documents.

Which types a deployment has is a table's matter; what a category demands of an event is `event.py`'s.
"""

import re
import unicodedata
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

import msgspec

from subscriptions.events import attributes
from subscriptions.ground.errors import Issue, Refused

PREFIX = "com.hpe.greenlake"

#: GreenLake's own, and so far only, service manager.
SERVICE_MANAGER = "HPE GreenLake Platform"

#: The API group that is ours under every prefix: what asks for proofs and what tells of failed deliveries is sent by nobody else.
OURS = "events"
#: How the type of a challenge ends under every prefix: handlers sign what an event of such a type asks them to.
CHALLENGE = ".webhooks.verification"
#: How the type ends that tells of a delivery which was given up: giving one of those up is told to nobody.
AUDIT_LOG = ".audit-log.v1.logs.created"
DELIVERY_FAILED = ".events.v1beta1.webhooks.delivery-failed"
ISSUE_OPENED, ISSUE_RESOLVED = ".events.v1beta1.issues.opened", ".events.v1beta1.issues.resolved"

#: How GreenLake's documentation spells the prefix in places; on the wire nothing begins with it (greenlake.md 3.3).
_MISSPELT = ("hpe.greenlake.", "greenlake.hpe.")

_TOKEN = r"[a-z0-9]+(?:-[a-z0-9]+)*"
_VERSION = r"v[1-9][0-9]*(?:(?:alpha|beta)[1-9][0-9]*)?"
_RULES = {
    "apiGroup": (re.compile(rf"{_TOKEN}\Z"), "lower-case letters, digits and single hyphens, such as compute-ops"),
    "apiVersion": (re.compile(rf"{_VERSION}\Z"), "a version such as v1, v1beta1 or v2alpha2"),
    "resourceCollection": (
        re.compile(rf"{_TOKEN}(?:\.{_TOKEN})*\Z"),
        "lower-case letters, digits and single hyphens, dotted where nested, such as volumes.snapshots",
    ),
    "event": (re.compile(rf"{_TOKEN}\Z"), "lower-case letters, digits and single hyphens, such as created"),
}
#: What they are called where they are given.
PARTS = tuple(_RULES)
_PARTS = re.compile(rf"({_TOKEN})\.({_VERSION})\.(?:({_TOKEN}(?:\.{_TOKEN})*)\.)?({_TOKEN})\Z")


class Category(StrEnum):
    """The three categories of GreenLake's Events page, and the types that are only relayed."""

    #: created, updated or deleted, of a resource.
    RESOURCE = "resource"
    #: Any other event of a resource.
    CUSTOM = "custom"
    #: An event of no resource.
    NON_RESOURCE = "non-resource"
    #: A type with another prefix: taken and passed on as a CloudEvent.
    FOREIGN = "foreign"


class Parts(msgspec.Struct, frozen=True, kw_only=True):
    """What an event type is composed of."""

    #: Such as `compute-ops`.
    api_group: str
    #: Such as `v1beta1`.
    version: str
    #: Such as `volumes.snapshots`; None for an event of no resource.
    resource_collection: str | None
    #: Such as `created`.
    event: str


@dataclass(frozen=True, kw_only=True, slots=True)
class EventType:
    """A catalogue entry."""

    #: The whole type; the catalogue's key.
    type: str
    #: Empty where a foreign type was registered without one.
    api_group: str
    #: Empty for a foreign type, and so is `event`.
    version: str
    #: None for a non-resource or a foreign type.
    resource_collection: str | None
    event: str
    #: Follows from collection and event.
    category: Category
    #: What people read in a list; the type itself where nobody gave one.
    friendly_name: str
    #: May be empty.
    description: str
    #: Whose catalogue it stands in.
    service_manager: str = SERVICE_MANAGER


def category_of(event: str, collection: str | None) -> Category:
    """The category that follows from an event's name and its collection (None: no resource)."""
    if collection is None:
        return Category.NON_RESOURCE
    return Category.RESOURCE if event in ("created", "updated", "deleted") else Category.CUSTOM


def fault(part: str, text: str) -> str | None:
    """Why `text` cannot be the `apiGroup`, `apiVersion`, `resourceCollection` or `event` of a type, or None."""
    return None if len(text) <= attributes.MAX_TYPE and _spelt(part, text) else f"must be {_RULES[part][1]}"


# Producers repeat them from event to event.
@lru_cache(2048)
def _spelt(part: str, text: str) -> bool:
    return _RULES[part][0].match(text) is not None


def build(parts: Parts, *, prefix: str = PREFIX) -> str:
    """The event type of its parts: `<prefix>.<group>.<version>[.<collection>].<event>` (greenlake.md 3.3)."""
    middle = [] if parts.resource_collection is None else [parts.resource_collection]
    return ".".join([prefix, parts.api_group, parts.version, *middle, parts.event])


def parse(event_type: str, *, prefix: str = PREFIX) -> Parts | None:
    """The parts of an event type; None where it has another prefix or does not follow the grammar."""
    if not event_type.startswith(prefix + "."):
        return None
    match = _PARTS.match(event_type, len(prefix) + 1)
    if match is None:
        return None
    return Parts(api_group=match[1], version=match[2], resource_collection=match[3], event=match[4])


# Asked of each publication's types, which are few.
@lru_cache(1024)
def reserved(event_type: str, *, prefix: str = PREFIX) -> bool:
    """Whether nobody but this service may send events of the type, or say anything about it (greenlake.md 7.2).

    So is what comes to the same for handlers that lower a type's letters or strip it before they compare.
    """
    plain = event_type.casefold().strip()
    return plain.startswith(f"{prefix}.{OURS}.".casefold()) or plain.endswith(CHALLENGE)


def category(event_type: str, *, prefix: str = PREFIX) -> Category:
    """The category that follows from a type alone."""
    parts = parse(event_type, prefix=prefix)
    return Category.FOREIGN if parts is None else category_of(parts.event, parts.resource_collection)


def misspelt(event_type: str, *, prefix: str = PREFIX) -> str | None:
    """A sentence with the right spelling of a type that begins as GreenLake's documentation spells the prefix in places;
    None for any other type."""
    for wrong in _MISSPELT:
        if event_type[: len(wrong)].lower() == wrong and not event_type.startswith(prefix + "."):
            return f"{event_type[:200]} is spelled {prefix}.{event_type[len(wrong) : 200]}: types begin with {prefix}"
    return None


def unseen(name: str) -> str | None:
    """Why people might read another name than this is: its first control or format character (Unicode's Cc, Cf); or None."""
    found = next((each for each in name if unicodedata.category(each) in ("Cc", "Cf")), None)
    if found is None:
        return None
    return f"must not hold U+{ord(found):04X}: with control and format characters a name can look like another one"


def entry(
    event_type: str, *, friendly_name: str = "", description: str = "", prefix: str = PREFIX, api_group: str = ""
) -> EventType:
    """A catalogue entry for any type that a CloudEvent can carry; `api_group` serves foreign types alone.

    Raises Refused (subject `type`) where the type is no string of cloudevents.md C5, C9, has white space around it or an empty
    part between its dots, holds what nobody sees, ends with `/schema`, or begins with our prefix, in whatever case, and does
    not follow the grammar.
    """
    wrong = attributes.value_fault("type", event_type)
    parts = parse(event_type, prefix=prefix)
    # In another case, too: a name that looks like ours and is not could never be told apart from it by eye.
    if parts is None and not wrong and f"{event_type}.".lower().startswith(f"{prefix}.".lower()):
        wrong = f"must be {prefix}.<api group>.<version>[.<resource collection>].<event>"
    wrong = wrong or misspelt(event_type, prefix=prefix)
    if not wrong and event_type != event_type.strip():
        wrong = "must not begin or end with white space"
    wrong = wrong or unseen(event_type)
    if not wrong and event_type.endswith("/schema"):
        wrong = "must not end with /schema: that is where the schema of a type is found"
    if not wrong and "" in event_type.split("."):
        wrong = "must not have an empty part: two dots together, or one at an end"
    if wrong:
        raise Refused(Issue(subject="type", description=wrong))
    return EventType(
        type=event_type,
        api_group=parts.api_group if parts else api_group,
        version=parts.version if parts else "",
        resource_collection=parts.resource_collection if parts else None,
        event=parts.event if parts else "",
        category=category(event_type, prefix=prefix),
        friendly_name=friendly_name or event_type,
        description=description,
    )


_TRANSFER = "A service provision moves to another workspace; documented as not raised."
_SAMPLE = "A sample of GreenLake's documentation."
_EXAMPLE = "An example of GreenLake's documentation."

#: The types of greenlake.md 7.1 without their prefix, with friendly name and description; the last three are our own.
_DOCUMENTED = (
    ("audit-log.v1.logs.created", "Audit log created", "An audit log entry was written."),
    (
        "subscriptions.v1.expiring-subscriptions",
        "Expiring subscriptions",
        "A subscription expires in 1, 30, 60 or 90 days.",
    ),
    ("service-provision.v1.serviceprovision.provisioned", "Service provisioned", "A service was provisioned."),
    ("service-provision.v1.serviceprovision.unprovision", "Service unprovisioned", "A service was unprovisioned."),
    ("service-provision.v1.serviceprovision.workspace.transfer", "Service provision transferred", _TRANSFER),
    ("service-registry.v1.serviceoffer.onboarded", "Service offer onboarded", "A service offer was onboarded."),
    ("service-registry.v1.serviceoffer.delete", "Service offer deleted", "A service offer was deleted."),
    (
        "service-registry.v1.serviceofferregion.onboarded",
        "Service offer region onboarded",
        "A service offer was onboarded in a region.",
    ),
    (
        "service-registry.v1.serviceofferregion.delete",
        "Service offer region deleted",
        "A service offer was deleted in a region.",
    ),
    *((f"sample-publisher.v1beta1.sample-event{n}", f"Sample event {n}", _SAMPLE) for n in range(1, 5)),
    ("audit-logs.v1beta1.created", "Audit log created (sample)", _SAMPLE),
    ("data.v1.volumes.created", "Volume created", _SAMPLE),
    ("identity.v1.users.created", "User created", _SAMPLE),
    ("compute-ops.v1.servers.rebooted", "Server rebooted", _SAMPLE),
    ("data.v1.volumes.snapshots.updated", "Volume snapshot updated", _EXAMPLE),
    ("compute.v1.servers.rebooted", "Server rebooted (compute)", _EXAMPLE),
    ("data-services.v1.service-offline", "Service offline", _SAMPLE),
    ("workspaces.v1beta1.tenants.deleted", "Tenant deleted", _SAMPLE),
    ("devices.v2alpha2.devices.updated", "Device updated", _SAMPLE),
    (
        "events.v1beta1.webhooks.delivery-failed",
        "Webhook delivery failed",
        "The delivery of an event to a webhook was given up.",
    ),
    (ISSUE_OPENED[1:], "Issue opened", "Something about the deliveries of a workspace went wrong."),
    (ISSUE_RESOLVED[1:], "Issue resolved", "What was wrong about the deliveries of a workspace is over."),
)


def documented(prefix: str = PREFIX) -> tuple[EventType, ...]:
    """The documented types under a prefix: what a new catalogue is filled with."""
    return tuple(
        entry(f"{prefix}.{rest}", friendly_name=name, description=description, prefix=prefix)
        for rest, name, description in _DOCUMENTED
    )


DOCUMENTED = documented()

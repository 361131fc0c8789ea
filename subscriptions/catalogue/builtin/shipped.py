"""The shipped catalogues, read: their documents, their event types as catalogue entries, and their subscription sets.

Which of them a deployment has is a setting; keeping their types is left to `switching.py`.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cache
from importlib import resources

from subscriptions.catalogue.asyncapi import document, sources
from subscriptions.catalogue.asyncapi.described import DescribedEvent, EventApiDocument
from subscriptions.events import catalogue
from subscriptions.events.catalogue import EventType

#: Each catalogue's documents, one a version, and the service manager that its types of another prefix stand under.
CATALOGUES: Mapping[str, tuple[tuple[str, ...], str]] = {
    "greenlake": (("greenlake",), catalogue.SERVICE_MANAGER),
    "acm": (("acm",), "Open Cluster Management"),
    "onap": (("onap", "onap-v2"), "ONAP"),
}
_TYPE = re.compile(rb"^ +x-cloudevents-type: (\S+)$", re.MULTILINE)
#: What is said of a type that could be switched on.
_OFF = (
    "event type {type} is of the shipped catalogue `{name}`, which this deployment has not switched on; add that to "
    "HOOKLAKE_CATALOGUES, or register the type with POST /events/v1beta1/event-types"
)
#: Where a document says which sets there are.
_SETS = "x-hooklake-subscription-sets"


@dataclass(frozen=True, kw_only=True, slots=True)
class SubscriptionSet:
    """Event types that are subscribed to in one go, and count as one subscription."""

    #: Such as `acm.inventory`.
    name: str
    title: str
    description: str
    types: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class ShippedDocument:
    """A document, as it is shipped and as it is read."""

    #: Such as `onap-v2`.
    name: str
    text: bytes
    read: EventApiDocument


@dataclass(frozen=True, kw_only=True, slots=True)
class ShippedCatalogue:
    """A catalogue under the prefix of a deployment."""

    name: str
    documents: tuple[ShippedDocument, ...]
    #: Each type once.
    types: tuple[EventType, ...]
    sets: tuple[SubscriptionSet, ...]


@cache
def shipped(name: str, *, prefix: str = catalogue.PREFIX) -> ShippedCatalogue:
    """One of CATALOGUES; types of ours have the prefix."""
    names, manager = CATALOGUES[name]
    documents = tuple(_document(each, prefix) for each in names)
    types: dict[str, EventType] = {}
    for each in documents:
        for event in each.read.events:
            types.setdefault(event.type, _entry(event, manager, prefix))
    sets = tuple(found for each in documents for found in _sets(name, each.text))
    return ShippedCatalogue(name=name, documents=documents, types=tuple(types.values()), sets=sets)


def known_elsewhere(event_type: str, *, prefix: str = catalogue.PREFIX) -> str | None:
    """What to do about a type that a deployment does not know: of a shipped catalogue, or under another spelling; None: neither.

    Found without reading the documents as such, which takes long.
    """
    name = _named(prefix).get(event_type)
    return catalogue.misspelt(event_type, prefix=prefix) if name is None else _OFF.format(type=event_type, name=name)


def sets(names: Iterable[str], *, prefix: str = catalogue.PREFIX) -> Mapping[str, SubscriptionSet]:
    """The subscription sets of these catalogues, by name."""
    return {each.name: each for name in names for each in shipped(name, prefix=prefix).sets}


@cache
def _named(prefix: str) -> Mapping[str, str]:
    """The catalogue of each shipped type."""
    return {
        found.decode(): name
        for name, (documents, _) in CATALOGUES.items()
        for each in documents
        for found in _TYPE.findall(_text(each, prefix))
    }


def _text(name: str, prefix: str) -> bytes:
    text = (resources.files("subscriptions") / "catalogue" / "builtin" / f"{name}.yaml").read_bytes()
    return text.replace(f"{catalogue.PREFIX}.".encode(), f"{prefix}.".encode())


def _document(name: str, prefix: str) -> ShippedDocument:
    text = _text(name, prefix)
    return ShippedDocument(name=name, text=text, read=document.read(text, media_type="application/yaml"))


def _entry(event: DescribedEvent, manager: str, prefix: str) -> EventType:
    group = event.tags[0] if event.tags else ""
    made = catalogue.entry(
        event.type, friendly_name=event.title, description=event.description, prefix=prefix, api_group=group
    )
    return replace(made, service_manager=manager)


def _sets(catalogue_name: str, text: bytes) -> tuple[SubscriptionSet, ...]:
    said = sources.read(text, media_type="application/yaml").value.get(_SETS, {})
    return tuple(
        SubscriptionSet(
            name=f"{catalogue_name}.{name}",
            title=each["title"],
            description=each["description"],
            types=tuple(each["types"]),
        )
        for name, each in said.items()
    )

"""Event types: their grammar, their categories, and the documented ones."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from subscriptions.events import catalogue
from subscriptions.events.catalogue import Category, Parts
from subscriptions.ground.errors import Refused

TOKEN = st.from_regex(r"[a-z0-9]{1,8}(-[a-z0-9]{1,8}){0,2}", fullmatch=True)
VERSION = st.from_regex(r"v[1-9][0-9]?((alpha|beta)[1-9])?", fullmatch=True)


@pytest.mark.parametrize(
    ("event_type", "group", "version", "collection", "event", "category"),
    [
        ("audit-log.v1.logs.created", "audit-log", "v1", "logs", "created", Category.RESOURCE),
        ("data.v1.volumes.snapshots.updated", "data", "v1", "volumes.snapshots", "updated", Category.RESOURCE),
        ("compute-ops.v1.servers.rebooted", "compute-ops", "v1", "servers", "rebooted", Category.CUSTOM),
        (
            "service-registry.v1.serviceoffer.delete",
            "service-registry",
            "v1",
            "serviceoffer",
            "delete",
            Category.CUSTOM,
        ),
        (
            "subscriptions.v1.expiring-subscriptions",
            "subscriptions",
            "v1",
            None,
            "expiring-subscriptions",
            Category.NON_RESOURCE,
        ),
        ("audit-logs.v1beta1.created", "audit-logs", "v1beta1", None, "created", Category.NON_RESOURCE),
        ("devices.v2alpha2.devices.deleted", "devices", "v2alpha2", "devices", "deleted", Category.RESOURCE),
    ],
)
def test_types_are_taken_apart_and_categorised(
    event_type: str, group: str, version: str, collection: str | None, event: str, category: Category
) -> None:
    """The three categories of the Events page follow from the type alone (greenlake.md 3.3)."""
    entry = catalogue.entry(f"com.hpe.greenlake.{event_type}")

    assert (entry.api_group, entry.version, entry.resource_collection, entry.event) == (
        group,
        version,
        collection,
        event,
    )
    assert entry.category == category == catalogue.category_of(event, collection)
    assert entry.friendly_name == entry.type


@given(TOKEN, VERSION, st.none() | st.lists(TOKEN, min_size=1, max_size=3).map(".".join), TOKEN)
def test_what_is_built_parses_back(group: str, version: str, collection: str | None, event: str) -> None:
    """A type names its parts without ambiguity."""
    parts = Parts(api_group=group, version=version, resource_collection=collection, event=event)

    assert catalogue.parse(catalogue.build(parts, prefix="org.acme"), prefix="org.acme") == parts


@pytest.mark.parametrize(
    "rest",
    [
        "",
        "a",
        "a.v1",
        "a.b.c",
        "a.v0.c",
        "a.v1.",
        "a.v1.B",
        "a..v1.c",
        "-a.v1.c",
        "a-.v1.c",
        "a--b.v1.c",
        "a.v1.b.c\n",
        "a.v1.b c",
    ],
)
def test_types_under_the_prefix_follow_the_grammar(rest: str) -> None:
    """A type that claims the prefix and breaks the grammar is refused, by the field `type`."""
    with pytest.raises(Refused) as caught:
        catalogue.entry(f"com.hpe.greenlake.{rest}")

    assert caught.value.issues[0].subject == "type"


@pytest.mark.parametrize(
    "event_type", ["org.onap.ncmp.cmhandle.lcm-event", "cps:org.onap.x", "com.hpe.greenlakes.v1.x", "Größe"]
)
def test_foreign_types_are_entries_too(event_type: str) -> None:
    """Types of any prefix can be relayed, if they are in the catalogue."""
    entry = catalogue.entry(event_type, api_group="acm", friendly_name="A thing")

    assert (entry.category, entry.api_group, entry.version, entry.event) == (Category.FOREIGN, "acm", "", "")
    assert entry.friendly_name == "A thing"


@pytest.mark.parametrize("event_type", ["", "a\x00b", "x" * 257, "a\ud800"])
def test_foreign_types_are_cloudevents_strings(event_type: str) -> None:
    """cloudevents.md C5, C9: what no CloudEvent could carry is no type."""
    with pytest.raises(Refused):
        catalogue.entry(event_type)


@pytest.mark.parametrize(
    ("part", "right", "wrong"),
    [
        ("apiGroup", "compute-ops", "Compute"),
        ("apiVersion", "v1beta1", "1"),
        ("resourceCollection", "volumes.snapshots", "volumes."),
        ("event", "service-offline", "a.b"),
    ],
)
def test_parts_are_judged_one_by_one(part: str, right: str, wrong: str) -> None:
    """Each part of an occurrence's type has its own rule and its own words."""
    assert catalogue.fault(part, right) is None
    assert "must be" in (catalogue.fault(part, wrong) or "")
    assert catalogue.fault(part, right + "\n")


def test_the_documented_types_follow_the_prefix() -> None:
    """A deployment with another prefix starts with the same types under its own name, each once."""
    types = [entry.type for entry in catalogue.documented("org.acme")]

    assert len(types) == len(set(types)) == len(catalogue.DOCUMENTED)
    assert "org.acme.events.v1beta1.webhooks.delivery-failed" in types
    assert {
        "com.hpe.greenlake.audit-log.v1.logs.created",
        "com.hpe.greenlake.subscriptions.v1.expiring-subscriptions",
    } <= {entry.type for entry in catalogue.DOCUMENTED}
    assert all(entry.category != Category.FOREIGN for entry in catalogue.documented("org.acme"))

"""The catalogues that are shipped: valid AsyncAPI documents whose examples validate, of the events that they promise."""

from importlib import resources
from typing import Any

import jsonschema_rs
import pytest
import yaml

from subscriptions.catalogue.asyncapi import document as reader
from subscriptions.events import catalogue
from tests import asyncapi_parser

BUILTIN = resources.files("subscriptions") / "catalogue" / "builtin"
NAMES = ("greenlake", "acm", "onap", "onap-v2")
ACM, HUB = "io.open-cluster-management.cluster", "io.open-cluster-management.operator.multiclusterglobalhubs.event"
NINE = [
    f"{ACM}.{each}.v1"
    for each in (
        "creation.starting",
        "creation.completed",
        "creation.failed",
        "import.started",
        "import.completed",
        "import.failed",
        "managed",
        "capacity.changed",
        "version.updated",
    )
]
LCM = [f"org.onap.ncmp.cmhandle-lcm-event.{each}" for each in ("create", "update", "delete")]
ASYNC = [f"org.onap.cps.ncmp.event.model.{each}AsyncRequestResponseEvent" for each in ("Dmi", "Ncmp")]


def text(name: str) -> bytes:
    return (BUILTIN / f"{name}.yaml").read_bytes()


def document(name: str) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(text(name))
    return found


def messages(name: str) -> dict[str, dict[str, Any]]:
    """By type."""
    return {each["x-cloudevents-type"]: each for each in document(name)["components"]["messages"].values()}


def test_the_official_parser_takes_them() -> None:
    """AsyncAPI's own parser finds nothing wrong with any of them, and as many messages as they have."""
    found = asyncapi_parser.parsed([text(name) for name in NAMES])

    assert [each["faults"] for each in found] == [[]] * len(NAMES)
    assert [len(each["messages"] or ()) for each in found] == [len(messages(name)) for name in NAMES]


@pytest.mark.parametrize("name", NAMES)
def test_examples_validate(name: str) -> None:
    """Each message has an example, and what an example says validates: its data, and its attributes where there are any."""
    whole = document(name)
    for event_type, message in messages(name).items():
        payload = {"$ref": "#/asked", "asked": message["payload"], "components": whole["components"]}
        data = jsonschema_rs.Draft7Validator({"allOf": [payload["asked"]], "components": whole["components"]})
        attributes = jsonschema_rs.Draft7Validator(message.get("headers", True), validate_formats=True)

        assert message["examples"], event_type
        for example in message["examples"]:
            assert [error.message for error in data.iter_errors(example["payload"])] == [], event_type
            if "headers" in example:
                assert [error.message for error in attributes.iter_errors(example["headers"])] == [], event_type


@pytest.mark.parametrize("name", NAMES)
def test_schemas_refuse(name: str) -> None:
    """No schema takes everything: a text is no event's data."""
    whole = document(name)
    for event_type, message in messages(name).items():
        data = jsonschema_rs.Draft7Validator({"allOf": [message["payload"]], "components": whole["components"]})

        assert not data.is_valid("text"), event_type


@pytest.mark.parametrize("name", NAMES)
def test_types_are_those_of_their_attributes(name: str) -> None:
    """A message's type is the one that its attributes and its examples have, and every message is in the channel."""
    whole = document(name)
    for event_type, message in messages(name).items():
        catalogue.entry(event_type)
        if "headers" in message:
            assert message["headers"]["properties"]["type"] == {"const": event_type}
        for example in message["examples"]:
            assert example.get("headers", {}).get("type", event_type) == event_type
    assert list(whole["channels"]["webhook"]["messages"]) == list(whole["components"]["messages"])


@pytest.mark.parametrize("name", NAMES)
def test_no_comma_ends_a_text(name: str) -> None:
    """YAML takes what follows a comma in `{description: One, two.}` for a member of its own, which is null."""
    waiting: list[Any] = [document(name)]
    while waiting:
        each = waiting.pop()
        members = each if isinstance(each, dict) else dict(enumerate(each)) if isinstance(each, list) else {}
        assert not [name for name, value in members.items() if value is None and " " in str(name)]
        waiting.extend(members.values())


@pytest.mark.parametrize("name", NAMES)
def test_they_are_read_as_any_document(name: str) -> None:
    """What is shipped is read by the same reader as what is registered: the same types, examples, rules and deprecations."""
    read = reader.read(text(name))

    said = messages(name)
    assert [each.type for each in read.events] == list(said)
    for each in read.events:
        of = said[each.type]
        assert (each.title, each.description) == (of["title"], of["description"])
        assert len(each.examples) == len(of["examples"])
        assert each.payload_dialect == "draft-07"
        assert each.deprecated is bool(of.get("x-deprecated"))
        rules = {rule.name: rule for rule in each.attributes}
        assert rules["type"].const == each.type if "headers" in of else not rules


def test_greenlake_is_the_documented_catalogue() -> None:
    """The greenlake document has the types that every catalogue begins with, by the same names and in the same words."""
    said = {each: (of["title"], of["description"]) for each, of in messages("greenlake").items()}

    assert said == {each.type: (each.friendly_name, each.description) for each in catalogue.DOCUMENTED}


def test_acm_has_the_nine_and_four_more() -> None:
    """Nine events of a cluster's life with payload keys to the letter, its end, and the hub's cluster and policy events."""
    found = messages("acm")

    hub = [f"{HUB}.{each}" for each in ("managedcluster", "localrootpolicy", "localreplicatedpolicy")]
    assert set(found) == {*NINE, f"{ACM}.detached.v1", *hub}
    required = document("acm")["components"]["schemas"]["ClusterEvent"]
    assert required["required"] == ["cluster-id", "message", "datetime"]
    assert {"kind", "metadata", "spec", "status", "labels", "annotations"} <= required["properties"].keys()


def test_acm_has_its_two_consumers() -> None:
    """The inventory receives three of the nine, the management tool all of them."""
    sets = document("acm")["x-hooklake-subscription-sets"]

    assert {name: each["types"] for name, each in sets.items()} == {
        "inventory": NINE[6:],
        "cluster-management-tool": NINE,
    }


def test_onap_has_both_versions() -> None:
    """Life cycle and asynchronous answers stand side by side in two versions, and of the answers the first is deprecated."""
    first, second = messages("onap"), messages("onap-v2")

    assert set(second) == {*LCM, *ASYNC} <= set(first)
    assert [each for each, of in first.items() if of.get("x-deprecated")] == ASYNC
    assert not any(of.get("x-deprecated") for of in second.values())
    for each in second:
        said = [of[each]["headers"]["properties"]["dataschema"] for of in (first, second)]
        assert said[1]["const"] not in said[0].get("enum", [said[0].get("const")])
    assert {"CREATE", "subscriptionCreateRequest", "org.onap.cps.events.model.CpsDataUpdatedEvent"} <= set(first)
    assert len(first) == 17


@pytest.mark.parametrize(
    ("name", "event_type"),
    [
        ("onap", "org.onap.cps.ncmp.events.avc.ncmp_to_client.AvcEvent"),
        ("onap", "org.onap.cps.events.model.CpsDataUpdatedEvent"),
        ("onap", "org.onap.cps.ncmp.events.async1_0_0.DataOperationEvent"),
        ("onap", LCM[0]),
        ("onap-v2", LCM[0]),
        *(("onap", each) for each in ASYNC),
        ("greenlake", "com.hpe.greenlake.audit-log.v1.logs.created"),
        ("greenlake", "com.hpe.greenlake.subscriptions.v1.expiring-subscriptions"),
    ],
)
def test_corrections_are_noted(name: str, event_type: str) -> None:
    """Where a published schema is not what is sent, or is none, the message says what was corrected."""
    assert (
        "published" in messages(name)[event_type]["x-hooklake-note"]
        or "publishes" in messages(name)[event_type]["x-hooklake-note"]
    )

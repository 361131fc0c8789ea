"""A challenge goes out as the deliveries of its webhook will, so that what understands them understands it."""

import hashlib
import hmac
from collections.abc import Mapping
from typing import Any

import msgspec
import pytest
from cloudevents.core.bindings import http
from cloudevents.core.formats.json import JSONFormat

from delivery.wire.parcels import Failure, Parcel, Reply
from delivery.wire.sender import Destination
from subscriptions.webhooks.webhook import Registration
from tests.delivery.craft import OWNER, TYPE, Craft
from tests.delivery.destinations import OLD, SECRET, reply

VERIFICATION = "com.hpe.greenlake.events.v1beta1.webhooks.verification"


def event_of(parcel: Parcel) -> Any | None:
    """What the CloudEvents SDK makes of a request by itself; None where it knows no event in it."""
    headers = {name.lower(): value for name, value in parcel.headers}
    if headers["content-type"].startswith("application/cloudevents+json"):
        return JSONFormat().read(None, parcel.body)
    return http.from_binary_event(http.HTTPMessage(headers, parcel.body)) if "ce-id" in headers else None


async def sdk_alone(parcel: Parcel, _: Destination) -> Reply | Failure:
    """A host that is nothing but the SDK and a handler of events."""
    event = event_of(parcel)
    if event is None:
        return reply(415)
    if event.get_type() != VERIFICATION:
        return reply(204)
    data = event.get_data()
    assert isinstance(data, Mapping)
    proof = hmac.new(SECRET.encode(), data["challengeRequest"].encode(), hashlib.sha256).hexdigest()
    return reply(200, b'{"verification":"%s"}' % proof.encode())


@pytest.mark.parametrize("batching", [False, True], ids=["single", "batching"])
@pytest.mark.parametrize(("mode", "status"), [("structured", "ACTIVE"), ("binary", "ACTIVE"), ("json", "PENDING")])
async def test_a_host_that_is_nothing_but_an_sdk(craft: Craft, mode: str, status: str, batching: bool) -> None:
    """It answers the challenge of the content mode that it understands, and then takes the delivery."""
    if batching and mode == "binary":
        pytest.skip("binary has no batches")
    craft.wire.answering = sdk_alone
    asked = Registration(name="hook", destination=OLD, secret=SECRET, content_mode=mode, batching=batching)
    webhook = (await craft.webhook_lifecycle.register(asked, OWNER)).id
    await craft.subscribe([webhook], TYPE)

    await craft.challenge(webhook)

    [(challenge, _)] = craft.wire.sent
    assert await craft.status(webhook) == status
    assert (event_of(challenge) is None) == (mode == "json")


async def test_the_captured_form_is_the_default(craft: Craft) -> None:
    """Without a content mode the challenge is what GreenLake's live service sends: application/json, the envelope
    as the body (greenlake.md 2.1)."""
    webhook = (
        await craft.webhook_lifecycle.register(Registration(name="hook", destination=OLD, secret=SECRET), OWNER)
    ).id

    await craft.challenge(webhook)

    [(challenge, _)] = craft.wire.sent
    assert challenge.headers == (("Content-Type", "application/json"),)
    assert challenge.body.startswith(b'{"data":{"challengeRequest":"')


async def test_a_handler_of_onaps_envelopes(craft: Craft) -> None:
    """It answers the challenge, which comes in that envelope, and then takes the delivery; single or in an array, as it asked."""

    async def legacy_alone(parcel: Parcel, _: Destination) -> Reply | Failure:
        envelope = msgspec.json.decode(parcel.body)
        if isinstance(envelope, dict) and envelope["eventType"] == VERIFICATION:
            question = envelope["event"]["challengeRequest"].encode()
            proof = hmac.new(SECRET.encode(), question, hashlib.sha256).hexdigest()
            return reply(200, b'{"verification":"%s"}' % proof.encode())
        return reply(204)

    craft.wire.answering = legacy_alone
    asked = Registration(name="hook", destination=OLD, secret=SECRET, content_mode="onap", batching=True)
    webhook = (await craft.webhook_lifecycle.register(asked, OWNER)).id

    await craft.challenge(webhook)

    [(challenge, _)] = craft.wire.sent
    assert await craft.status(webhook) == "ACTIVE"
    assert challenge.headers == (("Content-Type", "application/json"),)
    assert challenge.body.startswith(b'{"eventId":"')

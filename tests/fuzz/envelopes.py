"""What must hold of any request that is read as a CloudEvent.

The check answers in a word or two what became of the input; the words tell inputs apart.
"""

import re
from uuid import UUID

from subscriptions.events import (
    attributes,
    cloudevent,
    http_binding,
    json_text,
    legacy_events,
    onap,
    onap_reading,
    onap_texts,
)
from subscriptions.events.cloudevent import CloudEvent
from subscriptions.ground.errors import Refused
from tests.fuzz.texts import sentence

KEY = UUID("0196a0b4-0000-7000-8000-000000000000")


def any_request(raw: bytes) -> str:
    """Headers, an empty line and a body: refused in a sentence, or events that come back the same from either mode."""
    head, _, body = raw.partition(b"\n\n")
    lines = (line.partition(":") for line in head.decode("latin-1").split("\n") if ":" in line)
    headers = [(name.strip(), value.strip()) for name, _, value in lines]
    try:
        found = http_binding.decode(headers, body, limit=20)
    except Refused as error:
        return sentence(error)
    modes = [_there_and_back(relayed) for relayed in found]
    return f"{len(found)} {' '.join(modes[:2])}"


def _there_and_back(relayed: CloudEvent) -> str:
    try:
        event = cloudevent.event_of(relayed, key=KEY, workspace_id="0" * 32, max_event_bytes=1 << 20)
    except Refused as error:
        return sentence(error)
    assert json_text.compact(event.body) == event.body
    assert http_binding.decode([("Content-Type", http_binding.STRUCTURED)], event.body) == [relayed]
    assert (
        http_binding.decode([("Content-Type", http_binding.BATCH)], b"[%b,%b]" % (event.body, event.body))
        == [relayed] * 2
    )
    # What is taken can be written.
    headers, payload = http_binding.encode_binary(event.body)
    for name, value in headers:
        assert re.fullmatch(r"[A-Za-z0-9-]+", name), name
        assert not re.search(r"[\x00-\x08\x0a-\x1f\x7f]", value), value
    if not payload:
        return "without data"
    if not any(name == "Content-Type" for name, _ in headers):
        return "data of no type"
    if headers[0][1].lower().startswith("application/cloudevents"):
        # Its receiver would take the payload for an event, as cloudevents.md H8 has it.
        return "an event in an event"
    (back,) = http_binding.decode(headers, payload)
    assert _canonical(back) == _canonical(relayed)
    assert cloudevent.payload(back) == payload
    return "binary"


def _canonical(relayed: CloudEvent) -> dict[str, str]:
    given = {name: attributes.canonical(value) for name, value in relayed.attributes.items()}
    return {"datacontenttype": "application/json"} | given


def any_legacy(raw: bytes) -> str:
    """Headers, an empty line and a body: refused in a sentence, or envelopes of ONAP's that come back as they were."""
    head, _, body = raw.partition(b"\n\n")
    lines = (line.partition(":") for line in head.decode("latin-1").split("\n") if ":" in line)
    try:
        shared = onap_reading.in_headers([(name.strip(), value.strip()) for name, _, value in lines])
        found = [each for _, each in onap.each(shared, body, limit=20)]
    except Refused as error:
        return sentence(error)
    given = json_text.load(json_text.compact(body))
    for envelope, folded in zip(given if isinstance(given, list) else [given], found, strict=True):
        relayed = folded.named(str(KEY))
        kept = cloudevent.event_of(relayed, key=KEY, workspace_id="0" * 32, max_event_bytes=1 << 20).body
        assert http_binding.decode([("Content-Type", http_binding.STRUCTURED)], kept) == [relayed]
        back = onap.written(kept)
        assert back is not None
        assert json_text.compact(back) == back
        there = {name: value for name, value in envelope.items() if value is not None}
        spelt = {onap_texts.SPELLINGS.get(name, name) for name in there}
        assert json_text.load(back) == there | {name: text for name, text in shared.items() if name not in spelt}
        [(_, again)] = onap.each({}, back)
        assert again.event == folded.event
    return f"{len(found)} {sorted(found[0].event.attributes)}"


def any_kyma(body: bytes) -> str:
    """Refused by its first fault, or the CloudEvent whose type, version, time and data are the publisher's to the letter."""
    try:
        read = legacy_events.read(body, application="shop", id_made=str(KEY))
    except Refused as error:
        return f"{type(error).__name__} {sentence(error)}"
    given = json_text.load(json_text.compact(body))
    kept = cloudevent.event_of(read.event, key=KEY, workspace_id="0" * 32, max_event_bytes=1 << 20).body
    assert http_binding.decode([("Content-Type", http_binding.STRUCTURED)], kept) == [read.event]
    assert json_text.members(kept)["data"] == json_text.members(json_text.compact(body))["data"]
    assert read.event.type == f"{given['event-type']}.{given['event-type-version']}"
    assert (read.event.time, read.event.source) == (given["event-time"], "shop")
    assert read.event.id == (given["event-id"] if read.given_id else str(KEY))
    return f"taken {read.given_id}"

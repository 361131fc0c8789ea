"""What the webhooks of a workspace can receive, as an AsyncAPI 3.0 document (https://www.asyncapi.com/docs/reference/specification/v3.0.0).

One channel a webhook, one message an event type, version and content mode. Which webhooks there are, and what is known of
types, is handed in.
"""

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

import msgspec

from subscriptions.catalogue import envelopes, legacy_envelopes, receiving
from subscriptions.catalogue.described_types import DescribedVersion
from subscriptions.catalogue.envelopes import SentType
from subscriptions.catalogue.receiving import ReceivingWebhook, ReceivingWorkspace

Json = dict[str, Any]

#: The whole content type of a request, by content mode; of binary it is the data's.
MEDIA = {"json": "application/json", "structured": "application/cloudevents+json", "onap": "application/json"}
BATCH = {"json": "application/json", "structured": "application/cloudevents-batch+json", "onap": "application/json"}
#: Events of one batch (greenlake.md 3.4).
BATCHED = 10
#: Bytes that are kept for the head and for what is said to be left out; of a webhook's own messages, and of the places where
#: one of another is named. Webhooks and types that are named of those that are left out.
RESERVED, OWN, REFERENCE, NAMED = 128 * 1024, 8 * 1024, 400, 200
_KEY = re.compile(r"[^A-Za-z0-9_-]+")


class ReceivedDocument:
    """Collects messages and schemas, each once, until the document has no room for more.

    What is left out is said in the document, which is valid all the same.
    """

    def __init__(self, of: ReceivingWorkspace, *, most: int) -> None:
        """`most` is how many bytes it has as JSON."""
        self._of = of
        self._most = most
        self._room = most - RESERVED
        #: What each webhook is called, by its id.
        self._names = receiving.names(of.webhooks)
        self._servers: Json = {}
        self._channels: Json = {}
        self._operations: Json = {}
        self._messages: Json = {}
        self._schemas: Json = {}
        self._full = False
        #: Ids of webhooks, and names of types of those that are described.
        self._webhooks: list[str] = []
        self._types: set[str] = set()

    @property
    def size(self) -> int:
        """How many bytes it has come to, or a few more."""
        return self._most - self._room

    def written(self) -> Iterator[None]:
        """Writes it in steps of a millisecond or so: others may have their turns between them."""
        for webhook in self._of.webhooks:
            if self._full or not self._begun(webhook):
                self._full = True
                self._webhooks.append(webhook.id)
                continue
            single: list[str] = []
            for name, version in self._sent(webhook):
                key = None if self._full else self._taken(webhook, self._of.types[name], version)
                if key is None:
                    self._full = True
                    self._types.add(name)
                else:
                    single.append(key)
                    yield
            self._end(webhook, single)
            yield

    def whole(self, version: str) -> Json:
        """All of it; `version` is this service's."""
        left = self._left_out()
        said = (
            "Events are CloudEvents 1.0, delivered at least once and in no promised order, and signed. A channel is a "
        )
        said += "webhook; its messages are of the event types that it has subscribed to, in its content mode."
        return {
            "asyncapi": "3.0.0",
            "id": f"urn:hooklake:workspace:{self._of.id}",
            "info": {
                "title": f"What the webhooks of workspace {self._of.id} receive",
                "version": version,
                "description": f"{said} {self._left_words()}" if left else said,
            },
            "defaultContentType": "application/json",
            "servers": self._servers,
            "channels": self._channels,
            "operations": self._operations,
            "components": {"messages": self._messages, "schemas": self._schemas},
            **left,
        }

    def _left_out(self) -> Json:
        webhooks, types = self._webhooks, sorted(self._types)
        many = len(webhooks) + self._of.unread_webhooks
        if not many and not types:
            return {}
        said = {"webhookCount": many, "webhooks": webhooks[:NAMED], "eventTypeCount": len(types)}
        return {"x-hooklake-left-out": {**said, "eventTypes": types[:NAMED]}}

    def _left_words(self) -> str:
        webhooks, types = len(self._webhooks) + self._of.unread_webhooks, len(self._types)
        return (
            f"It is cut at {self._most:,} bytes: {webhooks:,} webhooks and {types:,} event types are left out, which "
            "`x-hooklake-left-out` names. `?webhookId=` describes one webhook, and with `&eventType=` some of its types."
        )

    def _begun(self, webhook: ReceivingWebhook) -> bool:
        """Writes what a webhook is; false where there is no room for it."""
        filters = {name: text for name, text in webhook.subscriptions.items() if text}
        name = self._names[webhook.id]
        channel: Json = {
            "address": _address(webhook.destination),
            "title": webhook.name,
            "servers": [{"$ref": f"#/servers/{name}"}],
            "messages": {},
            "x-hooklake-id": webhook.id,
        }
        if webhook.description:
            channel["description"] = webhook.description
        if filters:
            channel["x-hooklake-event-filters"] = filters
        if webhook.content_mode == "binary":
            # What a type says of its data is what its publishers mean to send; an event may be otherwise.
            channel["x-hooklake-content-type"] = "that of each event's data: the Content-Type of its request"
        operation: Json = {
            "action": "send",
            "title": f"Deliver to {webhook.name}"[:200],
            "channel": {"$ref": f"#/channels/{name}"},
            "bindings": {"http": {"method": "POST", "bindingVersion": "0.3.0"}},
            "messages": [],
        }
        server = _server(webhook)
        # With the challenge, or the batch that its events come in: both are small.
        if not self._fits(server, channel, operation, more=OWN):
            return False
        self._servers[name], self._channels[name] = server, channel
        self._operations[f"deliver-{name}"] = operation
        return True

    def _end(self, webhook: ReceivingWebhook, single: Sequence[str]) -> None:
        """Names the messages of a webhook, now that they are written."""
        keys = [self._batch(webhook, single)] if webhook.batching and single else list(single)
        if webhook.challenged:
            key, parts = self._message(self._of.challenge, None, webhook)
            self._keep(parts)
            keys.append(key)
        name = self._names[webhook.id]
        channel, operation = self._channels[name], self._operations[f"deliver-{name}"]
        channel["messages"] = {key: {"$ref": f"#/components/messages/{key}"} for key in keys}
        operation["messages"] = [{"$ref": f"#/channels/{name}/messages/{key}"} for key in keys]

    def _fits(self, *parts: Mapping[str, Any], more: int = 0) -> bool:
        """Takes the room that they need, where there is as much."""
        size = sum(len(msgspec.json.encode(each)) for each in parts) + more
        if size > self._room:
            return False
        self._room -= size
        return True

    def _sent(self, webhook: ReceivingWebhook) -> Iterator[tuple[str, DescribedVersion | None]]:
        """Types with each version that a webhook is sent; None stands for one of which nobody said anything."""
        for name in sorted(webhook.subscriptions):
            if name in self._of.unread:
                self._types.add(name)
                continue
            pinned = webhook.pinned.get(name, "")
            known = [each for each in self._of.versions.get(name, ()) if pinned in ("", each.version)]
            yield from ((name, version) for version in known or (None,))

    def _taken(self, webhook: ReceivingWebhook, sent: SentType, version: DescribedVersion | None) -> str | None:
        """The key of one event's message, which is written where it is not yet; None where there is no room for it."""
        key, parts = self._message(sent, version, webhook)
        if not self._fits(parts, more=REFERENCE + len(key) * 6):
            return None
        self._keep(parts)
        return key

    def _keep(self, parts: Mapping[str, Json]) -> None:
        self._messages |= parts.get("messages", {})
        self._schemas |= parts.get("schemas", {})

    def _message(
        self, sent: SentType, version: DescribedVersion | None, webhook: ReceivingWebhook
    ) -> tuple[str, Mapping[str, Json]]:
        """The key of one event's message, and what is to be written for it: `messages` and `schemas`."""
        mode, dual = webhook.content_mode, webhook.dual_secret
        key = _key(sent.type, version.version if version else "", mode, "2" if dual else "")
        if key in self._messages:
            return key, {}
        schema, schemas = self._data(sent, version)
        envelope = envelopes.envelope(sent, version, self._of.id)
        message: Json = {
            "name": sent.type,
            "title": sent.friendly_name,
            "description": sent.description,
            "contentType": MEDIA.get(mode) or (version.content_type if version else "") or "application/json",
            "x-cloudevents-type": sent.type,
            "x-hooklake-category": sent.category,
        }
        examples = [
            each for data in envelopes.data_of(sent, version) if (each := envelopes.example(envelope, data, sent))
        ]
        if mode == "binary":
            headers = envelopes.binary_headers(envelope)
            message["payload"] = schema
            message["examples"] = [
                {"headers": envelopes.in_headers(each) | envelopes.signatures(dual), "payload": each["data"]}
                for each in examples
                if "data" in each
            ]
        else:
            headers = envelopes.OWN_HEADERS
            legacy = mode == "onap"
            schemas[key] = (legacy_envelopes.schema if legacy else envelopes.structured)(envelope, schema)
            examples = [legacy_envelopes.example(each) for each in examples] if legacy else examples
            message["payload"] = {"$ref": f"#/components/schemas/{key}"}
            message["examples"] = [{"headers": envelopes.signatures(dual), "payload": each} for each in examples]
        message["headers"] = envelopes.signed(headers, dual)
        if not message["examples"]:
            del message["examples"]
        return key, {"messages": {key: message | self._version(version)}, "schemas": schemas}

    def _batch(self, webhook: ReceivingWebhook, single: Sequence[str]) -> str:
        key = _key("batch", webhook.id)
        # Each of them was written with its envelope, for what is batched is not binary.
        self._messages[key] = {
            "name": "batch",
            "title": "A batch of events",
            "description": "Up to ten events, possibly of different types; one signature and one answer are for all of it.",
            "contentType": BATCH[webhook.content_mode],
            "headers": envelopes.signed(envelopes.OWN_HEADERS, webhook.dual_secret),
            "payload": {
                "type": "array",
                "minItems": 1,
                "maxItems": BATCHED,
                "items": {"anyOf": [{"$ref": f"#/components/schemas/{each}"} for each in single]},
            },
            "x-hooklake-batch-of": sorted({self._messages[each]["x-cloudevents-type"] for each in single}),
        }
        return key

    def _data(self, sent: SentType, version: DescribedVersion | None) -> tuple[Any, Json]:
        """The schema of the data or a reference to it, and what is to be written for that; what is known where nobody said
        anything."""
        if version is not None and version.omitted:
            return {"description": "Left out for its size: the message's x-hooklake-schema is where it is."}, {}
        if version is None or version.schema is None:
            return sent.schema, {}
        key = _key("data", sent.type, version.version)
        place = f"#/components/schemas/{key}"
        return {"$ref": place}, {} if key in self._schemas else {key: envelopes.placed(version.schema, place)}

    def _version(self, version: DescribedVersion | None) -> Json:
        if version is None:
            return {}
        said: Json = {"x-hooklake-version": version.version}
        if version.event_api:
            said["x-hooklake-event-api"] = version.event_api
        if version.dataschema:
            said["x-cloudevents-dataschema"] = version.dataschema
        if version.unreadable:
            said["x-hooklake-unreadable"] = True
        if version.omitted:
            said["x-hooklake-schema"] = f"{self._of.schemas}/{version.id}"
        if version.deprecated:
            said["x-deprecated"] = True
        if version.deprecated_since is not None:
            said["x-hooklake-deprecated-since"] = version.deprecated_since.isoformat()
        return said


def _server(webhook: ReceivingWebhook) -> Json:
    parts = urlsplit(webhook.destination)
    return {"host": parts.netloc, "protocol": parts.scheme, "title": webhook.name}


def _address(destination: str) -> str:
    parts = urlsplit(destination)
    text = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    # Braces would be parameters.
    return text.replace("{", "%7B").replace("}", "%7D")


def _key(*parts: str) -> str:
    """A key of components, the same for the same parts; what cannot stand in one is told apart by a digest."""
    whole = ".".join(each for each in parts if each)
    plain = _KEY.sub("_", whole)
    return plain if plain == whole.replace(".", "_") else f"{plain}_{hashlib.sha256(whole.encode()).hexdigest()[:8]}"

"""What the webhooks of a workspace can receive, as an AsyncAPI 3.0 document (https://www.asyncapi.com/docs/reference/specification/v3.0.0).

One channel a webhook, one message an event type, version and content mode. Which webhooks there are, and what is known of
types, is handed in.
"""

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from subscriptions.catalogue import envelopes, legacy_envelopes
from subscriptions.catalogue.described_types import DescribedVersion
from subscriptions.catalogue.envelopes import SentType

Json = dict[str, Any]

#: The whole content type of a request, by content mode; of binary it is the data's.
MEDIA = {"json": "application/json", "structured": "application/cloudevents+json", "onap": "application/json"}
BATCH = {"json": "application/json", "structured": "application/cloudevents-batch+json", "onap": "application/json"}
#: Events of one batch (greenlake.md 3.4).
BATCHED = 10
_KEY = re.compile(r"[^A-Za-z0-9_-]+")


@dataclass(frozen=True, kw_only=True, slots=True)
class ReceivingWebhook:
    """A webhook, and what it has subscribed to."""

    id: str
    name: str
    description: str
    destination: str
    content_mode: str
    batching: bool
    #: Whether a second secret is live.
    dual_secret: bool
    challenged: bool
    #: Event type -> filter, empty for every event.
    subscriptions: Mapping[str, str]
    #: Event type -> the one version that it understands; of types that are not there, all.
    pinned: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class ReceivingWorkspace:
    """Whose webhooks these are, and what is known of the types that they have subscribed to."""

    id: str
    webhooks: Sequence[ReceivingWebhook]
    #: By type.
    types: Mapping[str, SentType]
    #: By type, the newest first; a type of which nothing is known is not there.
    versions: Mapping[str, Sequence[DescribedVersion]] = field(default_factory=dict)
    #: The type of challenges.
    challenge: SentType


def document(of: ReceivingWorkspace, *, version: str) -> Json:
    """The document; `version` is this service's."""
    return _Writer(of).document(version)


class _Writer:
    """Collects messages and schemas, each once."""

    def __init__(self, of: ReceivingWorkspace) -> None:
        self._of = of
        self._messages: Json = {}
        self._schemas: Json = {}

    def document(self, version: str) -> Json:
        """All of it."""
        servers: Json = {}
        channels: Json = {}
        operations: Json = {}
        for webhook in self._of.webhooks:
            servers[webhook.id] = _server(webhook)
            keys = self._received(webhook)
            channels[webhook.id] = self._channel(webhook, keys)
            operations[f"deliver-{webhook.id}"] = {
                "action": "send",
                "title": f"Deliver to {webhook.name}"[:200],
                "channel": {"$ref": f"#/channels/{webhook.id}"},
                "bindings": {"http": {"method": "POST", "bindingVersion": "0.3.0"}},
                "messages": [{"$ref": f"#/channels/{webhook.id}/messages/{key}"} for key in keys],
            }
        return {
            "asyncapi": "3.0.0",
            "id": f"urn:hooklake:workspace:{self._of.id}",
            "info": {
                "title": f"What the webhooks of workspace {self._of.id} receive",
                "version": version,
                "description": "Events are CloudEvents 1.0, delivered at least once and in no promised order, and signed. "
                "A channel is a webhook; its messages are of the event types that it has subscribed to, in its content mode.",
            },
            "defaultContentType": "application/json",
            "servers": servers,
            "channels": channels,
            "operations": operations,
            "components": {"messages": self._messages, "schemas": self._schemas},
        }

    def _channel(self, webhook: ReceivingWebhook, keys: Iterable[str]) -> Json:
        filters = {name: text for name, text in webhook.subscriptions.items() if text}
        channel: Json = {
            "address": _address(webhook.destination),
            "title": webhook.name,
            "servers": [{"$ref": f"#/servers/{webhook.id}"}],
            "messages": {key: {"$ref": f"#/components/messages/{key}"} for key in keys},
        }
        if webhook.description:
            channel["description"] = webhook.description
        return channel | ({"x-hooklake-event-filters": filters} if filters else {})

    def _received(self, webhook: ReceivingWebhook) -> list[str]:
        """The keys of its messages, which are written where they are not yet."""
        mode = webhook.content_mode
        single = [
            self._message(sent, version, mode, webhook.dual_secret)
            for name in sorted(webhook.subscriptions)
            for sent in [self._of.types[name]]
            for version in self._understood(name, webhook.pinned.get(name, ""))
        ]
        keys = [self._batch(webhook, single)] if webhook.batching and single else single
        if webhook.challenged:
            keys.append(self._message(self._of.challenge, None, mode, webhook.dual_secret))
        return keys

    def _understood(self, name: str, pinned: str) -> Sequence[DescribedVersion | None]:
        """The versions of a type that a webhook is sent; None stands for one of which nobody said anything."""
        known = self._of.versions.get(name, ())
        return [each for each in known if pinned in ("", each.version)] or [None]

    def _message(self, sent: SentType, version: DescribedVersion | None, mode: str, dual: bool) -> str:
        """The key of one event's message."""
        key = _key(sent.type, version.version if version else "", mode, "2" if dual else "")
        if key in self._messages:
            return key
        schema = self._data(sent, version)
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
            self._schemas[key] = (legacy_envelopes.schema if legacy else envelopes.structured)(envelope, schema)
            examples = [legacy_envelopes.example(each) for each in examples] if legacy else examples
            message["payload"] = {"$ref": f"#/components/schemas/{key}"}
            message["examples"] = [{"headers": envelopes.signatures(dual), "payload": each} for each in examples]
        message["headers"] = envelopes.signed(headers, dual)
        if not message["examples"]:
            del message["examples"]
        self._messages[key] = message | _version(version)
        return key

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

    def _data(self, sent: SentType, version: DescribedVersion | None) -> Any:
        """A reference to the schema of the data; what is known where nobody said anything."""
        if version is None or version.schema is None:
            return sent.schema
        key = _key("data", sent.type, version.version)
        if key not in self._schemas:
            self._schemas[key] = envelopes.placed(version.schema, f"#/components/schemas/{key}")
        return {"$ref": f"#/components/schemas/{key}"}


def _version(version: DescribedVersion | None) -> Json:
    if version is None:
        return {}
    said: Json = {"x-hooklake-version": version.version}
    if version.event_api:
        said["x-hooklake-event-api"] = version.event_api
    if version.dataschema:
        said["x-cloudevents-dataschema"] = version.dataschema
    if version.unreadable:
        said["x-hooklake-unreadable"] = True
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

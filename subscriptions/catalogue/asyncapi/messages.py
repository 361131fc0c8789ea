"""The messages that the application of a document sends, in each version of AsyncAPI.

Whose side the words tell differs. 1.x describes what others may do: "processes can subscribe to" a topic under `subscribe`,
and a consumer `receive`s or `read`s from the API (1.2.0, Introduction, Events Object, Stream Object). 2.x keeps the word and
says whose messages they are: `subscribe` is "a definition of the SUBSCRIBE operation, which defines the messages produced
by the application and sent to the channel" (2.6.0, Channel Item Object). 3.x tells the application's own side: "use `send`
when it's expected that the application will send a message to the given channel" (3.0.0, Operation Object); a reply to what
it receives is sent by it as well (Operation Reply Object).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from subscriptions.catalogue.asyncapi.references import Place, References


@dataclass(frozen=True, kw_only=True, slots=True)
class SentMessage:
    """A message in a channel."""

    #: With its traits.
    message: Place
    #: What the document calls it beside its own name: the key in a channel or among the components; "" for neither.
    key: str
    #: The channel's address; None where there is none.
    address: str | None
    channel: Place | None
    operation: Place | None


def sent(references: References, version: str) -> Iterator[SentMessage]:
    """Every message that the application sends, as often as it stands in a channel; raises Refused for bad references."""
    match version.partition(".")[0]:
        case "1":
            yield from _of_topics(references)
        case "2":
            yield from _of_channels(references)
        case _:
            yield from _of_operations(references)


def _of_topics(references: References) -> Iterator[SentMessage]:
    root = references.root
    base = root.get("baseTopic")
    for name in root.get("topics") or ():
        if name.startswith("x-"):
            continue
        topic = references.follow(root.at("topics", name))
        if topic.get("subscribe") is not None:
            address = f"{base}.{name}" if base else name
            for message in _alternatives(references, topic.at("subscribe")):
                yield _sent(references, message, (address, topic, None), overrides=False)
    for shelf, action in (("events", "receive"), ("stream", "read")):
        holder = references.follow(root.at(shelf)) if root.get(shelf) is not None else root
        listed = holder.get(action) if holder is not root else None
        for number in range(len(listed or ())):
            message = references.follow(holder.at(action, number))
            yield _sent(references, message, (None, None, None), overrides=False)


def _of_channels(references: References) -> Iterator[SentMessage]:
    root = references.root
    for name in root.get("channels") or ():
        if name.startswith("x-"):
            continue
        channel = references.follow(root.at("channels", name))
        operation = references.follow(channel.at("subscribe")) if channel.get("subscribe") is not None else None
        if operation is not None and operation.get("message") is not None:
            for message in _alternatives(references, operation.at("message")):
                yield _sent(references, message, (name, channel, operation), overrides=True)


def _of_operations(references: References) -> Iterator[SentMessage]:
    root = references.root
    for name in root.get("operations") or ():
        if name.startswith("x-"):
            continue
        operation = references.follow(root.at("operations", name))
        spoken = operation if operation.get("action") == "send" else None
        if operation.get("action") == "receive" and operation.get("reply") is not None:
            spoken = references.follow(operation.at("reply"))
        if spoken is None or spoken.get("channel") is None:
            continue
        channel = references.follow(spoken.at("channel"))
        address = channel.get("address")
        for message in _listed(references, spoken, channel):
            yield _sent(references, message, (address, channel, operation), overrides=False)


def _listed(references: References, operation: Place, channel: Place) -> Iterator[Place]:
    """The messages of an operation of 3.x: those that it names, else all of its channel's."""
    if operation.get("messages") is not None:
        for number in range(len(operation.get("messages"))):
            yield references.follow(operation.at("messages", number))
        return
    for name in channel.get("messages") or ():
        place = channel.at("messages", name)
        found = references.follow(place)
        yield Place(value=found.value, steps=found.steps, named=name)


def _alternatives(references: References, place: Place) -> Iterator[Place]:
    """A message, or each of `oneOf`; each once, whatever leads to it."""
    seen: set[int] = set()
    waiting = [place]
    while waiting:
        found = references.follow(waiting.pop())
        if id(found.value) in seen:
            continue
        seen.add(id(found.value))
        if isinstance(found.get("oneOf"), list):
            waiting += [found.at("oneOf", number) for number in reversed(range(len(found.get("oneOf"))))]
        else:
            yield found


def _sent(
    references: References, message: Place, where: tuple[str | None, Place | None, Place | None], *, overrides: bool
) -> SentMessage:
    address, channel, operation = where
    whole = Place(value=_with_traits(references, message, overrides=overrides), steps=message.steps)
    return SentMessage(message=whole, key=message.named or "", address=address, channel=channel, operation=operation)


def _with_traits(references: References, message: Place, *, overrides: bool) -> Any:
    """The message with its traits merged (JSON Merge Patch, RFC 7396).

    In 2.x a trait overrides what the message says; in 3.x the message has the last word (3.0.0, Traits Merge Mechanism).
    """
    traits = message.get("traits")
    if not traits:
        return message.value
    own = {name: value for name, value in message.value.items() if name != "traits"}
    merged: Any = own if overrides else {}
    for number in range(len(traits)):
        merged = _patched(merged, references.follow(message.at("traits", number)).value)
    return merged if overrides else _patched(merged, own)


def _patched(target: Any, patch: Any) -> Any:
    if not isinstance(patch, dict):
        return patch
    made = dict(target) if isinstance(target, dict) else {}
    for name, value in patch.items():
        if value is None:
            made.pop(name, None)
        else:
            # A value that meets none is taken as it is: a trait may be large, and is shared by many messages.
            made[name] = _patched(made[name], value) if isinstance(made.get(name), dict) else value
    return made

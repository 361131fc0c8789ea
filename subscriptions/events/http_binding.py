"""CloudEvents over HTTP: structured, binary and batch mode read, binary mode written (cloudevents.md 3).

What makes a CloudEvent valid is left to `cloudevent.py`; the JSON grammar to `json_text.py`.
"""

import base64
from collections.abc import Iterator, Sequence

from subscriptions.events import attributes, cloudevent, header_text, json_text, sizes
from subscriptions.events.cloudevent import CloudEvent, Data, RequestPlace
from subscriptions.ground.errors import Issue, Malformed, Refused, Unprocessable

STRUCTURED = "application/cloudevents+json"
BATCH = "application/cloudevents-batch+json"

_CE = "ce-"
_HEADER = RequestPlace(before=_CE, source="header")

Headers = Sequence[tuple[str, str]]


class FormatUnknown(Refused):
    """The Content-Type names an event format or an encoding that is not understood (cloudevents.md W6: 415)."""


def decode(headers: Headers, body: bytes, *, limit: int = 1000, longest: int | None = None) -> list[CloudEvent]:
    """The CloudEvents of a request, all at once; raises as `each` does."""
    return [relayed for _, relayed in each(headers, body, limit=limit, longest=longest)]


def each(
    headers: Headers, body: bytes, *, limit: int = 1000, longest: int | None = None
) -> Iterator[tuple[int, CloudEvent]]:
    """The CloudEvents of a request, its mode told by the Content-Type alone; a batch may be empty (cloudevents.md H2, B1).

    Each comes with the bytes that it was sent as, and is read when it is asked for: to read many takes long.

    Raises Malformed where the body cannot be read, FormatUnknown for another event format, TooLarge for a batch of more
    than `limit` or an event of more than `longest` bytes as sent, Unprocessable and Refused for an invalid event, naming its
    index and attribute.
    """
    content_type = _content_type(headers)
    media_type = (content_type or "").partition(";")[0].strip().lower()
    if media_type.startswith("application/cloudevents-batch"):
        _understood(content_type or "", media_type, BATCH)
        yield from _batch(body, limit, longest)
        return
    sizes.bounded(len(body), longest)
    if media_type.startswith("application/cloudevents"):
        if media_type != STRUCTURED and any(name.lower() == "ce-specversion" for name, _ in headers):
            # A format unknown here is opaque data of a binary event (cloudevents.md H8).
            yield len(body), _binary(headers, content_type, body)
            return
        _understood(content_type or "", media_type, STRUCTURED)
        yield len(body), cloudevent.from_json(json_text.compact(body), place=RequestPlace())
        return
    yield len(body), _binary(headers, content_type, body)


def encode_binary(event_body: bytes) -> tuple[list[tuple[str, str]], bytes]:
    """Headers and body of an event in binary mode, from its structured JSON (cloudevents.md H3, H4, H5).

    An event without data has an empty body and no Content-Type: as a webhook it has to go structured (cloudevents.md W1).
    Raises Refused where the data cannot be written in the charset that its media type names.
    """
    relayed = cloudevent.from_json(event_body, place=RequestPlace())
    content_type = relayed.datacontenttype
    if content_type is None and relayed.data is not None and relayed.data.member == "data":
        content_type = "application/json"  # What was implied is said; for bytes nothing is (cloudevents.md J10, J4).
    headers = [("Content-Type", content_type)] if content_type else []
    headers += [
        (_CE + name, header_text.encode(attributes.canonical(value)))
        for name, value in relayed.attributes.items()
        if name != "datacontenttype"
    ]
    return headers, cloudevent.payload(relayed)


def _content_type(headers: Headers) -> str | None:
    given = [value for name, value in headers if name.lower() == "content-type"]
    if len(given) > 1:
        raise Malformed(Issue(subject="Content-Type", description="is given more than once", source="header"))
    return given[0].strip() if given else None


def _understood(content_type: str, media_type: str, expected: str) -> None:
    charset = attributes.charset(content_type)
    if media_type != expected or charset not in (None, "utf-8", "us-ascii"):
        shown = content_type[:100] if content_type.isprintable() else ascii(content_type[:100])[1:-1]
        description = f"{shown} is not understood; {expected} in UTF-8 is"
        raise FormatUnknown(Issue(subject="Content-Type", description=description, source="header"))


def _batch(body: bytes, limit: int, longest: int | None) -> Iterator[tuple[int, CloudEvent]]:
    if body.lstrip(b" \t\r\n")[:1] != b"[":
        sizes.bounded(len(body), longest)
        json_text.compact(body)
        raise Unprocessable(Issue(subject="body", description="a batch is an array of CloudEvents"))
    for index, (size, item) in enumerate(json_text.items(body, limit=limit, longest=longest)):
        yield size, cloudevent.from_json(item.text, place=RequestPlace(before=f"[{index}]."))


def _binary(headers: Headers, content_type: str | None, body: bytes) -> CloudEvent:
    members: dict[str, object] = {}
    for header, value in headers:
        name = header.lower()
        if not name.startswith(_CE):
            continue
        name = name.removeprefix(_CE)
        if name in members:
            raise Malformed(_HEADER.issue(name, "is given more than once"))
        if name == "datacontenttype":
            issue = Issue(subject=header, description="must not be present: Content-Type says it", source="header")
            raise Unprocessable(issue)
        try:
            members[name] = header_text.decode(value)
        except ValueError as error:
            raise Malformed(_HEADER.issue(name, str(error))) from None
    if not members and body.lstrip(b" \t\r\n")[:1] in (b"{", b"["):
        raise Unprocessable(Issue(subject="Content-Type", description=_meant(content_type), source="header"))
    if content_type is not None:
        members["datacontenttype"] = content_type
    return cloudevent.vetted(members, _data(content_type, body), place=_HEADER)


def _meant(content_type: str | None) -> str:
    """What to say of what is no binary event, and probably was not to be one."""
    given = f"is {content_type[:100]!r}" if content_type else "is missing"
    said = f"{given}, so attributes are looked for in `ce-` headers, of which there is none"
    return f"{said}; one event as JSON is {STRUCTURED}, an array of them {BATCH}"


def _data(content_type: str | None, body: bytes) -> Data | None:
    """The body as it stands in an envelope: JSON as a value, text as a string, all else as base64 (cloudevents.md J4, J5, J6)."""
    if not body:
        return None
    if content_type is not None and attributes.is_json(content_type):
        return Data(member="data", text=json_text.compact(body, root="data"))
    if content_type is not None and attributes.is_text(content_type):
        try:
            # Only where the bytes come back the same from the string.
            charset = attributes.charset(content_type) or "utf-8"
            if charset in ("utf-8", "us-ascii"):
                return Data(member="data", text=json_text.quote(body.decode(charset)))
        except UnicodeDecodeError:
            pass
    return Data(member="data_base64", text=json_text.quote(base64.b64encode(body).decode()))

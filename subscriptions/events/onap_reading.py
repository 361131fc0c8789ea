"""Reads ONAP's legacy envelopes of a request: which fields they have, in the body or as headers, and what they must have.

What becomes of the fields is left to `onap.py`.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

from subscriptions.events import attributes, json_text, onap_texts, sizes
from subscriptions.events.json_text import CompactJson
from subscriptions.events.onap_texts import DMI, FIELDS, NCMP, PAYLOADS, SPELLINGS, SUBSCRIPTION
from subscriptions.ground.errors import Issue, Malformed, Refused, Unprocessable

#: What an event is that names no type, by the member that holds its payload.
DECLARED = {"eventContent": DMI, "forwardedEvent": NCMP, "forwardedEventData": NCMP}
#: The source where none is named (CPS Events Structure, decision 18).
SOURCE = "ncmp"
_LCM = ("eventId", "eventTime", "eventSource", "eventType", "eventSchema", "eventSchemaVersion")
_AVC = ("eventId", "eventType", "eventSchema", "eventSchemaVersion")
#: By the beginning of an event's type, what its envelope must have beside type and payload (#1, #2, #4, #5).
MANDATORY = (
    ("org.onap.ncmp.cmhandle-lcm-event.", _LCM),
    ("org.onap.cps.ncmp.events.avc1_0_0.AvcEvent", _AVC),
    ("cps:org.onap.cps.ncmp.events:avc-event", _AVC),
    (DMI, ("eventId", "eventCorrelationId")),
    (NCMP, ("eventId", "eventCorrelationId")),
)
_HEADERS = {name.lower(): name for name in FIELDS}


@dataclass(frozen=True, kw_only=True, slots=True)
class LegacyEnvelope:
    """One envelope as it was given; members that are null are not in it."""

    #: The fields that are no empty texts, by their names in FIELDS.
    texts: Mapping[str, str]
    #: Those that are.
    empty: frozenset[str]
    #: The other spellings of fields that it has.
    spelt: tuple[str, ...]
    #: Member and compact JSON, one or several of PAYLOADS in its order.
    payload: Mapping[str, bytes]
    #: Before a field's name in what is said about it.
    at: str
    #: Fields that only a header has.
    in_header: frozenset[str]

    def issue(self, name: str, description: str) -> Issue:
        """What is wrong with one of its fields, where it stands."""
        if name in self.in_header:
            return Issue(subject=name, description=description, source="header")
        spelt = next((each for each in self.spelt if SPELLINGS[each] == name), name)
        return Issue(subject=self.at + spelt, description=description)


def in_headers(headers: Sequence[tuple[str, str]]) -> dict[str, str]:
    """The fields among the headers of a request, by their names in FIELDS; raises Malformed for one given twice, or no UTF-8."""
    found: dict[str, str] = {}
    for header, value in headers:
        name = _HEADERS.get(header.lower())
        if name is None:
            continue
        if name in found:
            raise Malformed(Issue(subject=name, description="is given more than once", source="header"))
        try:
            # HTTP servers hand over bytes over 127 as ISO 8859-1.
            found[name] = value.encode("latin-1").decode()
        except UnicodeError:
            raise Malformed(Issue(subject=name, description="is not UTF-8", source="header")) from None
    return found


def each(
    headers: Mapping[str, str], body: bytes, *, limit: int, longest: int | None
) -> Iterator[tuple[int, LegacyEnvelope]]:
    """The envelopes of a request, with their bytes as sent; raises as `onap.each` does, but for what the fields come to."""
    if body.lstrip(b" \t\r\n")[:1] != b"[":
        sizes.bounded(len(body), longest)
        yield len(body), _envelope(json_text.read(body), headers, at="")
        return
    index = -1
    for index, (size, item) in enumerate(json_text.items(body, limit=limit, longest=longest)):
        if index == 1 and "eventId" in headers:
            said = "is the id of one event, and the array has several: put an id into each"
            raise Refused(Issue(subject="eventId", description=said, source="header"))
        yield size, _envelope(item, headers, at=f"[{index}].")
    if index < 0:
        raise Refused(Issue(subject="body", description="must hold at least one envelope"))


def type_of(envelope: LegacyEnvelope) -> str:
    """The type of its event: eventType, else the last name in eventSchema, else what the payload's member declares."""
    texts = envelope.texts
    found = texts.get("eventType") or onap_texts.last_name(texts.get("eventSchema", ""))
    return found or next((DECLARED[name] for name in envelope.payload if name in DECLARED), "")


def source_of(envelope: LegacyEnvelope, event_type: str) -> str:
    """The source of an event that names none: of a subscription its client, else `ncmp`."""
    if event_type == SUBSCRIPTION:
        said = json_text.load(next(iter(envelope.payload.values())))
        asked = said.get("subscription") if isinstance(said, dict) else None
        client = asked.get("clientID") if isinstance(asked, dict) else None
        if isinstance(client, str) and client and not attributes.value_fault("source", client):
            return client
    return SOURCE


def complete(envelope: LegacyEnvelope, event_type: str) -> None:
    """Raises Unprocessable naming what lacks that an event of this type must have (empty: it has none)."""
    wrong = []
    if not envelope.payload:
        wrong.append(
            envelope.issue(PAYLOADS[0], f"is required: the payload, which {' or '.join(PAYLOADS[1:])} may hold")
        )
    if not event_type:
        wrong.append(envelope.issue("eventType", "is required, for eventSchema names no event"))
    begins, needed = next((each for each in MANDATORY if event_type.startswith(each[0])), ("", ()))
    for name in needed:
        if name in envelope.empty:
            wrong.append(envelope.issue(name, "must not be empty"))
        elif name not in envelope.texts:
            wrong.append(envelope.issue(name, f"is required in events whose type begins with {begins}"))
    if wrong:
        raise Unprocessable(*wrong)


def _envelope(item: CompactJson, headers: Mapping[str, str], *, at: str) -> LegacyEnvelope:
    members = item.value
    if not isinstance(members, dict):
        raise Unprocessable(Issue(subject=at.rstrip(".") or "body", description="an envelope of ONAP is an object"))
    given = {name: value for name, value in members.items() if value is not None}
    _known(given, at)
    spelt = tuple(name for name in SPELLINGS if name in given)
    if twice := [name for name in spelt if SPELLINGS[name] in given]:
        said = [f"is given twice: as `{name}` and as `{SPELLINGS[name]}`" for name in twice]
        raise Refused(*(Issue(subject=at + name, description=each) for name, each in zip(twice, said, strict=True)))
    fields = {SPELLINGS.get(name, name): str(value) for name, value in given.items() if name not in PAYLOADS}
    if wrong := list(_contradictions(fields, headers, at)):
        raise Refused(*wrong)
    texts = {**headers, **fields}
    raw = json_text.members(item.text) if given.keys() & set(PAYLOADS) else {}
    return LegacyEnvelope(
        texts={name: text for name, text in texts.items() if text},
        empty=frozenset(name for name, text in texts.items() if not text),
        spelt=spelt,
        payload={name: raw[name] for name in PAYLOADS if name in given},
        at=at,
        in_header=frozenset(headers.keys() - fields.keys()),
    )


def _known(given: Mapping[str, object], at: str) -> None:
    """Raises Unprocessable for members that an envelope does not have, and for fields that are no strings."""
    wrong = list(islice(_strange(given, at), attributes.MOST_FAULTS))
    if wrong:
        raise Unprocessable(*wrong)


def _strange(given: Mapping[str, object], at: str) -> Iterator[Issue]:
    for name, value in given.items():
        known = name in FIELDS or name in SPELLINGS
        if name in PAYLOADS or (known and isinstance(value, str)):
            continue
        said = (
            "must be a string" if known else "is no field of ONAP's envelope: what is an event's own goes into `event`"
        )
        yield Issue(subject=at + name[:100], description=said)


def _contradictions(fields: Mapping[str, str], headers: Mapping[str, str], at: str) -> Iterator[Issue]:
    for name, text in fields.items():
        if name in headers and headers[name] != text:
            said = f"is {text[:100]!r} here and {headers[name][:100]!r} in the header of that name: say it once"
            yield Issue(subject=at + name, description=said)
            yield Issue(subject=name, description=f"differs from the {at}{name} of the body", source="header")

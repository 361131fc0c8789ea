"""What the fields of ONAP's legacy envelope are called, and how their texts become CloudEvents attributes: times and schemas.

The fields are those of "CPS Events Structure" (ONAP's wiki, events #1 to #5). The envelope as a whole is left to `onap.py`.
"""

import re

from subscriptions.events import attributes

#: In the order in which they are written.
FIELDS = (
    *("eventId", "eventCorrelationId", "eventTime", "eventSource", "eventTarget"),
    *("eventType", "eventSchema", "eventSchemaVersion"),
)
#: What else a field is called in a body: by the description of all events, and by those of #3 and #5.
SPELLINGS = {"eventID": "eventId", "source": "eventSource", "version": "eventSchemaVersion"}
#: What may hold the payload: #1 to #3 and #5, #4, and #5 where it passes an event on (by its description, by its schema).
PAYLOADS = ("event", "eventContent", "forwardedEvent", "forwardedEventData")
DMI = "org.onap.cps.ncmp.event.model.DmiAsyncRequestResponseEvent"
NCMP = "org.onap.cps.ncmp.event.model.NcmpAsyncRequestResponseEvent"
#: The type of the one event whose envelope has a version and no schema (#3), and its schema.
SUBSCRIPTION, SUBSCRIPTION_SCHEMA = "CREATE", "cps:org.onap.cps.ncmp.events:avc-subscription-event"
#: What is wrong with a text that is no time.
NO_TIME = "must be a time such as 2020-12-01T00:00:00.000+0000"

_OFFSET = re.compile(r"([+-]\d\d)(\d\d)\Z", re.ASCII)
_TIME = re.compile(r"(.{10})[Tt](.{8})(?:\.(\d+))?(?:[Zz]|([+-]\d\d):(\d\d))\Z", re.ASCII)
_VERSION = re.compile(r"v?(\d+)(?:\.(\d+))?(?:\.(\d+))?\Z", re.ASCII)
#: At the end of a name a number alone is no version.
_AT_THE_END = re.compile(r"v\d+\Z|v?\d+\.\d+(?:\.\d+)?\Z", re.ASCII)
_WHOLE = re.compile(r"\d+\.\d+\.\d+\Z", re.ASCII)


def rfc3339(text: str) -> str | None:
    """The time of an envelope as RFC 3339, its offset with a colon, `Z` for `+0000`; None where it is no time."""
    offset = _OFFSET.search(text)
    if offset is not None:
        text = text[: offset.start()] + ("Z" if offset[0] == "+0000" else f"{offset[1]}:{offset[2]}")
    return text if attributes.instant(text) else None


def legacy_time(time: str) -> str:
    """An RFC 3339 time by the pattern yyyy-MM-dd'T'HH:mm:ss.SSSZ: three decimals, what is beyond them cut, no colon."""
    match = _TIME.match(time)
    if match is None:
        return time
    date, clock, fraction, hours, minutes = match.groups()
    offset = f"{hours}{minutes}" if hours else "+0000"
    return f"{date}T{clock}.{(fraction or '')[:3]:0<3}{offset}"


def same_moment(text: str, time: str) -> bool:
    """Whether the time of an envelope is the moment of an RFC 3339 time."""
    found = rfc3339(text)
    return found is not None and attributes.instant(found) == attributes.instant(time)


def folded(event_type: str, schema: str, version: str) -> str:
    """The `dataschema` of an event with these texts, empty ones for none; empty where it has none."""
    if not schema and version and event_type == SUBSCRIPTION:
        schema = SUBSCRIPTION_SCHEMA
    return dataschema(schema, version) if schema else ""


def dataschema(schema: str, version: str) -> str:
    """The URI of eventSchema and eventSchemaVersion (empty: there is none).

    What is no URN becomes one of `urn:cps:`. A version at its end (`:v1`, `:v1.0`, `:1.0`, `:1.0.0`) is its version, else the
    other text is; it is written with three parts. A URL is left alone.
    """
    if "://" in schema:
        return schema
    name, own = _apart(_urn(schema))
    if own or version:
        return f"{name}:{own or _three_parts(version) or version}"
    return name


def schema_of(dataschema: str) -> tuple[str, str]:
    """eventSchema and eventSchemaVersion for a `dataschema` that came without those texts; empty: there is no version."""
    name, _, version = dataschema.rpartition(":")
    return (name, version) if dataschema[:4].lower() == "urn:" and _WHOLE.match(version) else (dataschema, "")


def last_name(schema: str) -> str:
    """The last name in eventSchema, which is the type where no other is told; empty for one that names a schema."""
    name = _apart(_urn(schema))[0].rpartition(":")[2] if "://" not in schema else ""
    return "" if name.lower().endswith("schema") else name


def _urn(schema: str) -> str:
    if schema[:4].lower() == "urn:":
        return schema
    return f"urn:{schema}" if schema.startswith("cps:") else f"urn:cps:{schema}"


def _apart(urn: str) -> tuple[str, str]:
    """A URN without the version at its end, and that version in three parts."""
    name, _, last = urn.rpartition(":")
    return (name, _three_parts(last)) if _AT_THE_END.match(last) else (urn, "")


def _three_parts(version: str) -> str:
    match = _VERSION.match(version)
    return ".".join(part or "0" for part in match.groups()) if match else ""

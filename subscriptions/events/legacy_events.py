"""Kyma's legacy event, a JSON object of five members, read as the CloudEvent that Kyma's publisher proxy makes of it.

The rules, and the order in which they are asked, are the proxy's; how a refusal is worded for its publishers is left to the
entrance.
"""

import re
from dataclasses import dataclass, replace
from typing import Any

from subscriptions.events import attributes, cloudevent, json_text
from subscriptions.events.cloudevent import CloudEvent, Data, RequestPlace
from subscriptions.ground.errors import Issue, Malformed, Refused

TYPE, VERSION, ID, TIME, DATA = "event-type", "event-type-version", "event-id", "event-time", "data"
#: What is no member of it: the name in the path.
APPLICATION = "application"
#: The extension that holds the version, which is the end of the type as well.
EXTENSION = "eventtypeversion"

#: Anywhere in it, as there.
_ALPHANUMERIC = re.compile(r"[a-zA-Z0-9]")
_UUID = re.compile(r"[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}\Z")
#: What each attribute comes from.
_MEMBERS = {"type": TYPE, EXTENSION: VERSION, "id": ID, "time": TIME, "source": APPLICATION}


class FieldMissing(Refused):
    """A member that has to be there is not, or is empty."""


class FieldInvalid(Refused):
    """A member breaks a rule of Kyma's."""


class FieldRefused(FieldInvalid):
    """A member breaks a rule that Kyma does not have, and its publishers do not know."""


@dataclass(frozen=True, kw_only=True, slots=True)
class LegacyEvent:
    """A legacy event as it was read."""

    event: CloudEvent
    #: Whether its publisher chose the id.
    given_id: bool


def read(body: bytes, *, application: str, id_made: str) -> LegacyEvent:
    """The event of a request body; `id_made` is its id where the publisher gave none.

    Members beside the five are left alone, as there. Raises Malformed for what is no JSON object or has a member of another
    kind, FieldMissing and FieldInvalid naming the first member that is wrong, FieldRefused for what no CloudEvent can hold.
    """
    found = json_text.read(body)
    members: Any = {} if found.value is None else found.value
    if not isinstance(members, dict):
        raise Malformed(Issue(subject="body", description="must be an object"))
    for name in (TYPE, VERSION, ID, TIME):
        if not isinstance(members.get(name, ""), str | None):
            raise Malformed(Issue(subject=name, description="must be a string"))
    given = {name: members.get(name) or "" for name in (TYPE, VERSION, ID, TIME)}
    _check(given)
    if members.get(DATA) in (None, ""):
        raise FieldMissing(Issue(subject=DATA, description="is required, and neither null nor an empty string"))
    spelled = {
        "specversion": "1.0",
        "id": given[ID] or id_made,
        "source": application,
        # Never cleaned: two names that differ in what Kyma's back ends cannot spell stay two.
        "type": f"{given[TYPE]}.{given[VERSION]}",
        "datacontenttype": "application/json",
        "time": given[TIME],
        EXTENSION: given[VERSION],
    }
    data = Data(member="data", text=json_text.members(found.text)[DATA])
    try:
        event = cloudevent.vetted(spelled, data, place=RequestPlace())
    except Refused as refused:
        raise named(refused) from None
    return LegacyEvent(event=event, given_id=bool(given[ID]))


def _check(given: dict[str, str]) -> None:
    if not given[TYPE]:
        raise FieldMissing(Issue(subject=TYPE, description="is required"))
    if not given[VERSION]:
        raise FieldMissing(Issue(subject=VERSION, description="is required"))
    if not _ALPHANUMERIC.search(given[VERSION]):
        raise FieldInvalid(Issue(subject=VERSION, description="must hold a letter or a digit, as in v1"))
    if not given[TIME]:
        raise FieldMissing(Issue(subject=TIME, description="is required"))
    if attributes.instant(given[TIME]) is None:
        said = "must be an RFC 3339 timestamp such as 2026-05-04T12:30:00.5Z"
        raise FieldInvalid(Issue(subject=TIME, description=said))
    if given[ID] and not _UUID.match(given[ID]):
        raise FieldInvalid(Issue(subject=ID, description="must be a UUID"))


def named(refused: Refused) -> FieldRefused:
    """The refusal of what a legacy event became, each attribute called by the member that it came from."""
    subjects = (_MEMBERS.get(issue.subject, issue.subject) for issue in refused.issues)
    return FieldRefused(*(replace(issue, subject=name) for name, issue in zip(subjects, refused.issues, strict=True)))

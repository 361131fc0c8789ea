"""What somebody asks of an event API, and the row that comes of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any
from uuid import uuid4

from subscriptions.catalogue import api_rows
from subscriptions.catalogue.api_access import AUTH
from subscriptions.catalogue.api_rows import ApiVersion, EventApi
from subscriptions.catalogue.preparing import PreparedApi


@dataclass(frozen=True, kw_only=True, slots=True)
class EventApiDraft:
    """An event API as somebody registers it."""

    #: None: it is fetched.
    text: bytes | None = None
    #: As the request says it; None: it is seen from the text.
    media_type: str | None = None
    #: None: the document's title.
    name: str | None = None
    description: str | None = None
    group: str = ""
    application: str = ""
    #: None: the document's own version.
    version: ApiVersion | None = None
    #: Types are named by channels, as Kyma's are.
    by_channel: bool = False
    origin: str = "api"
    #: `auth`, `externalSubscriptions` and `fetchRequest` as JSON (`api_access.py`).
    access: Mapping[str, Any] = field(default_factory=dict, repr=False)
    #: A text that is no AsyncAPI document is kept with the reason, and brings no types.
    lenient: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class EventApiChange:
    """What somebody changes of an event API; None: it stays."""

    text: bytes | None = None
    media_type: str | None = None
    name: str | None = None
    description: str | None = None
    group: str | None = None
    #: Fields of `ApiVersion`; those that are not there stay.
    version: Mapping[str, Any] = field(default_factory=dict)
    by_channel: bool = False
    #: Those of `auth`, `externalSubscriptions` and `fetchRequest` that change, as JSON; None takes one away.
    access: Mapping[str, Any] = field(default_factory=dict, repr=False)
    #: Whether `auth` and `fetchRequest` in it are merge patches; else they stand in the place of what is there.
    merging: bool = False
    lenient: bool = False
    #: The generation for which the text was fetched; None: somebody gave it.
    fetched: int | None = None
    #: The generation that is to be changed; None: whichever there is.
    expected: int | None = None
    #: Types that a new document leaves out are retired with their subscriptions.
    force: bool = False


def new_row(draft: EventApiDraft, prepared: PreparedApi, *, by: str | None, now: datetime) -> dict[str, Any]:
    """The row of a registration; the document says what the draft does not."""
    read = prepared.document
    version = api_rows.deprecated_now(draft.version or ApiVersion(value=read.version[: api_rows.LONGEST]), now)
    key = uuid4()
    return {
        "id": key,
        "workspace_id": by,
        "application": draft.application,
        "name": draft.name or read.title[: api_rows.LONGEST] or str(key),
        "description": read.description[: api_rows.PROSE] if draft.description is None else draft.description,
        "api_group": draft.group,
        **version.columns(),
        **api_rows.document_columns(prepared),
        "origin": draft.origin,
        "generation": 1,
        "created_at": now,
        "updated_at": now,
    }


def changed_row(
    before: EventApi, change: EventApiChange, prepared: PreparedApi | None, now: datetime
) -> dict[str, Any]:
    """The row of a change; a document that was fetched, or is the first, says what nobody has said yet."""
    anew = replace(before.version, **change.version)
    name = before.name if change.name is None else change.name
    description = before.description if change.description is None else change.description
    if prepared is not None and (change.fetched is not None or not before.asyncapi):
        read = prepared.document
        anew = replace(anew, value=anew.value or read.version[: api_rows.LONGEST])
        name = read.title[: api_rows.LONGEST] or name if name == str(before.id) else name
        description = description or read.description[: api_rows.PROSE]
    version = api_rows.deprecated_now(anew, before.version.deprecated_since or now)
    return {
        "id": before.id,
        "workspace_id": before.workspace_id,
        "name": name,
        "description": description,
        "api_group": before.group if change.group is None else change.group,
        **version.columns(),
        **(api_rows.document_columns(prepared, closed=_by_credential(before, change)) if prepared is not None else {}),
        "generation": before.generation + 1,
        "updated_at": now,
    }


def _by_credential(before: EventApi, change: EventApiChange) -> bool:
    return change.fetched is not None and before.fetch is not None and AUTH in before.fetch.request

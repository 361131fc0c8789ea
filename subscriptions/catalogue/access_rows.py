"""What event APIs say beside their documents as rows: written by registrations and changes, read for a fetch."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import case, func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from subscriptions.catalogue import api_access, api_auth
from subscriptions.catalogue.api_access import FETCH, FetchRequest
from subscriptions.catalogue.api_drafts import EventApiChange, EventApiDraft
from subscriptions.catalogue.api_rows import EventApi
from subscriptions.catalogue.tables import event_apis
from subscriptions.ground import audit
from subscriptions.ground.audit import CHANGED, AuditChange
from subscriptions.ground.errors import Issue, Refused
from subscriptions.ground.vault import Vault

#: Conditions of a fetch.
INITIAL, SUCCEEDED, FAILED = "INITIAL", "SUCCEEDED", "FAILED"
#: Characters of why one failed.
LONGEST = 1000

_apis = event_apis


@dataclass(frozen=True, kw_only=True, slots=True)
class FetchTarget:
    """What is to be fetched for an event API, with its secrets."""

    api: UUID
    name: str
    #: Whose it is; None: the operators'.
    workspace_id: str | None
    request: FetchRequest
    #: Of the API at that moment: what comes is for it alone.
    generation: int
    #: SHA-256 of the document that there is; None: there is none yet.
    digest: bytes | None
    #: Whether secrets of the request are gone, with the key that sealed them.
    lost: bool


def of_draft(draft: EventApiDraft, api: UUID, vault: Vault, now: datetime) -> dict[str, Any]:
    """The columns of a registration; raises Refused, TooLarge."""
    whole = api_access.changed({}, draft.access, merging=False)
    if (draft.text is None) == (FETCH not in whole):
        said = (
            "is required, or a fetchRequest is" if draft.text is None else "is given beside a fetchRequest: one of them"
        )
        raise Refused(Issue(subject="document", description=said))
    if draft.by_channel and FETCH in whole:
        whole[FETCH]["namedBy"] = "channel"
    return {**api_access.columns(whole, vault, api), **(_initial(now) if FETCH in whole else {})}


async def of_change(
    connection: AsyncConnection, before: EventApi, change: EventApiChange, vault: Vault, now: datetime
) -> tuple[dict[str, Any], list[AuditChange]]:
    """The columns of a change, and the entries that it leaves once it is made; raises Refused, TooLarge, Sealed."""
    if change.fetched is not None:
        return _ended(SUCCEEDED, "", now), [_fetched(before, SUCCEEDED, "")]
    if not change.access:
        _check_source(change, before.fetch is not None)
        return {}, []
    columns = (_apis.c.id, _apis.c.access, _apis.c.access_sealed)
    row = (await connection.execute(select(*columns).where(_apis.c.id == before.id))).mappings().one()
    kept = api_access.opened(row, vault)
    whole = api_access.changed(kept, change.access, merging=change.merging)
    if change.by_channel and FETCH in change.access and FETCH in whole:
        whole[FETCH]["namedBy"] = "channel"
    _check_source(change, FETCH in whole)
    fetching: dict[str, Any] = {}
    if FETCH in change.access:
        fetching = _initial(now) if FETCH in whole else _ended("", "", None)
    return api_access.columns(whole, vault, before.id) | fetching, _secrets_changed(before, kept, whole)


async def target(connection: AsyncConnection, api: EventApi, vault: Vault) -> FetchTarget:
    """What is to be fetched; raises Refused where nothing is, Sealed."""
    document = case((func.length(_apis.c.document) > 0, func.sha256(_apis.c.document))).label("digest")
    columns = (_apis.c.id, _apis.c.access, _apis.c.access_sealed, document)
    row = (await connection.execute(select(*columns).where(_apis.c.id == api.id))).mappings().one()
    whole = api_access.opened(row, vault)
    request = api_access.fetched_from(whole)
    if request is None:
        raise Refused(Issue(subject="fetchRequest", description="the event API has none: its document was given"))
    return FetchTarget(
        api=api.id,
        name=api.name,
        workspace_id=api.workspace_id,
        request=request,
        generation=api.generation,
        digest=row["digest"],
        lost=api_auth.MASK in api_auth.secrets_in(whole[FETCH]),
    )


async def end(connection: AsyncConnection, of: FetchTarget, said: str, now: datetime) -> None:
    """A fetch brought nothing new (empty) or did not succeed; nothing else of the API changes."""
    ended = _ended(FAILED if said else SUCCEEDED, said[:LONGEST], now)
    asked = update(_apis).where(_apis.c.id == of.api, _apis.c.generation == of.generation)
    if (await connection.execute(asked.values(**ended))).rowcount:
        await audit.note(connection, _fetched(of, ended["fetch_condition"], ended["fetch_message"]))


def _secrets_changed(api: EventApi, kept: Mapping[str, Any], whole: Mapping[str, Any]) -> list[AuditChange]:
    """The entry of secrets that are others now, which no other entry shows."""
    pairs = {name: (kept.get(name), whole.get(name)) for name in api_access.MEMBERS}
    changed = {name for name, (old, new) in pairs.items() if api_auth.secrets_in(old) != api_auth.secrets_in(new)}
    if not changed:
        return []
    after = dict.fromkeys(sorted(changed), CHANGED)
    action, subject = "event-api.secrets-changed", str(api.id)
    return [AuditChange(action=action, subject=subject, name=api.name, workspace_id=api.workspace_id, after=after)]


def _fetched(api: EventApi | FetchTarget, condition: str, said: str) -> AuditChange:
    """The entry of a fetch that somebody asked for: it counts as a change, or one could have others' hosts asked without end."""
    return AuditChange(
        action="event-api.fetched",
        subject=str(api.id if isinstance(api, EventApi) else api.api),
        name=api.name,
        workspace_id=api.workspace_id,
        after={"condition": condition} | ({"message": said} if said else {}),
    )


def _check_source(change: EventApiChange, fetching: bool) -> None:
    if change.text is not None and fetching:
        said = "cannot be given while the event API has a fetchRequest: take that away (null) in the same change"
        raise Refused(Issue(subject="document", description=said))


def _initial(now: datetime) -> dict[str, Any]:
    return _ended(INITIAL, "", now)


def _ended(condition: str, said: str, now: datetime | None) -> dict[str, Any]:
    return {"fetch_condition": condition, "fetch_message": said, "fetched_at": now}

"""The audit log as events: each entry of a workspace becomes GreenLake's `audit-log.v1.logs.created`.

What leaves an entry is left to `subscriptions/ground/audit.py`; the shape is the captured one (greenlake.md 1.14).
"""

import logging
from collections.abc import Sequence
from contextlib import suppress
from datetime import timedelta

import msgspec

from delivery.upkeep.jobs import FailurePublisher
from subscriptions.access import audit_log
from subscriptions.access.audit_log import AuditEntry, Change
from subscriptions.events.catalogue import AUDIT_LOG
from subscriptions.events.event import Naming
from subscriptions.events.sdk import SdkEvent
from subscriptions.ground.database import Clock, Database
from subscriptions.ground.errors import Refused

log = logging.getLogger("hooklake.delivery")

#: Entries that are published, or deleted, at once.
PAGE, CHUNK = 100, 1000
#: Characters of a field that are told where the whole would be more than an event may have.
SHORT = 200
#: GreenLake's own platform (greenlake.md 1.10).
APPLICATION = "00000000-0000-0000-0000-000000000000"
#: What is wrong with an entry itself: it would be so the next time as well.
_UNTELLABLE = (Refused, msgspec.MsgspecError, ValueError, TypeError, OverflowError, RecursionError)


class AuditEvents:
    """Publishes what was written since, and deletes what is kept no longer; both safe to do twice, by several processes."""

    def __init__(self, database: Database, clock: Clock, notify: FailurePublisher, *, keep: float) -> None:
        """`keep` is seconds."""
        self._database = database
        self._clock = clock
        self._notify = notify
        self._keep = timedelta(seconds=keep)

    async def publish(self) -> None:
        """Publishes all entries that somebody of their workspace has subscribed to; an entry published twice is one event."""
        while await self._publish_page() == PAGE:
            pass

    async def prune(self) -> None:
        """Deletes entries that are kept no longer."""
        gone = CHUNK
        while gone == CHUNK:
            async with self._database.raw() as connection:
                gone = await audit_log.prune(connection, self._clock() - self._keep, limit=CHUNK)

    async def _publish_page(self) -> int:
        kind = self._notify.naming.prefix + AUDIT_LOG
        async with self._database.raw() as connection:
            entries = await audit_log.untold(connection, limit=PAGE)
            if not entries:
                return 0
            workspaces = sorted({each.workspace_id for each in entries if each.workspace_id is not None})
            asked = await audit_log.subscribed(connection, kind, workspaces)
        for entry in entries:
            if entry.workspace_id is not None and entry.workspace_id in asked:
                try:
                    await self._tell(entry, entry.workspace_id)
                except _UNTELLABLE:
                    # Those behind it are told all the same; it stands in the log.
                    log.exception("audit.untold entry=%s workspace=%s", entry.id, entry.workspace_id)
        async with self._database.raw() as connection:
            await audit_log.tell(connection, [each.id for each in entries])
        return len(entries)

    async def _tell(self, entry: AuditEntry, workspace_id: str) -> None:
        """With as much of its changes as an event can hold."""
        naming, publish = self._notify.naming, self._notify.events.publish
        for changes in (entry.changes, [_short(each) for each in entry.changes]):
            with suppress(*_UNTELLABLE):
                await publish([_event(entry, naming, changes)], workspace_id=workspace_id, id_alone=True)
                return
        what = f"audit.untold entry={entry.id}"
        await self._notify.one_of_many(_event(entry, naming, []), workspace_id=workspace_id, what=what)


def _short(change: Change) -> Change:
    """The beginnings of what was and is there, where there is more."""
    name, before, after = change
    return name, _begun(before), _begun(after)


def _begun(value: object) -> object:
    text = value if isinstance(value, str) else msgspec.json.encode(value).decode()
    return value if len(text) <= SHORT else f"{text[:SHORT]}... (cut: {len(text)} characters in all)"


def _event(entry: AuditEntry, naming: Naming, changes: Sequence[Change]) -> SdkEvent:
    """`changes` are the entry's; where they are not whole, `changes_cut` says so."""
    cut = {} if changes == entry.changes else {"changes_cut": True}
    milliseconds = round(entry.at.timestamp() * 1000)
    data = {
        "id": str(entry.id),
        "user": {"username": entry.actor_name},
        "workspace": {"id": entry.workspace_id, "workspace_name": None, "workspace_type": None},
        "application": {"id": APPLICATION},
        "category": entry.category,
        "description": entry.description,
        "created_at": milliseconds,
        "updated_at": milliseconds,
        "additional_info": {
            "ip_address": entry.address or None,
            "account_name": None,
            "ip_address_str": entry.address or None,
            "action": entry.action,
            "subject": entry.subject,
            "roles": list(entry.roles),
            "changes": [{"field": name, "before": before, "after": after} for name, before, after in changes],
            **cut,
        },
        "has_details": bool(entry.changes),
    }
    attributes = {
        "id": str(entry.id),
        "source": f"//global.{naming.host}/audit-log",
        "type": naming.prefix + AUDIT_LOG,
        "datacontenttype": "application/json",
        "time": entry.at,
    }
    return SdkEvent(attributes, data)

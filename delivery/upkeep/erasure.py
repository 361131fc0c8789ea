"""The door to erasure on request: one event at once, a workspace's events by a job that outlives a process.

What is erased stands in `ledger/jobs/erasures.py`; who may ask, and for which workspace, is left to the entrance.
"""

from collections.abc import Callable, Sequence
from uuid import UUID, uuid4

from delivery.ledger.jobs import erasures
from delivery.tickets import Job, JobKind, Nudge
from subscriptions.access.clients import WORKSPACE
from subscriptions.ground import audit
from subscriptions.ground.audit import AuditChange
from subscriptions.ground.database import Clock, Database
from subscriptions.ground.errors import Absent, Issue, Refused


class Erasure:
    """Erases payloads: bodies of events and batches, headers and answers of attempts. Metadata and receipts stay."""

    def __init__(self, database: Database, clock: Clock, announce: Callable[[Sequence[Nudge]], None]) -> None:
        self._database = database
        self._clock = clock
        self._announce = announce

    async def event(self, key: UUID) -> None:
        """Erases an event's payload; raises Absent. When it returns no attempt of it begins any more.

        Of an attempt that was claimed before, the answer is erased a minute after its lease, by a job.
        """
        async with self._database.raw() as connection, connection.transaction():
            workspace = await erasures.owner(connection, key)
            if workspace is None:
                raise Absent("Event", str(key))
            await erasures.erase(connection, [key], now=self._clock())
            await audit.note(connection, _erased("event.erased", str(key), workspace))

    async def workspace(self, workspace_id: str) -> UUID:
        """Writes down the erasure of all events published up to now, for workers to carry out; answers the job's id.

        Raises Refused for what is no workspace.
        """
        if not WORKSPACE.match(workspace_id):
            said = "has to be a workspace: 32 lower-case hexadecimal digits"
            raise Refused(Issue(subject="workspaceId", description=said, source="query.parameter"))
        job = uuid4()
        async with self._database.raw() as connection, connection.transaction():
            await erasures.put_workspace(connection, job, workspace_id, now=self._clock())
            await audit.note(connection, _erased("workspace.erased", workspace_id, workspace_id))
        self._announce([Job(kind=JobKind.JOB, key=job, fence=0)])
        return job


def _erased(action: str, subject: str, workspace_id: str) -> AuditChange:
    return AuditChange(
        action=action, subject=subject, name=subject, workspace_id=workspace_id, after={"payload": "erased"}
    )

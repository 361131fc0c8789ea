"""The one place where the doors and stores of a process are built: of the API, a worker, a command, and of tests.

Which of them a process uses is its own matter, and so is what only the entrance or a worker has.
"""

from collections.abc import Callable, Sequence
from functools import cached_property

import msgspec

from delivery.attempts.rounds import Rounds
from delivery.foundation import Foundation, WiredFoundation
from delivery.publishing.debts import Debts
from delivery.publishing.event_tester import EventTester
from delivery.publishing.intake import Intake
from delivery.publishing.python_events import PythonEvents
from delivery.reports.inspection import Inspection
from delivery.reports.read_models import ReadModels
from delivery.reports.recent_deliveries import History
from delivery.settings import DeliverySettings
from delivery.tickets import Nudge
from delivery.upkeep.audit_events import AuditEvents
from delivery.upkeep.by_hand import ByHand
from delivery.upkeep.counting import Counting
from delivery.upkeep.erasure import Erasure
from delivery.upkeep.issue_handling import IssueHandling
from delivery.upkeep.issue_watch import IssueWatch
from delivery.upkeep.jobs import FailurePublisher, Jobs
from delivery.upkeep.replays import Replays
from delivery.upkeep.sweeping import Upkeep
from delivery.verification.system_webhooks import SystemWebhooks
from delivery.verification.webhook_lifecycle import WebhookLifecycle
from delivery.wire.credentials import Authorised
from delivery.wire.documents import ANYWHERE, DOCUMENT_LIMITS, Documents
from delivery.wire.guard import Guard
from delivery.wire.transport import Transport, TransportLimits, open_transport
from subscriptions import key_rotation
from subscriptions.access.client_store import ClientStore
from subscriptions.access.passwords import Passwords
from subscriptions.access.people_store import PeopleStore
from subscriptions.access.sessions import SessionLimits
from subscriptions.events.directory import TypeDirectory
from subscriptions.events.event_types import EventTypeStore
from subscriptions.ground import schema
from subscriptions.ground.clock import DatabaseClock
from subscriptions.ground.database import Database
from subscriptions.ground.outage import Outage
from subscriptions.ground.settings import GroundSettings
from subscriptions.ground.vault import Vault
from subscriptions.webhooks.subscription_store import SubscriptionStore

Announce = Callable[[Sequence[Nudge]], None]


def unheard(_nudges: Sequence[Nudge]) -> None:
    """Tells nobody: the next sweep finds what there is to do."""


class StoreAssembly(ReadModels):
    """What needs no wire, each made when it is first asked for, once; `close` ends all that was."""

    def __init__(self, base: Foundation) -> None:
        super().__init__(base.database, base.clock)
        self.base, self.settings = base, base.settings

    @cached_property
    def clients(self) -> ClientStore:
        """Programs that may call."""
        return ClientStore(self.database)

    @cached_property
    def people(self) -> PeopleStore:
        """People who sign in, and their sessions."""
        limits = SessionLimits.of_seconds(self.base.ground.session_idle, self.base.ground.session_lifetime)
        return PeopleStore(self.database, Passwords(), limits)

    @cached_property
    def types(self) -> EventTypeStore:
        """The catalogue's types."""
        return EventTypeStore(self.database, most=self.base.ground.max_event_types_per_workspace)

    @cached_property
    def directory(self) -> TypeDirectory:
        """The catalogue's types as a tree."""
        return TypeDirectory(self.database)

    @cached_property
    def subscription_store(self) -> SubscriptionStore:
        """Subscriptions."""
        return SubscriptionStore.under(self.database, self.base.ground)

    @cached_property
    def intake(self) -> Intake:
        """Takes publications."""
        return Intake(self.database, self.clock, self.settings, self.base.announce, remembered=self.base.remembered)

    @cached_property
    def event_tester(self) -> EventTester:
        """Sends test events to one webhook."""
        return EventTester(self.base)

    @cached_property
    def debts(self) -> Debts | None:
        """Counts what workspaces are owed; None: they may be owed any number."""
        most = self.settings.owed_per_workspace
        return Debts(self.database, most=most) if most else None

    @cached_property
    def jobs(self) -> Jobs:
        """Spreads, replays, wakes, cancellations, erasures and delivery-failed events."""
        return Jobs(self.database, self.clock, self.settings, self.base.announce, self._notify)

    @cached_property
    def audit_events(self) -> AuditEvents:
        """The audit log as events."""
        return AuditEvents(self.database, self.clock, self._notify, keep=self.settings.keep_audit)

    @property
    def _notify(self) -> FailurePublisher:
        return FailurePublisher(naming=self.base.naming, events=PythonEvents(self.intake.publish, self.clock))

    @cached_property
    def upkeep(self) -> Upkeep:
        """The clock's work."""
        return Upkeep(self.database, self.clock, self.settings, self.base.announce)

    @cached_property
    def counting(self) -> Counting:
        """The clock's numbers."""
        return Counting(self.database, self.clock, self.settings)

    @cached_property
    def issue_watch(self) -> IssueWatch:
        """The clock's look at what is wrong."""
        return IssueWatch(self.database, self.clock, self.settings, self._notify)

    @cached_property
    def issue_handling(self) -> IssueHandling:
        """What people make of issues."""
        return IssueHandling(self.database, self.clock, self.issues)

    @cached_property
    def erasure(self) -> Erasure:
        """Erases payloads on request."""
        return Erasure(self.database, self.clock, self.base.announce)

    @cached_property
    def by_hand(self) -> ByHand:
        """Moves one delivery."""
        return ByHand(self.database, self.clock, self.base.announce)

    @cached_property
    def replays(self) -> Replays:
        """Deliveries sent again many at a time."""
        return Replays(self.database, self.clock, self.settings, self.base.announce)

    @cached_property
    def inspection(self) -> Inspection:
        """Deliveries and events as people look at them."""
        return Inspection(self.base)

    @cached_property
    def history(self) -> History:
        """Recent deliveries and their retries."""
        return History(self.database, self.clock, self.base.announce)

    async def missing_keys(self, *shelves: key_rotation.SealedTable) -> list[str]:
        """The ids of vault keys that are used on these shelves and not here; raises Unavailable."""
        async with self.database.raw() as connection:
            return await key_rotation.missing_keys(connection, self.base.vault, *shelves)

    async def end(self) -> None:
        """Ends the tasks of all that was made: what is being committed is, what is being counted is not."""
        made = vars(self)
        if "people" in made:
            self.people.close()
        for each in (made.get("debts"), made.get("intake")):
            if each is not None:
                await each.close()

    async def close(self) -> None:
        """Ends all, and closes the database."""
        await self.end()
        await self.database.close()


class Assembly(StoreAssembly):
    """All doors and stores of one process."""

    def __init__(self, base: WiredFoundation, transport: Transport | None = None) -> None:
        """`transport` is closed with the rest."""
        super().__init__(base)
        self.wired = base
        self._transport = transport

    @cached_property
    def rounds(self) -> Rounds:
        """Deliveries from claim to record."""
        return Rounds(self.wired)

    @cached_property
    def webhook_lifecycle(self) -> WebhookLifecycle:
        """Webhooks and their challenges."""
        return WebhookLifecycle(self.wired)

    @cached_property
    def system_webhooks(self) -> SystemWebhooks:
        """Webhooks of the system API."""
        return SystemWebhooks(self.database, self.webhook_lifecycle)

    async def close(self) -> None:
        """Ends all, and closes transport and database."""
        await self.end()
        if self._transport is not None:
            await self._transport.aclose()
        await self.database.close()


def stores(
    ground: GroundSettings,
    settings: DeliverySettings | None = None,
    *,
    connections: int | None = None,
    logged: bool = False,
) -> StoreAssembly:
    """What a command or beat needs, over a database of so many connections; `logged`: so are its outages. Dials nothing."""
    if connections is not None:
        ground = msgspec.structs.replace(ground, database_connections=connections)
    base = Foundation(
        ground=ground,
        settings=DeliverySettings() if settings is None else settings,
        database=Database(ground, Outage("database") if logged else None),
        clock=DatabaseClock(),
        announce=unheard,
    )
    return StoreAssembly(base)


def check(ground: GroundSettings, settings: DeliverySettings) -> None:
    """Raises Misconfigured for keys or destinations that cannot be read; nothing is built."""
    Vault.parse(ground.vault_keys)
    Guard(settings.allow_destinations, settings.allow_http)


async def check_wire(settings: DeliverySettings) -> None:
    """Raises Misconfigured where the authorities cannot be read, or the egress proxy is none."""
    transport = await open_transport(Guard(), ca_bundle=settings.ca_bundle, proxy=settings.egress_proxy)
    await transport.aclose()


async def open_documents(settings: DeliverySettings) -> Documents:
    """A reader of what settings name, on the running loop, with connections of its own; to be closed with `aclose`.

    Raises Misconfigured where the authorities cannot be read.
    """
    guard = Guard(ANYWHERE, settings.allow_http)
    return Documents(await open_transport(guard, limits=DOCUMENT_LIMITS, ca_bundle=settings.ca_bundle))


async def database_identity(ground: GroundSettings) -> str:
    """The database's `schema.identity`, over a connection for that alone; raises Unavailable."""
    asked = stores(ground, connections=1)
    try:
        return await schema.identity(asked.database)
    finally:
        await asked.close()


async def open_assembly(
    ground: GroundSettings,
    settings: DeliverySettings,
    announce: Announce,
    *,
    connections: int | None = None,
    patience: float | None = None,
) -> Assembly:
    """Everything that the API or a worker needs; nothing is dialled yet, so that it starts while PostgreSQL is away.

    `connections` are those to destinations, `patience` is seconds that callers wait for the database. Raises Misconfigured.
    """
    clock, guard = DatabaseClock(), Guard(settings.allow_destinations, settings.allow_http)
    limits = TransportLimits(
        connect_timeout=settings.connect_timeout,
        deadline=settings.delivery_timeout,
        acknowledge_timeout=settings.acknowledge_timeout,
        body_bytes=settings.answer_body_bytes,
        **({} if connections is None else {"connections": connections}),
    )
    transport = await open_transport(guard, limits=limits, ca_bundle=settings.ca_bundle, proxy=settings.egress_proxy)
    base = WiredFoundation(
        ground=ground,
        settings=settings,
        database=Database(ground, Outage("database"), patience=patience),
        clock=clock,
        announce=announce,
        guard=guard,
        sender=Authorised(transport, clock),
    )
    _ = base.vault  # a key that cannot be read is told at the start
    return Assembly(base, transport)

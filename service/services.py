"""What handlers work with, in one value. Process roots and tests fill it.

What is behind each is left to its room.
"""

from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import cast

from starlette.requests import HTTPConnection

from delivery.assembly import Assembly
from delivery.publishing.debts import Debts
from delivery.publishing.event_tester import EventTester
from delivery.publishing.event_urls import EventUrls
from delivery.publishing.intake import Intake
from delivery.reports.backlogs import Backlogs
from delivery.reports.figures import FigureReport
from delivery.reports.inspection import Inspection
from delivery.reports.issues import IssueReport
from delivery.reports.receivers import Receivers
from delivery.reports.recent_deliveries import History
from delivery.reports.standing import StandingReport
from delivery.reports.traces import Traces
from delivery.upkeep.by_hand import ByHand
from delivery.upkeep.erasure import Erasure
from delivery.upkeep.issue_handling import IssueHandling
from delivery.upkeep.replays import Replays
from delivery.verification.system_webhooks import SystemWebhooks
from delivery.verification.webhook_lifecycle import WebhookLifecycle
from service.health.carriers import Carriers
from service.health.readiness import Readiness
from service.limits.at_once import AtOnce
from service.limits.publish_quota import PublishQuota
from service.limits.request_quota import RequestQuota
from service.limits.throttle import SignIns, Throttle
from service.live import Live
from service.server.bodies import Bodies
from service.server.pieces import LongWork
from service.settings import ServiceSettings
from subscriptions.access.access_tokens import Access
from subscriptions.access.audit_log import AuditLog
from subscriptions.access.client_store import ClientStore
from subscriptions.access.openid_sign_in import OpenIDSignIn
from subscriptions.access.people_store import PeopleStore
from subscriptions.access.workspaces import Workspaces
from subscriptions.catalogue.api_report import ApiReport
from subscriptions.catalogue.application_apis import ApplicationApis
from subscriptions.catalogue.applications import ApplicationStore
from subscriptions.catalogue.described_types import DescribedTypes
from subscriptions.catalogue.event_apis import CatalogueLimits, EventApiStore
from subscriptions.catalogue.event_schemas import EventSchemaStore
from subscriptions.catalogue.fetching import DocumentFetcher, FetchMinute
from subscriptions.catalogue.judging import PayloadJudge
from subscriptions.catalogue.misfit_counts import MisfitCounts
from subscriptions.catalogue.misfit_report import MisfitReport
from subscriptions.catalogue.public_types import PublicTypes
from subscriptions.events.directory import TypeDirectory
from subscriptions.events.event import Naming
from subscriptions.events.event_types import EventTypeStore
from subscriptions.events.published_types import PublishedTypes
from subscriptions.ground.apart import Apart
from subscriptions.ground.beside import Beside
from subscriptions.ground.database import Clock, Database
from subscriptions.ground.settings import GroundSettings
from subscriptions.webhooks.subscription_store import SubscriptionStore

#: Pages of one workspace that are drawn at once: more would only make publications wait.
PAGES = 4
#: Requests of GraphQL of one workspace that may wait to be read.
QUERIES = 100


@dataclass(frozen=True, kw_only=True)
class Services:
    """Everything that a request can reach; `app.state.services` holds it."""

    #: The entrance's own settings.
    settings: ServiceSettings
    #: The ground's: limits and naming.
    ground: GroundSettings
    #: `now`, as the database has it.
    clock: Clock
    database: Database
    #: What doors and stores below come from; closed with `close`.
    assembly: Assembly
    #: Clients, keys and tokens.
    access: Access
    #: Programs that may call.
    clients: ClientStore
    #: People who sign in to the dashboard, and their sessions.
    people: PeopleStore
    #: The catalogue's types as a tree.
    directory: TypeDirectory
    #: The catalogue's types.
    types: EventTypeStore
    #: Which workspaces there are.
    workspaces: Workspaces
    #: Takes publications.
    intake: Intake
    #: Sends test events to one webhook.
    event_tester: EventTester
    #: What became of an event.
    traces: Traces
    #: Erases payloads on request.
    erasure: Erasure
    #: Subscriptions.
    subscription_store: SubscriptionStore
    #: Webhooks and their challenges.
    webhook_lifecycle: WebhookLifecycle
    #: Webhooks of the system API.
    system_webhooks: SystemWebhooks
    #: Recent deliveries and their retries.
    history: History
    #: What waits for webhooks.
    backlogs: Backlogs
    #: Whether this process can serve.
    readiness: Readiness
    #: Whether workers, beat and the broker do their work.
    carriers: Carriers
    #: Counts the requests of clients and people; None: they may make any number.
    quota: RequestQuota | None
    #: Counts the changes of workspaces; None: they may make any number.
    changes: RequestQuota | None
    #: Counts the bytes of bodies that are under way.
    bodies: Bodies
    #: Gives long work in the loop its turns.
    long_work: LongWork
    #: Counts failed logins.
    throttle: Throttle
    #: Does what takes long of documents and schemas.
    apart: Apart = field(default_factory=Apart)
    #: Reads requests of GraphQL that are short; beside that, so that nobody waits for another's document.
    queries: Apart = field(default_factory=partial(Apart, waiting=QUERIES))
    #: Judges what takes long.
    beside: Beside = field(default_factory=lambda: Beside(of="the judge of events"))
    #: Pages of a workspace that are drawn at once.
    pages: AtOnce = field(default_factory=lambda: AtOnce(PAGES))
    #: Counts people's sign-ins.
    sign_ins: SignIns
    #: Counts the events of workspaces; None: they may publish any number.
    publish_quota: PublishQuota | None
    #: Counts what workspaces are owed; None: they may be owed any number.
    debts: Debts | None
    #: Signs people in with another issuer; None: there is none that does.
    openid_sign_in: OpenIDSignIn | None = None
    #: What happens now, for who looks at the dashboard; None: nobody hears of it.
    live: Live | None = None

    @property
    def figures(self) -> FigureReport:
        """What came of deliveries over time."""
        return self.assembly.figures

    @cached_property
    def applications(self) -> ApplicationStore:
        """Named publishers of workspaces."""
        return ApplicationStore(self.database, most=self.ground.max_applications_per_workspace)

    @cached_property
    def event_urls(self) -> EventUrls:
        """Registers and changes them, and tells their webhooks where they post their events."""
        return EventUrls(self.assembly.base, self.applications, self.settings.url)

    @property
    def event_apis(self) -> EventApiStore:
        """AsyncAPI documents of the catalogue."""
        limits = CatalogueLimits(
            apis=self.ground.max_event_apis_per_workspace,
            types=self.ground.max_event_types_per_workspace,
            schema_bytes=self.ground.max_schema_bytes_per_workspace,
        )
        prefix, vault = self.ground.type_prefix, self.assembly.base.vault
        return EventApiStore(self.database, self.apart, prefix=prefix, limits=limits, vault=vault)

    @cached_property
    def document_fetcher(self) -> DocumentFetcher:
        """Registers and changes them, and fetches what they do not bring."""
        minute = FetchMinute(self.database, limit=self.assembly.settings.registrations_per_minute)
        return DocumentFetcher(self.event_apis, self.assembly.wired.specs.read, self.clock, minute)

    @cached_property
    def application_apis(self) -> ApplicationApis:
        """What applications have registered, many at once."""
        return ApplicationApis(self.database)

    @property
    def receivers(self) -> Receivers:
        """What receivers showed of themselves."""
        return self.assembly.receivers

    @property
    def standing(self) -> StandingReport:
        """How things stand at this moment."""
        return self.assembly.standing

    @property
    def inspection(self) -> Inspection:
        """Deliveries and events as people look at them."""
        return self.assembly.inspection

    @property
    def issues(self) -> IssueReport:
        """What is wrong."""
        return self.assembly.issues

    @property
    def issue_handling(self) -> IssueHandling:
        """What people make of it."""
        return self.assembly.issue_handling

    @property
    def by_hand(self) -> ByHand:
        """Moves one delivery."""
        return self.assembly.by_hand

    @cached_property
    def audit_log(self) -> AuditLog:
        """Who changed what."""
        return AuditLog(self.database)

    @cached_property
    def api_report(self) -> ApiReport:
        """What people read of event APIs."""
        return ApiReport(self.database)

    @cached_property
    def misfit_report(self) -> MisfitReport:
        """Which types have events that did not fit."""
        return MisfitReport(self.database)

    @cached_property
    def described_types(self) -> DescribedTypes:
        """What is known of event types beside their names."""
        return DescribedTypes(self.database)

    @cached_property
    def public_types(self) -> PublicTypes:
        """The catalogue as strangers read it."""
        return PublicTypes(self.types, self.described_types)

    @cached_property
    def published_types(self) -> PublishedTypes:
        """Makes types with their first event, for Kyma's doors."""
        most = self.ground.max_event_types_per_workspace
        return PublishedTypes(self.database, most=most, prefix=self.ground.type_prefix)

    @cached_property
    def schemas(self) -> EventSchemaStore:
        """Schemas of event types."""
        most_bytes = self.ground.max_schema_bytes_per_workspace
        return EventSchemaStore(self.database, self.apart, most_bytes=most_bytes)

    @cached_property
    def judge(self) -> PayloadJudge:
        """Holds events to them."""
        return PayloadJudge(self.schemas, MisfitCounts(self.database, self.clock), self.beside)

    @cached_property
    def naming(self) -> Naming:
        """What this deployment calls itself in the events it makes."""
        return Naming(prefix=self.ground.type_prefix, host=self.ground.source_host)

    @cached_property
    def replays(self) -> Replays:
        """Deliveries sent again many at a time."""
        return self.assembly.replays

    async def close(self) -> None:
        """Ends whatever runs for these services, the last begun first, and closes what they stand on."""
        if self.live is not None:
            await self.live.close()
        await self.readiness.close()
        if self.publish_quota is not None:
            await self.publish_quota.close()
        await self.judge.counts.close()
        await self.beside.close()
        await self.assembly.close()


def services_of(request: HTTPConnection) -> Services:
    """The services of the application that serves the request."""
    return cast(Services, request.scope["app"].state.services)

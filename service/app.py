"""The application: routes, error answers, and what stands behind them from start to stop.

Where settings and the announcer come from is left to the process root, `asgi.py`.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol, cast

from starlette.applications import Starlette
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from delivery.publishing.debts import Debts
from delivery.publishing.intake import Intake
from delivery.reports.backlogs import Backlogs
from delivery.reports.recent_deliveries import History
from delivery.reports.traces import Traces
from delivery.settings import DeliverySettings
from delivery.tickets import BrokerReport, Nudge
from delivery.upkeep.erasure import Erasure
from delivery.upkeep.sweeping import Upkeep
from delivery.verification.system_webhooks import SystemWebhooks
from delivery.verification.tools import LifecycleTools
from delivery.verification.webhook_lifecycle import WebhookLifecycle
from delivery.wire.credentials import Authorised
from delivery.wire.documents import open_documents
from delivery.wire.guard import Guard
from delivery.wire.transport import Transport, TransportLimits, open_transport
from service import problems
from service.api import reading
from service.api.routes import nowhere, routes
from service.health.carriers import AskBroker, Carriers
from service.health.readiness import Readiness
from service.limits.publish_quota import PublishQuota
from service.limits.request_quota import RequestQuota
from service.limits.throttle import TOKEN_FORGOTTEN, Throttle
from service.server.bodies import Bodies
from service.server.pieces import LongWork
from service.services import Services
from service.settings import ServiceSettings
from subscriptions.access.access_tokens import Access
from subscriptions.access.client_store import ClientStore
from subscriptions.access.openid import OpenID, TrustedIssuer
from subscriptions.access.workspaces import Workspaces
from subscriptions.events.directory import TypeDirectory
from subscriptions.events.event import Naming
from subscriptions.events.event_types import EventTypeStore
from subscriptions.ground.clock import DatabaseClock
from subscriptions.ground.database import Database
from subscriptions.ground.errors import Misconfigured
from subscriptions.ground.memory import Memory
from subscriptions.ground.outage import Outage
from subscriptions.ground.settings import GroundSettings
from subscriptions.ground.vault import Vault
from subscriptions.webhooks.subscription_store import SubscriptionStore
from subscriptions.webhooks.webhook_store import WebhookStore

DAY = 86400.0


class Announcing(Protocol):
    """What tells the workers of new rows; only the process root knows who that is."""

    def start(self) -> None:
        """Begins."""

    def announce(self, nudges: Sequence[Nudge]) -> None:
        """Takes nudges and returns at once."""

    def report(self) -> BrokerReport:
        """What the broker says of itself, and what waits there, after a bounded wait; raises Unavailable."""

    def close(self) -> None:
        """Ends, after a bounded wait."""


@dataclass(frozen=True, kw_only=True)
class Configuration:
    """The settings of all rooms that an API process stands on."""

    service: ServiceSettings
    delivery: DeliverySettings
    ground: GroundSettings

    def __post_init__(self) -> None:
        """Raises Misconfigured for what no room can see alone."""
        if self.service.oidc_issuer.startswith("http://") and not self.delivery.allow_http:
            raise Misconfigured("HOOKLAKE_OIDC_ISSUER has to begin with https://, unless HOOKLAKE_ALLOW_HTTP is true")


@dataclass(frozen=True, kw_only=True)
class Foundation:
    """What doors stand on."""

    database: Database
    clock: DatabaseClock
    vault: Vault
    guard: Guard
    transport: Transport
    #: Takes nudges and returns at once.
    announce: Callable[[Sequence[Nudge]], None]
    #: What the broker says of itself, and what waits there; raises Unavailable.
    ask_broker: AskBroker
    #: Whose tokens are taken beside our own.
    outside: OpenID | None = None


class _Application(Starlette):
    """Starlette, but that a path without parameters is looked up: searched for among all routes, through two layers that
    answer errors and a third around the route, it takes a publication a twelfth of its time."""

    def build_middleware_stack(self) -> ASGIApp:
        searched = super().build_middleware_stack()
        known = {each.path: each.app for each in self.routes if isinstance(each, Route) and not each.param_convertors}

        async def asked(scope: Scope, receive: Receive, send: Send) -> None:
            app = known.get(scope["path"], searched) if scope["type"] == "http" else searched
            await app(scope, receive, send)

        return asked


def build(opened: Callable[[], AbstractAsyncContextManager[Services]]) -> Starlette:
    """The ASGI application; it opens its doors when it starts and leaves them when it stops."""

    @asynccontextmanager
    async def life(app: Starlette) -> AsyncIterator[None]:
        async with opened() as services:
            app.state.services = services
            yield

    app = _Application(routes=routes(), exception_handlers=cast(Any, problems.HANDLERS), lifespan=life)
    # `/webhooks/` is no other name of `/webhooks`.
    app.router.redirect_slashes = False
    app.router.default = nowhere
    return app


@asynccontextmanager
async def opened(
    configuration: Configuration, vault: Vault, guard: Guard, announcer: Announcing
) -> AsyncIterator[Services]:
    """The doors of one API process; whatever they hold is given back at the end, the last opened first."""
    async with _outside(configuration) as outside:
        base = Foundation(
            database=Database(configuration.ground, Outage("database"), patience=configuration.ground.database_wait),
            clock=DatabaseClock(),
            vault=vault,
            guard=guard,
            transport=await _transport(configuration.delivery, guard),
            announce=announcer.announce,
            ask_broker=partial(asyncio.to_thread, announcer.report),
            outside=outside,
        )
        services = assemble(configuration, base)
        announcer.start()
        await services.readiness.start()
        if services.publish_quota is not None:
            services.publish_quota.start()
        try:
            yield services
        finally:
            await services.readiness.close()
            for counter in (services.publish_quota, services.debts):
                if counter is not None:
                    await counter.close()
            await services.intake.close()
            # It waits for its thread.
            await asyncio.to_thread(announcer.close)
            await base.transport.aclose()
            await base.database.close()


async def _transport(settings: DeliverySettings, guard: Guard) -> Transport:
    limits = TransportLimits(
        connect_timeout=settings.connect_timeout,
        deadline=settings.delivery_timeout,
        acknowledge_timeout=settings.acknowledge_timeout,
        body_bytes=settings.answer_body_bytes,
    )
    return await open_transport(guard, limits=limits, ca_bundle=settings.ca_bundle, proxy=settings.egress_proxy)


@asynccontextmanager
async def _outside(configuration: Configuration) -> AsyncIterator[OpenID | None]:
    """The other issuer, if there is one; nothing of it is read before a token of its comes."""
    settings, delivery = configuration.service, configuration.delivery
    if not settings.oidc_issuer:
        yield None
        return
    documents = await open_documents(allow_http=delivery.allow_http, ca_bundle=delivery.ca_bundle)
    trust = TrustedIssuer(
        issuer=settings.oidc_issuer,
        audience=settings.oidc_audience,
        workspace_claim=settings.oidc_workspace_claim,
        roles_claim=settings.oidc_roles_claim,
    )
    outside = OpenID(trust, documents.read)
    try:
        yield outside
    finally:
        await outside.close()
        await documents.aclose()


def assemble(configuration: Configuration, base: Foundation) -> Services:
    """All doors over one base; nothing is opened or asked yet."""
    ground, delivery = configuration.ground, configuration.delivery
    database, clock, announce = base.database, base.clock, base.announce
    upkeep = Upkeep(database, clock, delivery, announce)
    webhook_lifecycle = _webhook_lifecycle(configuration, base)
    share, per_minute = configuration.service.requests_per_process, configuration.service.publish_per_minute
    return Services(
        settings=configuration.service,
        ground=ground,
        clock=clock,
        database=database,
        access=_access(configuration, base),
        clients=ClientStore(database),
        directory=TypeDirectory(database),
        types=EventTypeStore(database, most=ground.max_event_types_per_workspace),
        workspaces=Workspaces(database, elsewhere=bool(configuration.service.oidc_issuer)),
        intake=Intake(database, clock, delivery, announce, remembered=ground.idempotency_days * DAY),
        traces=Traces(database),
        erasure=Erasure(database, clock, announce),
        subscription_store=SubscriptionStore(database, most=ground.max_subscriptions_per_webhook),
        webhook_lifecycle=webhook_lifecycle,
        system_webhooks=SystemWebhooks(database, webhook_lifecycle),
        history=History(database, clock, announce),
        backlogs=Backlogs(database),
        readiness=Readiness(database, clock, upkeep, Memory(ground.memory_slack)),
        carriers=Carriers(upkeep, base.ask_broker),
        quota=RequestQuota(share) if share else None,
        bodies=_bodies(configuration.service),
        long_work=LongWork(),
        throttle=Throttle(),
        publish_quota=PublishQuota(database, clock, per_minute=per_minute) if per_minute else None,
        debts=Debts(database, most=delivery.owed_per_workspace) if delivery.owed_per_workspace else None,
    )


def _access(configuration: Configuration, base: Foundation) -> Access:
    # Not the throttle of secrets: who forges tokens keeps nobody from getting one.
    issuer, brake = configuration.service.issuer, Throttle(forgotten=TOKEN_FORGOTTEN)
    return Access(base.database, base.vault, issuer=issuer, outside=base.outside, brake=brake)


def _bodies(settings: ServiceSettings) -> Bodies:
    most = settings.bodies_bytes
    # The largest body that there may be has room, however small the share.
    return Bodies(most, max(int(most * settings.client_share), settings.publish_body_bytes, reading.BODY_BYTES))


def _registry(configuration: Configuration, vault: Vault) -> WebhookStore:
    return WebhookStore(
        vault,
        most=configuration.ground.max_webhooks_per_workspace,
        query_strings=configuration.delivery.delivery_policy != "greenlake",
        least_secret=configuration.ground.least_secret,
    )


def _webhook_lifecycle(configuration: Configuration, base: Foundation) -> WebhookLifecycle:
    ground = configuration.ground
    tools = LifecycleTools(
        database=base.database,
        clock=base.clock,
        settings=configuration.delivery,
        webhook_store=_registry(configuration, base.vault),
        sender=Authorised(base.transport, base.clock),
        guard=base.guard,
        naming=Naming(prefix=ground.type_prefix, host=ground.source_host),
        announce=base.announce,
    )
    return WebhookLifecycle(tools)

"""The application: routes, error answers, and what stands behind them from start to stop.

Where settings and the announcer come from is left to the process root, `asgi.py`.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Protocol, cast

from starlette.applications import Starlette
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from delivery.assembly import Assembly, open_assembly, open_documents
from delivery.settings import DeliverySettings
from delivery.tickets import BrokerReport, Nudge
from service import problems
from service.api import reading
from service.api.routes import nowhere, of_applications, routes
from service.dashboard import routes as dashboard
from service.dashboard.access import openid_pages
from service.health.carriers import AskBroker, Carriers
from service.health.readiness import Readiness
from service.limits.publish_quota import PublishQuota
from service.limits.request_quota import RequestQuota
from service.limits.throttle import TOKEN_FORGOTTEN, SignIns, Throttle
from service.live import Ear, Live
from service.server.bodies import Bodies
from service.server.pieces import LongWork
from service.services import Services
from service.settings import ServiceSettings
from subscriptions.access.access_tokens import Access
from subscriptions.access.openid import OpenID
from subscriptions.access.openid_claims import TrustedIssuer
from subscriptions.access.openid_sign_in import DashboardClient, OpenIDSignIn
from subscriptions.access.workspaces import Workspaces
from subscriptions.catalogue.builtin.shipped import shipped
from subscriptions.catalogue.builtin.switching import switch_on
from subscriptions.ground.errors import Misconfigured
from subscriptions.ground.memory import Memory
from subscriptions.ground.settings import GroundSettings

log = logging.getLogger("hooklake.service")


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
    """The ASGI application; it opens its services when it starts and closes them when it stops."""

    @asynccontextmanager
    async def life(app: Starlette) -> AsyncIterator[None]:
        async with opened() as services:
            app.state.services = services
            yield

    app = _Application(
        routes=[*routes(), *dashboard.routes(), *of_applications()],
        exception_handlers=cast(Any, problems.HANDLERS),
        lifespan=life,
    )
    # `/webhooks/` is no other name of `/webhooks`.
    app.router.redirect_slashes = False
    app.router.default = nowhere
    return app


@asynccontextmanager
async def opened(
    configuration: Configuration, announcer: Announcing, ear: Ear | None = None
) -> AsyncIterator[Services]:
    """The services of one API process; whatever they hold is given back at the end, the last opened first.

    By `ear` it hears what the workers do, for those who look at the dashboard.
    """
    async with _outside(configuration) as (outside, sign_in):
        ground = configuration.ground
        assembly = await open_assembly(
            ground, configuration.delivery, announcer.announce, patience=ground.database_wait
        )
        made = assemble(configuration, assembly, partial(asyncio.to_thread, announcer.report), outside)
        streams = configuration.service.live_streams
        live = Live(ear, per_person=streams) if ear is not None and streams else None
        services = replace(made, openid_sign_in=sign_in, live=live)
        announcer.start()
        services.readiness.first = partial(_switch_on, services)
        await services.readiness.start()
        if services.publish_quota is not None:
            services.publish_quota.start()
        try:
            yield services
        finally:
            await services.close()
            # It waits for its thread, and what was committed last has been handed to it.
            await asyncio.to_thread(announcer.close)


@asynccontextmanager
async def _outside(configuration: Configuration) -> AsyncIterator[tuple[OpenID | None, OpenIDSignIn | None]]:
    """The other issuer, if there is one, and whether it signs people in; nothing of it is read before somebody comes."""
    settings = configuration.service
    if not settings.oidc_issuer:
        yield None, None
        return
    documents = await open_documents(configuration.delivery)
    trust = TrustedIssuer(
        issuer=settings.oidc_issuer,
        audience=settings.oidc_audience,
        workspace_claim=settings.oidc_workspace_claim,
        roles_claim=settings.oidc_roles_claim,
    )
    outside = OpenID(trust, documents.read)
    registration = DashboardClient(
        client_id=settings.oidc_client_id,
        secret=settings.oidc_client_secret,
        scopes=settings.oidc_scopes,
        redirect=settings.url + openid_pages.ANSWERED,
    )
    try:
        yield outside, OpenIDSignIn(outside, registration, documents.post) if settings.oidc_client_id else None
    finally:
        await outside.close()
        await documents.aclose()


def assemble(
    configuration: Configuration, assembly: Assembly, ask_broker: AskBroker, outside: OpenID | None = None
) -> Services:
    """All that requests can reach, over the assembly of one process; nothing is opened or asked yet.

    `ask_broker` asks what the broker says of itself; `outside` is whose tokens are taken beside our own."""
    database, clock, settings = assembly.database, assembly.clock, configuration.service
    per_minute = settings.publish_per_minute
    return Services(
        settings=settings,
        ground=configuration.ground,
        assembly=assembly,
        clock=clock,
        database=database,
        access=_access(configuration, assembly, outside),
        clients=assembly.clients,
        people=assembly.people,
        directory=assembly.directory,
        types=assembly.types,
        workspaces=Workspaces(database, elsewhere=bool(settings.oidc_issuer)),
        intake=assembly.intake,
        event_tester=assembly.event_tester,
        traces=assembly.traces,
        erasure=assembly.erasure,
        subscription_store=assembly.subscription_store,
        webhook_lifecycle=assembly.webhook_lifecycle,
        system_webhooks=assembly.system_webhooks,
        history=assembly.history,
        backlogs=assembly.backlogs,
        readiness=Readiness(database, clock, assembly.upkeep, Memory(configuration.ground.memory_slack)),
        carriers=Carriers(assembly.upkeep, ask_broker),
        quota=_hourly(settings.requests_per_process),
        changes=_hourly(settings.changes_per_process),
        bodies=_bodies(settings),
        long_work=LongWork(),
        throttle=Throttle(),
        sign_ins=SignIns(),
        publish_quota=PublishQuota(database, clock, per_minute=per_minute) if per_minute else None,
        debts=assembly.debts,
    )


async def _switch_on(services: Services) -> None:
    """The types of the shipped catalogues that this deployment has join the catalogue, with what is known of them."""
    ground = services.ground
    # Reading them takes a third of a second.
    found = [await asyncio.to_thread(shipped, name, prefix=ground.type_prefix) for name in ground.catalogues]
    made = await switch_on(services.database, services.event_apis, found, now=services.clock())
    if made:
        log.info("catalogues.switched_on names=%s types=%d", ",".join(ground.catalogues), len(made))


def _hourly(share: int) -> RequestQuota | None:
    return RequestQuota(share) if share else None


def _access(configuration: Configuration, assembly: Assembly, outside: OpenID | None) -> Access:
    # Not the throttle of secrets: who forges tokens keeps nobody from getting one.
    brake = Throttle(forgotten=TOKEN_FORGOTTEN, own=False)
    issuer = configuration.service.issuer
    return Access(assembly.database, assembly.base.vault, issuer=issuer, outside=outside, brake=brake)


def _bodies(settings: ServiceSettings) -> Bodies:
    most = settings.bodies_bytes
    # The largest body that there may be has room, however small the share.
    return Bodies(most, max(int(most * settings.client_share), settings.publish_body_bytes, reading.BODY_BYTES))

"""The doors that routes go through, in one value; process roots and tests fill it.

What is behind each is left to its room.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import cast

from starlette.requests import HTTPConnection

from delivery.publishing.debts import Debts
from delivery.publishing.intake import Intake
from delivery.reports.backlogs import Backlogs
from delivery.reports.recent_deliveries import History
from delivery.reports.traces import Traces
from delivery.upkeep.erasure import Erasure
from delivery.verification.webhook_lifecycle import Greeting
from service.health.carriers import Carriers
from service.health.readiness import Pulse
from service.limits.publish_quota import Allowance
from service.limits.request_quota import Quota
from service.limits.throttle import Throttle
from service.server.bodies import Bodies
from service.settings import Settings
from subscriptions.access.access_tokens import Access
from subscriptions.access.workspaces import Workspaces
from subscriptions.events.event import Naming
from subscriptions.events.event_types import Types
from subscriptions.ground.database import Clock, Database
from subscriptions.ground.settings import Settings as Ground
from subscriptions.webhooks.subscription_store import Orders
from subscriptions.webhooks.webhook_store import Registry


@dataclass(frozen=True, kw_only=True)
class Doors:
    """Everything that a request can reach; `app.state.doors` holds it."""

    #: The entrance's own settings.
    settings: Settings
    #: The ground's: limits and naming.
    ground: Ground
    #: `now`, as the database has it.
    clock: Clock
    database: Database
    #: Clients, keys and tokens.
    access: Access
    #: The catalogue's types.
    types: Types
    #: Which workspaces there are.
    workspaces: Workspaces
    #: Takes publications.
    intake: Intake
    #: What became of an event.
    traces: Traces
    #: Erases payloads on request.
    erasure: Erasure
    #: Webhooks as they are kept.
    registry: Registry
    #: Subscriptions.
    orders: Orders
    #: Webhooks and their challenges.
    greeting: Greeting
    #: Recent deliveries and their retries.
    history: History
    #: What waits for webhooks.
    backlogs: Backlogs
    #: Whether this process can serve.
    pulse: Pulse
    #: Whether workers, beat and the broker do their work.
    carriers: Carriers
    #: Counts the requests of clients; None: they may make any number.
    quota: Quota | None
    #: Counts the bytes of bodies that are under way.
    bodies: Bodies
    #: Counts failed logins.
    throttle: Throttle
    #: Counts the events of workspaces; None: they may publish any number.
    allowance: Allowance | None
    #: Counts what workspaces are owed; None: they may be owed any number.
    debts: Debts | None

    @cached_property
    def naming(self) -> Naming:
        """What this deployment calls itself in the events it makes."""
        return Naming(prefix=self.ground.type_prefix, host=self.ground.source_host)


def doors_of(request: HTTPConnection) -> Doors:
    """The doors of the application that serves the request."""
    return cast(Doors, request.scope["app"].state.doors)

"""The process root of the API: reads the environment and builds `app`, which any ASGI server can serve.

How it is served here is left to `cli.py`.
"""

import asyncio
import os
from collections.abc import Mapping
from functools import partial

from starlette.applications import Starlette

from delivery import assembly
from delivery.settings import DeliverySettings
from delivery.wire import names
from service.app import Configuration, build, opened
from service.settings import ServiceSettings
from subscriptions.ground import process
from subscriptions.ground.settings import GroundSettings, read
from workers import app as broker
from workers import live_ways
from workers.announcer import Announcer
from workers.settings import WorkerSettings


def application(environ: Mapping[str, str]) -> Starlette:
    """The application as the environment has it; raises Misconfigured, and connects to nothing yet."""
    configuration = Configuration(
        service=read(ServiceSettings, environ),
        delivery=read(DeliverySettings, environ),
        ground=read(GroundSettings, environ),
    )
    # What cannot be read of them is told before anything starts.
    assembly.check(configuration.ground, configuration.delivery)
    carriers = read(WorkerSettings, environ)
    carrying = broker.make(carriers)
    carrying.ask = lambda: asyncio.run(assembly.database_identity(configuration.ground))
    announcer = Announcer(carrying, carriers)
    ear = live_ways.ear(carrying, configuration.ground)
    return build(partial(opened, configuration, announcer, ear))


names.impatient(os.environ)
app = application(os.environ)
process.collect_rarely()

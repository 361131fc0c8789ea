"""The settings of a stack, read once before anything of it starts: each process would read them again, and end one by one.

What they mean is left to the rooms that they belong to.
"""

from collections.abc import Mapping

from delivery import assembly
from delivery.settings import DeliverySettings
from deploy.home import CannotStart
from service.app import Configuration
from service.cli import known
from service.settings import ServiceSettings
from subscriptions.ground import database_url, logs
from subscriptions.ground.errors import HooklakeError
from subscriptions.ground.settings import GroundSettings, read, unknown
from workers import app as broker
from workers.settings import WorkerSettings

#: What it makes where nothing is given: something that can be read stands for it until then.
MADE = {
    "HOOKLAKE_DATABASE_URL": "postgresql://localhost/hooklake",
    "HOOKLAKE_BROKER_URL": "redis://localhost",
    "HOOKLAKE_VAULT_KEYS": "made:" + "A" * 43 + "=",
}


def check(environ: Mapping[str, str]) -> list[str]:
    """A sentence for each setting that does not exist; raises CannotStart for one that cannot be read."""
    given = MADE | {name: value for name, value in environ.items() if value}
    try:
        read(logs.LogSettings, given)
        carriers = read(WorkerSettings, given)
        configuration = Configuration(
            service=read(ServiceSettings, given),
            delivery=read(DeliverySettings, given),
            ground=read(GroundSettings, given),
        )
        assembly.check(configuration.ground, configuration.delivery)
        database_url.parse(configuration.ground.database_url)
        broker.make(carriers)
    except HooklakeError as error:
        raise CannotStart(f"{error}.") from None
    return unknown(environ, known())

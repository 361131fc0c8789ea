"""The embedded PostgreSQL and Redis together, under one data directory: what tests, the demo and the stack stand on.

Tables, processes and credentials are left to `local.py`.
"""

import asyncio
import os
import random
import socket
import sys
import threading
import time
from collections.abc import Callable, Coroutine, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Any

from deploy import home, postgres_store, redis_store
from deploy.home import CannotStart
from deploy.supervisor import Supervisor

#: Below the ports that systems give to outgoing connections. In those, a client that keeps dialling the port of a
#: server that is being restarted gets connected to itself one day, and the server finds its port in use.
PORTS = range(15000, 30000)


def free_port(host: str = "127.0.0.1") -> int:
    """A TCP port on which nobody listens at the moment."""
    for port in random.sample(PORTS, 200):
        with socket.socket() as probe:
            try:
                probe.bind((host, port))
            except OSError:
                continue
            return port
    raise CannotStart(f"No free TCP port was found on {host}.")


class Stores:
    """PostgreSQL and Redis of one data directory; either is left out where the user has one already."""

    def __init__(
        self, data: Path, *, environ: Mapping[str, str] = MappingProxyType({}), say: Callable[[str], None] = print
    ) -> None:
        """HOOKLAKE_DATABASE_URL and HOOKLAKE_BROKER_URL in `environ` replace a server; `say` prints one line."""
        self.data = data.absolute()
        #: What the settings of those names take; those of an embedded server are known after `start`.
        self.database_url = environ.get("HOOKLAKE_DATABASE_URL", "")
        self.broker_url = environ.get("HOOKLAKE_BROKER_URL", "")
        #: Set by `claim`.
        self.supervisor: Supervisor
        #: Where programs are that a person beside the stack wants: `hooklake`, and `psql` of the embedded server.
        self.tools = [Path(sys.executable).parent]
        self._path = environ.get("PATH")
        self._say = say
        self._lock = -1

    async def claim(self) -> None:
        """Makes the data directory this process's own; raises CannotStart where that cannot be."""
        home.prepare(self.data)
        self._lock = await home.lock(self.data)
        self.supervisor = Supervisor(logs=self.data / "logs", held=self._lock, say=self._stamped)

    async def start(self) -> None:
        """Returns when both accept; raises CannotStart. After an error `stop` ends what was begun."""
        if self._lock < 0:
            await self.claim()
        cluster = None if self.database_url else self._cluster()
        broker = None if self.broker_url else self._broker()
        if cluster is not None:
            await postgres_store.initialise(cluster, self.supervisor.run, self._say)
        if broker is not None:
            await broker.prepare()
        await self.supervisor.start(*(server.part() for server in (cluster, broker) if server is not None))
        if cluster is not None:
            self.tools.append(cluster.programs)
            await cluster.make_database()
            self.database_url = cluster.url()
        if broker is not None:
            self.broker_url = broker.url

    def _stamped(self, line: str) -> None:
        """What happens while the stack runs is told with its time, as logs have it."""
        self._say(f"{time.strftime('%H:%M:%S')} {line}")

    async def stop(self) -> None:
        """Stops whatever the supervisor still runs, the servers last, and gives the data directory free."""
        if self._lock < 0:
            return
        await self.supervisor.close()
        os.close(self._lock)
        self._lock = -1

    def pid(self, name: str) -> int:
        """The process of a part that runs; raises LookupError for one that does not."""
        pid = self.supervisor.parts[name].pid
        if pid is None:
            raise LookupError(f"{name} does not run")
        return pid

    def _cluster(self) -> postgres_store.Cluster:
        data = self.data / "postgres"
        return postgres_store.Cluster(
            data=data,
            programs=postgres_store.find(data, wheel=postgres_store.wheel(), path=self._path),
            owner=postgres_store.owner(data),
            port=free_port(),
            password=postgres_store.password(self.data),
        )

    def _broker(self) -> redis_store.Broker:
        found = redis_store.find(wheel=redis_store.wheel(), path=self._path)
        self._say(found.said())
        return redis_store.Broker(
            data=self.data / "redis",
            program=found.path,
            port=free_port(),
            password=redis_store.password(self.data),
        )


@contextmanager
def running(
    data: Path, *, environ: Mapping[str, str] = MappingProxyType({}), say: Callable[[str], None] = print
) -> Iterator[Stores]:
    """Both servers for synchronous callers: supervised by an event loop in a thread of its own until the block ends."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="stores", daemon=True)
    thread.start()

    def wait(work: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, loop).result()

    stores = Stores(data, environ=environ, say=say)
    try:
        try:
            wait(stores.start())
            yield stores
        finally:
            wait(stores.stop())
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()

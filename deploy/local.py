"""The whole of Hooklake on one machine: `python -m deploy.local`, or `make run`.

Databases are left to `stores.py`, processes to `supervisor.py`, what is printed to `welcome.py`.
"""

import asyncio
import base64
import errno
import os
import secrets
import signal
import socket
import sys
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from deploy import configuration, home, maker, stores, welcome
from deploy.home import CannotStart
from deploy.supervisor import Part, Running

#: Seconds that workers get to finish and record what is in flight.
WORKER_GRACE = 20.0
#: What a start draws where nobody gives it.
DATABASE, BROKER, BASE = "HOOKLAKE_DATABASE_URL", "HOOKLAKE_BROKER_URL", "HOOKLAKE_BASE_URL"


@dataclass(frozen=True, kw_only=True)
class StackProcess:
    """What runs on top of the stores, as data."""

    #: Run to their end, one after another, before the rest starts.
    chores: tuple[Part, ...]
    #: Started all at once; stopped group by group in this order.
    groups: tuple[tuple[Part, ...], ...]


def hooklake(environ: Mapping[str, str]) -> StackProcess:
    """The processes of Hooklake under their environment: migrations, first credentials, API, two workers and beat."""

    def part(name: str, *words: str, ready: Callable[[], Awaitable[bool]] | None = None) -> Part:
        argv = (sys.executable, "-m", "service.cli", *words)
        return Part(name=name, argv=argv, environ=environ, ready=ready, grace=WORKER_GRACE)

    async def answers() -> bool:
        return await http_ok(environ["HOOKLAKE_HOST"], int(environ["HOOKLAKE_PORT"]), "/health/ready")

    first = ("--file", str(credentials(environ)), "--sign-in", str(sign_in(environ)))
    return StackProcess(
        chores=(
            part("migrate", "migrate"),
            part("clients", "clients", "first", *first, "--base-url", environ["HOOKLAKE_BASE_URL"]),
        ),
        groups=(
            (part("api", "api", ready=answers),),
            (part("beat", "beat"),),
            (part("worker-1", "worker"), part("worker-2", "worker")),
        ),
    )


def credentials(environ: Mapping[str, str]) -> Path:
    """Where the first credentials of a stack are."""
    return Path(environ["HOOKLAKE_DATA_DIR"]) / "credentials.json"


def sign_in(environ: Mapping[str, str]) -> Path:
    """Where a link is that signs the operator in, until it is printed."""
    return Path(environ["HOOKLAKE_DATA_DIR"]) / "sign-in"


class Stack:
    """One embedded stack: `await start()`, use it, `await stop()`."""

    def __init__(
        self,
        *,
        data_dir: Path,
        port: int,
        environ: Mapping[str, str],
        say: Callable[[str], None] = print,
        program: Callable[[Mapping[str, str]], StackProcess] = hooklake,
    ) -> None:
        """`port` 0 takes a free one; what `environ` has of HOOKLAKE_* wins over what would be set here."""
        self.data_dir = data_dir.absolute()
        self.stores = stores.Stores(self.data_dir, environ=environ, say=say)
        self._say = say
        #: True where this start made the first credentials.
        self.first = False
        #: A link that signs the operator in to the dashboard once; empty: there is no such person any more.
        self.link = ""
        #: What its processes are given; complete after `start`.
        self.environ = self._addresses(port, environ)
        self._drawn = [name for name in (DATABASE, BROKER, BASE) if not environ.get(name)]
        self._program = program
        self._groups: tuple[tuple[str, ...], ...] = ()

    @property
    def base_url(self) -> str:
        """Where the API is, as callers write it."""
        return self.environ["HOOKLAKE_BASE_URL"]

    @property
    def credentials(self) -> Path:
        """The file with the first credentials."""
        return credentials(self.environ)

    @property
    def parts(self) -> Mapping[str, Running]:
        """The supervised parts by name: `postgres`, `redis`, `api`, `beat`, `worker-1`, `worker-2`."""
        return self.stores.supervisor.parts

    async def start(self) -> None:
        """Returns when every part is ready; raises CannotStart. After an error `stop` ends what was begun."""
        address = self.environ["HOOKLAKE_HOST"], int(self.environ["HOOKLAKE_PORT"])
        if not self.data_dir.exists():
            # Whoever is refused is left nothing to clean up.
            vet_address(*address)
        await self.stores.claim()
        # Of a stack that runs here already its directory tells more than its port.
        vet_address(*address)
        self._secrets()
        # A start takes seconds, of an old database minutes: what it waits for is said before it is waited for.
        self._waits("PostgreSQL and Redis, those that are embedded")
        await self.stores.start()
        self.environ |= {DATABASE: self.stores.database_url, BROKER: self.stores.broker_url}
        program = self._program(self.environ)
        had_credentials = self.credentials.exists()
        for chore in program.chores:
            self._waits(chore.name)
            await self.stores.supervisor.run(chore)
        self.first = self.credentials.exists() and not had_credentials
        self.link = welcome.taken(sign_in(self.environ))
        home.write_private(self.data_dir / "env", welcome.shell(self.environ, self.stores.tools, self._drawn))
        welcome.move(self.credentials, self.base_url)
        self._groups = tuple(tuple(part.name for part in group) for group in program.groups)
        self._waits(", ".join(name for group in self._groups for name in group))
        await self.stores.supervisor.start(*(part for group in program.groups for part in group))

    async def stop(self) -> None:
        """Stops the parts in order: groups as the program names them, then Redis, then PostgreSQL."""
        for group in self._groups:
            await self.stores.supervisor.stop(*group)
        await self.stores.stop()

    def _waits(self, what: str) -> None:
        self._say(f"Waiting for {what}; logs are in {self.data_dir / 'logs'}.")

    async def broken(self) -> str:
        """Waits until a part died too often, and says so in a sentence."""
        return await self.stores.supervisor.broken()

    def hurry(self) -> None:
        """Whatever is stopped from now on is killed at once."""
        self.stores.supervisor.hurry()

    def _addresses(self, port: int, environ: Mapping[str, str]) -> dict[str, str]:
        host = environ.get("HOOKLAKE_HOST") or "127.0.0.1"
        port = port or stores.free_port()
        dialled = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)
        given = {
            # What a stack on a laptop needs to reach a receiver on the same laptop.
            "HOOKLAKE_ALLOW_DESTINATIONS": "127.0.0.0/8,::1,localhost",
            "HOOKLAKE_ALLOW_HTTP": "true",
            "HOOKLAKE_BASE_URL": f"http://{dialled}:{port}",
            # Log files are read while they are written.
            "PYTHONUNBUFFERED": "1",
            **environ,
        }
        return {**given, "HOOKLAKE_HOST": host, "HOOKLAKE_PORT": str(port), "HOOKLAKE_DATA_DIR": str(self.data_dir)}

    def _secrets(self) -> None:
        def key() -> str:
            return "local:" + base64.b64encode(secrets.token_bytes(32)).decode()

        if not self.environ.get("HOOKLAKE_VAULT_KEYS"):
            self.environ["HOOKLAKE_VAULT_KEYS"] = home.kept_secret(self.data_dir / "vault.key", key)


async def http_ok(host: str, port: int, path: str) -> bool:
    """Whether a GET is answered with 200 within two seconds."""
    dialled = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
    try:
        async with asyncio.timeout(2):
            reader, writer = await asyncio.open_connection(dialled, port)
            try:
                writer.write(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
                return b" 200 " in await reader.readline()
            finally:
                writer.close()
                await writer.wait_closed()
    except (OSError, ValueError):
        return False


def vet_address(host: str, port: int) -> None:
    """Raises CannotStart where nobody may listen on the address."""
    try:
        family, kind, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as error:
        if isinstance(error, socket.gaierror) or error.errno == errno.EADDRNOTAVAIL:
            raise CannotStart(f"HOOKLAKE_HOST is {host!r}, which is not an address of this machine.") from None
        use = "is in use" if error.errno == errno.EADDRINUSE else f"cannot be used ({error.strerror})"
        raise CannotStart(f"Port {port} of {host} {use}: set HOOKLAKE_PORT to a free one.") from None


def from_environ(
    environ: Mapping[str, str], *, program: Callable[[Mapping[str, str]], StackProcess] = hooklake
) -> Stack:
    """The stack that HOOKLAKE_DATA_DIR (`.hooklake`) and HOOKLAKE_PORT (8080) describe; raises CannotStart."""
    text = environ.get("HOOKLAKE_PORT") or "8080"
    if not (text.isascii() and text.isdigit() and int(text) < 65536):
        raise CannotStart(f"HOOKLAKE_PORT is {text!r}, and must be a number from 0 (a free port) to 65535.")
    data = Path(environ.get("HOOKLAKE_DATA_DIR") or ".hooklake").expanduser()
    environ = welcome.forgotten(environ, data / "env")
    return Stack(data_dir=data, port=int(text), environ=environ, say=say, program=program)


async def run(stack: Stack) -> int:
    """Runs the stack until a signal (status 0) or until it cannot go on (status 1)."""
    signals: asyncio.Queue[None] = asyncio.Queue()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, signals.put_nowait, None)
    asked = asyncio.create_task(signals.get())
    asked_above = asyncio.create_task(maker.interrupted(os.getppid()))
    life = asyncio.create_task(_live(stack))
    try:
        await asyncio.wait({asked, asked_above, life}, return_when=asyncio.FIRST_COMPLETED)
        for each in (asked, asked_above):
            each.cancel()
        if life.done():
            say(life.result())
            return 1
        say("Stopping; what is in flight is finished first (Ctrl-C again: at once).")
        life.cancel()
        await asyncio.wait({life})
        return 0
    finally:
        impatience = asyncio.create_task(_hurry(stack, signals))
        await stack.stop()
        impatience.cancel()


async def _hurry(stack: Stack, signals: asyncio.Queue[None]) -> None:
    await signals.get()
    stack.hurry()


async def _live(stack: Stack) -> str:
    """Starts the stack and waits; returns the sentence that ends it."""
    try:
        for sentence in configuration.check(stack.environ):
            say(sentence)
        await stack.start()
    except CannotStart as error:
        return str(error)
    say(welcome.text(stack.credentials, base_url=stack.base_url, first=stack.first, link=stack.link))
    return await stack.broken()


def say(line: str) -> None:
    """Prints a line at once; a terminal that is gone is no reason to stop."""
    with suppress(OSError):
        print(line, flush=True)


def main() -> int:
    """The process root of `make run`."""
    try:
        return asyncio.run(run(from_environ(os.environ)))
    except CannotStart as error:
        say(str(error))
        return 1


if __name__ == "__main__":
    sys.exit(main())

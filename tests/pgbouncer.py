"""A PgBouncer of one's own, of what the system has installed, in front of a PostgreSQL.

What is asked through it is left to the tests.
"""

import os
import shutil
import socket
import subprocess
import time
from pathlib import Path

from sqlalchemy import make_url

from deploy import postgres_store, stores

PROGRAM = shutil.which("pgbouncer", path=os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin"]))
CONFIGURATION = """\
[databases]
* = host=127.0.0.1 port={port} user={user} password={password}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {own}
unix_socket_dir =
auth_type = any
pool_mode = {mode}
default_pool_size = {connections}
server_tls_sslmode = disable
"""


class PgBouncer:
    """One pooler, with so many connections for all its clients; a context that ends it."""

    def __init__(self, directory: Path, database_url: str, *, mode: str, connections: int = 3, more: str = "") -> None:
        url = make_url(database_url)
        port = stores.free_port()
        text = CONFIGURATION.format(
            port=url.port,
            user=url.username,
            password=url.password,
            own=port,
            mode=mode,
            connections=connections,
        )
        # It runs as another user where we are root.
        directory.parent.chmod(0o755)
        directory.mkdir(mode=0o755)
        file = directory / "pgbouncer.ini"
        file.write_text(text + more)
        #: Through it.
        self.url = url.set(port=port).render_as_string(hide_password=False)
        assert PROGRAM is not None
        owner = postgres_store.owner(directory / "none")
        # It refuses to run as root.
        self._process = subprocess.Popen(
            [PROGRAM, "-q", str(file)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            user=owner and owner[0],
            group=owner and owner[1],
        )
        _wait(port, self._process)

    def __enter__(self) -> "PgBouncer":
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()


def _wait(port: int, process: "subprocess.Popen[bytes]") -> None:
    until = time.monotonic() + 20
    while True:
        assert process.poll() is None, "PgBouncer did not start"
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            assert time.monotonic() < until
            time.sleep(0.02)
        else:
            return

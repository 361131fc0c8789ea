"""A RabbitMQ of one's own, of what the system has installed: a node in a directory, killed, stopped and started again.

What travels over it is left to the tests.
"""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import psutil

from deploy import stores

#: Where packages put it: the one of Debian on the path insists on a system user and a system directory.
PLACES = ("/usr/lib/rabbitmq/bin", os.environ.get("PATH", ""))
SERVER = shutil.which("rabbitmq-server", path=os.pathsep.join(PLACES))
#: It takes ten to twenty seconds to start, most of them computing.
PATIENCE = 120.0


class RabbitMQ:
    """One node; `start` it, and `close` it in the end."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self.port, self._epmd, distribution = (stores.free_port() for _ in range(3))
        self.url = f"amqp://guest:guest@127.0.0.1:{self.port}//"
        home = directory / "home"
        home.mkdir()
        self._environ = {
            "PATH": os.environ["PATH"],
            "HOME": str(home),
            "RABBITMQ_NODENAME": f"hooklake{self.port}@localhost",
            "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODE_PORT": str(self.port),
            "RABBITMQ_DIST_PORT": str(distribution),
            "RABBITMQ_MNESIA_BASE": str(directory / "data"),
            "RABBITMQ_LOG_BASE": str(directory / "log"),
            "RABBITMQ_CONFIG_FILE": str(directory / "none"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(directory / "plugins"),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "ERL_EPMD_PORT": str(self._epmd),
            "ERL_CRASH_DUMP_BYTES": "0",
        }
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Returns when it takes connections; raises AssertionError with its last words where it never does."""
        assert SERVER is not None
        printed = self._directory / "printed.log"
        with printed.open("wb") as file:
            self._process = subprocess.Popen(
                [SERVER], env=self._environ, stdout=file, stderr=subprocess.STDOUT, start_new_session=True
            )
        until = time.monotonic() + PATIENCE
        while not self._answers():
            assert self._process.poll() is None, printed.read_text()[-2000:]
            assert time.monotonic() < until, printed.read_text()[-2000:]
            time.sleep(0.1)

    def kill(self) -> None:
        """SIGKILL."""
        self._signal(signal.SIGKILL)
        assert self._process is not None
        self._process.wait()
        self._process = None

    def stand_still(self) -> Callable[[], None]:
        """It says nothing more until what is returned is called."""
        self._signal(signal.SIGSTOP)
        return lambda: self._signal(signal.SIGCONT)

    def close(self) -> None:
        """Ends it, and the name server of Erlang that it left behind."""
        if self._process is not None:
            self.kill()
        for process in psutil.process_iter():
            # It refuses to be ended while it thinks that a node lives. Other users' processes are none of ours.
            with contextlib.suppress(psutil.Error):
                if process.name() == "epmd" and process.environ().get("ERL_EPMD_PORT") == str(self._epmd):
                    process.kill()

    def _signal(self, number: signal.Signals) -> None:
        assert self._process is not None
        os.killpg(self._process.pid, number)

    def _answers(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=2) as line:
                line.sendall(b"AMQP\x00\x00\x09\x01")
                # A node that is not ready takes connections, and closes them.
                return bool(line.recv(1))
        except OSError:
            return False

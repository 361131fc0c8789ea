"""A stack whose API, beat and workers are stand-ins of a few lines: `python -m tests.deploy.stand_in`.

The supervisor, PostgreSQL and Redis are the real ones; what Hooklake itself does is left to other tests.
"""

import asyncio
import os
import sys
from collections.abc import Mapping

from deploy import local
from deploy.home import CannotStart
from deploy.supervisor import Part

API = """
import http.server, os
class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200 if self.path == "/health/ready" else 404)
        self.end_headers()
http.server.HTTPServer(("127.0.0.1", int(os.environ["HOOKLAKE_PORT"])), Answer).serve_forever()
"""
SLEEPER = "import time; time.sleep(600)"
CLIENTS = """
import json, os, sys
if not os.path.exists(sys.argv[1]):
    client = {"role": "publisher", "clientId": "someone", "clientSecret": "something"}
    kept = {"baseUrl": os.environ["HOOKLAKE_BASE_URL"], "workspaceId": "f" * 32, "clients": [client]}
    json.dump(kept, open(sys.argv[1], "w"))
with open(os.open(sys.argv[2], os.O_WRONLY | os.O_CREAT, 0o600), "w") as file:
    file.write(os.environ["HOOKLAKE_BASE_URL"] + "/dashboard/sign-in?link=once\\n")
"""


def program(environ: Mapping[str, str]) -> local.StackProcess:
    """As many processes as Hooklake has, with none of its code."""

    def part(name: str, code: str, *words: str) -> Part:
        return Part(name=name, argv=(sys.executable, "-c", code, *words), environ=environ, grace=5)

    async def answers() -> bool:
        return await local.http_ok("127.0.0.1", int(environ["HOOKLAKE_PORT"]), "/health/ready")

    api = Part(name="api", argv=(sys.executable, "-c", API), environ=environ, ready=answers)
    return local.StackProcess(
        chores=(part("clients", CLIENTS, str(local.credentials(environ)), str(local.sign_in(environ))),),
        groups=((api,), (part("beat", SLEEPER),), (part("worker-1", SLEEPER), part("worker-2", SLEEPER))),
    )


async def main() -> int:
    """Behaves as `make run` does."""
    try:
        stack = local.from_environ(os.environ, program=program)
    except CannotStart as error:
        print(error)
        return 1
    return await local.run(stack)


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))

"""Whether this process lives, and whether it can serve: what a load balancer and the embedded stack ask.

What serving takes is known to `service/pulse.py`.
"""

from starlette.requests import Request
from starlette.responses import Response

from service.api import writing
from service.doors import doors_of

FRESH = {"Cache-Control": "no-store"}


async def live(_request: Request) -> Response:
    """GET /health/live: 200 as long as the process answers."""
    return writing.json({"status": "live"}, headers=FRESH)


async def ready(request: Request) -> Response:
    """GET /health/ready: 200, or 503 with what is missing."""
    missing = await doors_of(request).pulse.missing()
    if missing is None:
        return writing.json({"status": "ready"}, headers=FRESH)
    return writing.json({"status": "not ready", "missing": missing}, 503, headers=FRESH)

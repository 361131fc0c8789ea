"""Whether this process lives, and whether it can serve: what a load balancer and the embedded stack ask.

What serving takes is known to `service/health/readiness.py`, what carrying deliveries takes to `service/health/carriers.py`.
"""

from starlette.requests import Request
from starlette.responses import Response

from service import auth
from service.api import writing
from service.services import services_of
from subscriptions.ground.errors import HooklakeError

FRESH = {"Cache-Control": "no-store"}


async def live(_request: Request) -> Response:
    """GET /health/live: 200 as long as the process answers."""
    return writing.json({"status": "live"}, headers=FRESH)


async def ready(request: Request) -> Response:
    """GET /health/ready: 200, or 503 with what is missing."""
    missing = await services_of(request).readiness.missing()
    if missing is None:
        return writing.json({"status": "ready"}, headers=FRESH)
    return writing.json({"status": "not ready", "missing": missing}, 503, headers=FRESH)


async def workers(request: Request) -> Response:
    """GET /health/workers: 200 where deliveries are carried, or 503 with what is missing.

    Anybody may ask, so it names no machine (their logs say which of them has a wrong clock), and the broker's version to
    callers with a token alone.
    """
    look = await services_of(request).carriers.look()
    broker = look.broker
    named = broker is not None and await _known(request)
    carrying = [each for each in look.processes if each.kind == "worker"]
    body = {
        "status": "not working" if look.missing else "working",
        "missing": look.missing,
        "workers": {
            "live": len(carrying),
            "slots": sum(each.slots for each in carrying),
            "free": sum(each.slots - each.in_use for each in carrying),
        },
        "beat": {"live": sum(each.kind == "beat" for each in look.processes)},
        "broker": {
            "answers": broker is not None,
            "server": f"{broker.product} {broker.version}".strip() if broker is not None and named else None,
            "warnings": () if broker is None else broker.warnings,
            "waiting": {} if broker is None else broker.waiting,
            "foreignTickets": sum(each.foreign for each in carrying),
        },
        "lastSweepSecondsAgo": None if look.swept is None else round(look.swept, 1),
        "clocks": [
            {"process": each.kind, "aheadSeconds": round(each.ahead, 1)} for each in look.processes if each.ahead
        ],
    }
    return writing.json(body, 503 if look.missing else 200, headers=FRESH)


async def _known(request: Request) -> bool:
    """Whether a good token came along; whoever has none is told less, and refused nothing."""
    if "authorization" not in request.headers:
        return False
    services, client = services_of(request), request.client
    try:
        await services.access.verify(auth.bearer(request), services.clock(), client.host if client else "")
    except HooklakeError:
        return False
    return True

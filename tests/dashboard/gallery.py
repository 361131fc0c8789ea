"""A page with every part that pages are made of, for tests and for eyes alone: it is no part of the product.

How the parts look is left to `static/dashboard.css`.
"""

import math
from datetime import timedelta
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response

from service.auth import Permission
from service.dashboard.frame import rendering
from service.dashboard.frame.plotting import Series
from service.dashboard.routes import PageRoute
from service.services import services_of

TEMPLATE = Path(__file__).with_name("gallery.html")
STATUSES = ("ACTIVE", "PENDING", "WARNING", "ERROR", "DISABLED", "running", "retrying")


async def shown(request: Request) -> Response:
    """GET /dashboard/gallery"""
    now = services_of(request).clock()
    moments = [now - timedelta(minutes=59 - n) for n in range(60)]
    wave = [40 + 30 * math.sin(n / 7) for n in range(60)]
    return rendering.render(
        request,
        rendering.environment().from_string(TEMPLATE.read_text()),
        moments=moments,
        rows=[(f"billing-{status.lower()}", status) for status in STATUSES],
        outcomes=[
            Series("delivered", [round(each) for each in wave], "ok"),
            Series("retried", [None if n in (20, 21) else n % 9 for n in range(60)], "warn"),
            Series("failed", [8 if 30 < n < 40 else 0 for n in range(60)], "bad"),
        ],
        latency=[
            Series("p50", [0.05 + each / 900 for each in wave], "accent"),
            Series("p95", [None if 10 < n < 14 else 0.2 + each / 300 for n, each in enumerate(wave)], "info"),
            Series("p99", [0.4 + each / 90 for each in wave], "idle"),
        ],
        success=[Series("success", [0.97 if 30 < n < 40 else 0.999 for n in range(60)])],
        nothing=[Series("retries", [None] * 60)],
    )


async def changed(_request: Request) -> Response:
    """POST /dashboard/gallery"""
    return rendering.redirect("/dashboard/gallery", said="It is done: 3 of <3> are on their way.")


async def broken(_request: Request) -> Response:
    """GET /dashboard/broken"""
    raise RuntimeError("nobody expected this")


#: Its own, and one of each kind that a visitor may not open.
PAGES = (
    PageRoute("GET", "/dashboard", shown, None),
    PageRoute("GET", "/dashboard/gallery", shown, None),
    PageRoute("POST", "/dashboard/gallery", changed, Permission.UPDATE_WEBHOOKS),
    PageRoute("GET", "/dashboard/webhooks", shown, Permission.READ_WEBHOOKS),
    PageRoute("GET", "/dashboard/people", shown, Permission.MANAGE_CLIENTS),
    PageRoute("GET", "/dashboard/broken", broken, None),
)

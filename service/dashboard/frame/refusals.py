"""Errors become pages: the same status and words as the API's, with what to do next.

Which status an error has, and what the log keeps of it, is left to `service/problems.py`.
"""

from collections.abc import Mapping
from contextlib import suppress
from typing import Any
from urllib.parse import quote

import msgspec
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from service import problems
from service.dashboard.frame import rendering, visitors
from service.dashboard.frame.visitors import SIGN_IN, VISITOR
from subscriptions.ground.errors import HooklakeError, Unauthorized

#: Headers of the API's answer that hold for a page too.
KEPT = ("allow", "retry-after")
#: With what the API begins to say that a role may not (greenlake.md 1.8): for programs.
FORMAL = "Authorization: Invalid Permission Error: "
TITLES: Mapping[int, str] = {
    400: "That cannot be done",
    403: "Not allowed",
    404: "Nothing here",
    405: "That cannot be done here",
    409: "It has changed meanwhile",
    412: "It has changed meanwhile",
    413: "Too large",
    415: "That cannot be read",
    422: "That cannot be read",
    429: "Too many requests",
    503: "Not available at the moment",
}
NEXT: Mapping[int, str] = {
    403: "Your role does not permit it. An operator can give you another role.",
    404: "It may have been removed, or be in a workspace that you do not see.",
    503: "Nothing is lost: deliveries go on as soon as it answers again. Load the page again in a moment.",
}


async def missing(_request: Request) -> Response:
    """The answer for all paths under /dashboard that there are not."""
    raise HTTPException(404, "There is no such page")


async def answered(request: Request, error: Exception) -> Response:
    """The page for whatever a handler raised; who is not known is led to sign in, and back."""
    if isinstance(error, Unauthorized):
        response = _sign_in(request)
        if error.named:
            # Somebody else may have ended it, or a page was left open for long.
            rendering.leave(response, "Your session has ended: sign in to go on.", good=False)
        return response
    refused = await problems.answered(request, error)
    if not refused.body:
        return refused
    said: dict[str, Any] = msgspec.json.decode(refused.body)
    status = refused.status_code
    if status < 500 and status != 429:
        await _known(request)
    response = rendering.render(
        request,
        "refused.html",
        status=status,
        heading=TITLES.get(status, "Something went wrong"),
        message=_words(status, said["message"]),
        advice=NEXT.get(status, "") if status != 403 or FORMAL in said["message"] else "",
        debug_id=said["debugId"] if status >= 500 else "",
    )
    response.headers.update({name: value for name, value in refused.headers.items() if name in KEPT})
    return response


def _words(status: int, message: str) -> str:
    if status == 500:
        return "It is nothing that you did. Try it once more, or tell whoever operates this Hooklake."
    return message.removeprefix(FORMAL).capitalize() if FORMAL in message else message


async def _known(request: Request) -> None:
    """Whoever is signed in keeps the frame also where no page asked who they are."""
    if VISITOR not in request.scope:
        with suppress(HooklakeError):
            await visitors.entered(request)


def _sign_in(request: Request) -> Response:
    wanted = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    # What was asked by a script comes back to the page that it was asked from, and a form to its page.
    if request.headers.get("hx-request") == "true" or request.method not in ("GET", "HEAD"):
        wanted = "/dashboard"
    target = SIGN_IN if wanted == "/dashboard" else f"{SIGN_IN}?next={quote(wanted, safe='/')}"
    if request.headers.get("hx-request") == "true":
        return Response(status_code=401, headers={"HX-Redirect": target, **rendering.HEADERS})
    return RedirectResponse(target, 303, headers=rendering.HEADERS)

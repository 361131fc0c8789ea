"""Which page asked for a change: one of ours, or one of another site that a browser with our cookie in it has open.

What a change needs beside that is left to `service/auth.py`.
"""

from urllib.parse import urlsplit

from starlette.requests import Request

from service.services import services_of
from subscriptions.ground.errors import Forbidden, Issue

#: What a browser says of a form of ours, and of an address that a person typed (Fetch Metadata, 2.3).
OURS = ("same-origin", "none")


def vet(request: Request) -> None:
    """Raises Forbidden unless the browser says that a page of ours asked.

    `Sec-Fetch-Site` says so, and cannot be set by a page; browsers send it over https, and to this machine over http. Elsewhere
    `Origin` does, and of browsers without scripts (w3m, lynx) `Referer`: a page can leave it out, and never name one of ours in
    it. Without any of them it is no browser that we know, and has no business with forms.
    """
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        if site not in OURS:
            raise _forbidden("Sec-Fetch-Site", f"says {site[:50]!r}")
        return
    header = "Origin" if "origin" in request.headers else "Referer"
    origin = request.headers.get(header)
    if origin is None:
        raise _forbidden("Origin", "is missing, and so are Sec-Fetch-Site and Referer")
    # By host and port: a proxy may have taken TLS off.
    known = {request.headers.get("host", "").lower(), urlsplit(services_of(request).settings.url).netloc.lower()}
    if urlsplit(origin).netloc.lower() not in known - {""}:
        raise _forbidden(header, f"says {origin[:100]!r}")


def _forbidden(header: str, why: str) -> Forbidden:
    said = f"{why}: a change is asked for by a page of this dashboard; nothing was changed. Load the page again"
    return Forbidden(Issue(subject=header, description=said, source="header"))

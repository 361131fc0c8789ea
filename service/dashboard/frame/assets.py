"""What pages load beside themselves: styles, scripts and icons, all from here, under paths that name their bytes.

How a page asks for one is left to `rendering.py`, where the vendored ones come from to `static/vendor/manifest.json`.
"""

import hashlib
from collections.abc import Mapping
from functools import cache
from importlib import resources
from importlib.resources.abc import Traversable

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from service.api.documents import Document

PREFIX = "/dashboard/static"
#: The name of the path's part that changes with the bytes, so that whoever has them never asks again.
FOREVER = {"Cache-Control": "public, max-age=31536000, immutable"}
TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}


async def served(request: Request) -> Response:
    """GET /dashboard/static/{digest}/{name}"""
    name, digest = request.path_params["name"], request.path_params["digest"]
    document = _documents().get(name)
    # Under an old digest other bytes would be kept forever as those.
    if document is None or digest_of(name) != digest:
        raise HTTPException(404)
    return document.answer(request)


@cache
def url(name: str) -> str:
    """The path of an asset by its name under `static`; raises KeyError where there is none."""
    return f"{PREFIX}/{digest_of(name)}/{name}"


@cache
def digest_of(name: str) -> str:
    """What stands for its bytes in its path."""
    return hashlib.sha256(contents()[name]).hexdigest()[:16]


@cache
def contents() -> Mapping[str, bytes]:
    """Every asset that a page may load, by its name; licences and the manifest are none."""
    found: dict[str, bytes] = {}
    _gather(resources.files("service.dashboard") / "static", "", found)
    return found


def _gather(folder: Traversable, prefix: str, found: dict[str, bytes]) -> None:
    for each in folder.iterdir():
        if each.is_dir():
            _gather(each, f"{prefix}{each.name}/", found)
        elif any(each.name.endswith(ending) for ending in TYPES):
            found[prefix + each.name] = each.read_bytes()


@cache
def _documents() -> Mapping[str, Document]:
    return {name: Document(body, TYPES["." + name.rpartition(".")[2]], FOREVER) for name, body in contents().items()}

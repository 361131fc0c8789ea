"""The contract's documents over slow lines: packed for those who take that, and sent once to those who keep them."""

import gzip

import httpx
import pytest

from service.api.documents import takes_gzip
from tests.service.conftest import DOCUMENT

PATHS = ["/docs", "/openapi.json"]


async def raw(api: httpx.AsyncClient, path: str, **headers: str) -> tuple[httpx.Response, bytes]:
    """The answer, and its body as it travelled."""
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    async with api.stream("GET", path, headers={"Accept-Encoding": "identity"} | given) as response:
        body = b"".join([piece async for piece in response.aiter_raw()])
    return response, body


@pytest.fixture
def api(api: httpx.AsyncClient) -> httpx.AsyncClient:
    """Without the look at every answer, which would read it first."""
    api.event_hooks = {}
    return api


@pytest.mark.parametrize("path", PATHS)
async def test_documents_are_packed_for_who_takes_gzip(api: httpx.AsyncClient, path: str) -> None:
    """Who takes gzip gets it, a fourth of the bytes at most; who does not, the same document as it is."""
    plain, whole = await raw(api, path)
    packed, body = await raw(api, path, Accept_Encoding="gzip, deflate, br")

    assert (packed.headers["content-encoding"], "content-encoding" in plain.headers) == ("gzip", False)
    assert gzip.decompress(body) == whole
    assert len(body) < len(whole) / 4
    assert [each.headers["vary"] for each in (plain, packed)] == ["Accept-Encoding"] * 2
    assert [int(each.headers["content-length"]) for each in (plain, packed)] == [len(whole), len(body)]


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("coding", ["gzip", "identity"])
async def test_a_kept_document_is_not_sent_again(api: httpx.AsyncClient, path: str, coding: str) -> None:
    """Who has it is told so without it, by the tag of the form that he has; another tag gets it anew."""
    first, _ = await raw(api, path, Accept_Encoding=coding)
    tag = first.headers["etag"]
    other = (await raw(api, path, Accept_Encoding="identity" if coding == "gzip" else "gzip"))[0].headers["etag"]

    assert "304" in DOCUMENT["paths"][path]["get"]["responses"]
    kept = [await raw(api, path, Accept_Encoding=coding, If_None_Match=each) for each in (tag, f'"x", W/{tag}', "*")]
    anew = [await raw(api, path, Accept_Encoding=coding, If_None_Match=each) for each in ('"x"', other, "")]

    assert [(response.status_code, body) for response, body in kept] == [(304, b"")] * 3
    assert {response.headers["etag"] for response, _ in kept} == {tag}
    assert {response.headers["cache-control"] for response, _ in kept} == {"public, max-age=300"}
    assert [response.status_code for response, _ in anew] == [200] * 3


@pytest.mark.parametrize(
    ("accepted", "takes"),
    [
        *(("gzip", True), ("br, GZIP;q=0.5", True), ("x-gzip", True), ("*", True), ("gzip;q=1.0, *;q=0", True)),
        *(("", False), ("identity", False), ("gzip;q=0", False), ("gzip; q=0.000", False), ("*;q=0", False)),
        *(("gzip;q=0, *", False), ("br;q=1, deflate", False), ("gzipped", False)),
    ],
)
def test_what_is_taken(accepted: str, takes: bool) -> None:
    """Accept-Encoding by its rules: weights, a star for all that is not named, nothing where nothing is said."""
    assert takes_gzip(accepted) is takes

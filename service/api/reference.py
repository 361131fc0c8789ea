"""`GET /docs`: the contract as a page for people, made from the OpenAPI document; it needs no script and nothing from elsewhere.

What the page says is left to `contract/`, how it looks to `templates/reference.html`.
"""

import base64
import hashlib
import re
from functools import cache, partial
from importlib import resources
from typing import Any

import msgspec
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from service.api import command, openapi
from service.api.contract import prose
from service.api.contract.shapes import Json
from service.api.documents import Document
from service.services import services_of

HEADERS = {
    "Referrer-Policy": "no-referrer",
    "X-Frame-Options": "DENY",
}
#: The page's own style and nothing else, on nobody's page.
POLICY = "default-src 'none'; style-src '{}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
SAMPLES = (("Python", "verify.py"), ("JavaScript", "verify.mjs"), ("Go", "verify.go"))

_STYLE = re.compile(r"<style>(.*?)</style>", re.DOTALL)
_CODE = re.compile(r"`([^`]+)`")


async def served(request: Request) -> Response:
    """GET /docs"""
    return _packed(services_of(request).settings.url).answer(request)


@cache
def _packed(url: str) -> Document:
    headers = {**HEADERS, "Content-Security-Policy": policy(url)}
    return Document(page(url).encode(), "text/html; charset=utf-8", headers)


async def pointed(_request: Request) -> Response:
    """GET /: whoever opens the API's address in a browser is led to what there is to read."""
    return RedirectResponse("/docs")


@cache
def policy(url: str) -> str:
    """What a browser may load for the page: the style in it, by its hash (CSP 3, 8.2)."""
    return policy_of(page(url))


def policy_of(page: str) -> str:
    """The same for any page that has one style in it, and nothing else to load."""
    [style] = styles(page)
    return POLICY.format("sha256-" + base64.b64encode(hashlib.sha256(style.encode()).digest()).decode())


def styles(page: str) -> list[str]:
    """The texts of a page's style elements."""
    return _STYLE.findall(page)


@cache
def environment() -> Environment:
    """What the API's own pages are made with."""
    made = Environment(
        loader=PackageLoader("service.api", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= {"prose": _prose, "line": _line, "json": _json, "kind": kind}
    return made


@cache
def page(url: str) -> str:
    """The page of an API that is reached at `url`."""
    document = openapi.document(url)
    return (
        environment()
        .get_template("reference.html")
        .render(
            document=document,
            notes=prose.notes(),
            areas=[(tag["name"], _of_tag(document, tag["name"])) for tag in document["tags"]],
            received=[(name, found["post"]) for name, found in document["webhooks"].items()],
            samples=[(language, name, sample(name)) for language, name in SAMPLES],
            examples=partial(_examples, document),
            command=partial(_command, document, url),
            url=url,
        )
    )


def sample(name: str) -> str:
    """The text of a verification sample."""
    return (resources.files("service.api") / "contract" / "samples" / name).read_text(encoding="utf-8")


def kind(schema: Json) -> Markup:
    """What a schema asks for, in a few words; names of schemas are links."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return Markup('<a href="#schema-{0}">{0}</a>').format(name)
    for word in ("anyOf", "oneOf"):
        if word in schema:
            return Markup(" or ").join(kind(each) for each in schema[word])
    if "const" in schema:
        return Markup("<code>{}</code>").format(_json(schema["const"]))
    if "enum" in schema:
        return Markup(", ").join(Markup("<code>{}</code>").format(_json(each)) for each in schema["enum"])
    given = schema.get("type", "anything")
    if given == "array":
        return Markup("array of ") + kind(schema["items"])
    said = " or ".join(given) if isinstance(given, list) else str(given)
    return escape(f"{said} ({schema['format']})" if "format" in schema else said)


def _examples(document: Json, content: Json) -> list[object]:
    """One example of a body: that of its first media type's schema, in an array where the schema is one."""
    schema = next(iter(content.values()))["schema"]
    many, schema = "items" in schema, schema.get("items", schema)
    if "$ref" in schema:
        schema = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    found = schema.get("examples", [])[:1]
    return [found] if many and found else list(found)


def _command(document: Json, url: str, method: str, path: str, operation: Json) -> str:
    content = operation.get("requestBody", {}).get("content")
    found = _examples(document, content) if content else []
    return command.curl(url, method, path, operation, found[0] if found else None)


def _of_tag(document: Json, tag: str) -> list[tuple[str, str, Json]]:
    """Method, path and operation."""
    return [
        (method.upper(), path, operation)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
        if tag in operation["tags"]
    ]


def _prose(text: str) -> Markup:
    """Paragraphs, with lists of lines that begin with `- `."""
    return Markup("\n").join(_block(block.split("\n")) for block in text.split("\n\n") if block)


def _block(lines: list[str]) -> Markup:
    sentences = [line for line in lines if not line.startswith("- ")]
    items = [Markup("<li>{}</li>").format(_line(line[2:])) for line in lines if line.startswith("- ")]
    paragraph = Markup("<p>{}</p>").format(_line("\n".join(sentences))) if sentences else Markup()
    return paragraph + (Markup("<ul>{}</ul>").format(Markup().join(items)) if items else Markup())


def _line(text: str) -> Markup:
    """Escaped, with code between backticks."""
    return Markup(_CODE.sub(r"<code>\1</code>", str(escape(text))))


def _json(value: Any) -> str:
    return msgspec.json.format(msgspec.json.encode(value), indent=2).decode()

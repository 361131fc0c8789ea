"""Holds answers against the served OpenAPI document: status, media type, headers, body.

Which requests are made is left to the tests: as a response hook of the API's client it sees every answer.
"""

import re
from collections.abc import Mapping
from typing import Any

import httpx
import jsonschema_rs

Json = dict[str, Any]


class Agreed:
    """A document, and what it says of an answer; `seen` collects the operationIds and statuses that were held against it."""

    def __init__(self, document: Json) -> None:
        self.document = document
        self.seen: set[tuple[str, int]] = set()
        # A path that no pattern matches as it stands may hold an id with slashes: the last parameter takes the rest.
        self._paths = [
            (re.compile(re.sub(r"\{\w+\}\Z", last, re.sub(r"\{\w+\}(?=/)", "[^/]+", path)) + r"\Z"), methods)
            for last in ("[^/]+", ".+")
            for path, methods in document["paths"].items()
        ]

    async def __call__(self, response: httpx.Response) -> None:
        """Raises AssertionError where the document does not know the answer; other methods and paths are nobody's."""
        await response.aread()
        if response.request.url.path == "/":
            return  # no part of the contract
        operation = self._operation(response.request)
        if operation is None:
            assert response.status_code in (204, 404, 405) or response.request.method in ("HEAD", "OPTIONS"), response
            return
        self.seen.add((operation["operationId"], response.status_code))
        told = operation["responses"].get(str(response.status_code))
        assert told is not None, f"{operation['operationId']} answers {response.status_code}: {response.text}"
        told = self._resolved(told)
        assert {name.lower() for name in told.get("headers", {})} <= set(response.headers), response.headers
        if "content" not in told:
            assert response.content == b"", response.text
            return
        media_type = response.headers["content-type"].partition(";")[0]
        assert media_type in told["content"], media_type
        if media_type == "application/json":
            self.valid(response.json(), told["content"][media_type]["schema"])

    def valid(self, value: object, schema: Json) -> None:
        """Raises AssertionError where the value is another, or has a field that the schema does not name."""
        validator = jsonschema_rs.validator_for(
            {"components": self.document["components"], **schema}, validate_formats=True
        )
        assert [f"{fault.instance_path}: {fault.message}" for fault in validator.iter_errors(value)] == []
        self._named(value, self._resolved(schema))

    def _operation(self, request: httpx.Request) -> Json | None:
        for pattern, methods in self._paths:
            if pattern.match(request.url.path):
                found: Json | None = methods.get(request.method.lower())
                return found
        return None

    def _resolved(self, schema: Mapping[str, Any]) -> Json:
        if "$ref" not in schema:
            return dict(schema)
        found: Any = self.document
        for part in schema["$ref"].removeprefix("#/").split("/"):
            found = found[part]
        return dict(found)

    def _named(self, value: object, schema: Json) -> None:
        """Answers may grow, but not in silence: what goes out today is all described."""
        if isinstance(value, list) and "items" in schema:
            for each in value:
                self._named(each, self._resolved(schema["items"]))
        if isinstance(value, dict) and "properties" in schema:
            assert set(value) <= set(schema["properties"]), set(value) - set(schema["properties"])
            for name, each in value.items():
                self._named(each, self._resolved(schema["properties"][name]))

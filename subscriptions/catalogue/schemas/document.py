"""A schema document taken apart: the schemas in it, and where its references lead.

What is too much of it is left to `bounds.py`, what it means to `compiling.py`.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urljoin

from subscriptions.catalogue.schemas import dialects, pointers
from subscriptions.catalogue.schemas.dialects import HOLDERS, Dialect, Where
from subscriptions.ground.errors import Issue, Refused

REFERENCES = ("$ref", "$dynamicRef", "$recursiveRef")
#: Faults of a document that are told at once.
MOST = 20


@dataclass(frozen=True, slots=True)
class Edge:
    """From a schema to one that it applies."""

    where: Where
    #: Which member or items of the value: edges with the same one may meet at one place.
    place: str
    #: The pointer of what is applied.
    to: str


@dataclass(slots=True)
class Node:
    """A schema of the document."""

    value: dict[str, Any] | bool
    base: str
    edges: list[Edge] = field(default_factory=list)

    def members(self, dialect: Dialect) -> Mapping[str, Any]:
        """The keywords that count."""
        if isinstance(self.value, bool):
            return {}
        if dialect.ref_alone and isinstance(self.value.get("$ref"), str):
            return {"$ref": self.value["$ref"]}
        return self.value


class SchemaDocument:
    """All schemas of a document by their pointers; the root's is empty."""

    def __init__(self, value: dict[str, Any], dialect: Dialect) -> None:
        """Raises Refused naming each reference that leads out of the document or nowhere."""
        self.value = value
        self.dialect = dialect
        self.nodes: dict[str, Node] = {}
        self._resources: dict[str, str] = {"": ""}
        self._anchors: dict[tuple[str, str], str] = {}
        self._unresolved: list[tuple[str, str, str]] = []
        self._walk("", value, "")
        issues: list[Issue] = []
        while self._unresolved and len(issues) < MOST:
            pointer, keyword, reference = self._unresolved.pop()
            wrong = self._resolve(pointer, keyword, reference)
            if wrong:
                issues.append(issue(pointers.joined(pointer, keyword), wrong))
        if issues:
            raise Refused(*issues)

    def target(self, pointer: str, reference: str) -> str | None:
        """The pointer of the schema that a reference in the one at `pointer` leads to; None: to none of this document."""
        base = self.nodes[pointer].base
        resource, _, fragment = (base + reference if reference.startswith("#") else urljoin(base, reference)).partition(
            "#"
        )
        root = self._resources.get(resource)
        if root is None:
            return None
        if fragment and not fragment.startswith("/"):
            return self._anchors.get((resource, fragment))
        return pointers.joined(root, *pointers.steps(fragment))

    def _resolve(self, pointer: str, keyword: str, reference: str) -> str | None:
        """Draws the edge of a reference; answers what is wrong with it."""
        to = self.target(pointer, reference)
        if to is None and dialects.of(reference.partition("#")[0]):
            # By it payloads would bring regular expressions of their own, to be compiled as they come.
            return f"refers to {reference[:200]}, a meta-schema: data that are schemas themselves are not judged here"
        if to is None:
            return f"refers to {reference[:200]}, which is not in this document; nothing is fetched, put it into $defs"
        if to not in self.nodes:
            try:
                value = pointers.found(self.value, pointers.steps(to.replace("%", "%25")))
            except LookupError:
                return f"refers to {reference[:200]}, and nothing stands there"
            if not isinstance(value, dict | bool):
                return f"refers to {reference[:200]}, which is no schema"
            self._walk(to, value, self.nodes[pointer].base)
        self.nodes[pointer].edges.append(Edge(Where.HERE, keyword, to))
        return None

    def _walk(self, start: str, value: dict[str, Any] | bool, base: str) -> None:
        waiting: list[tuple[str, Any, str]] = [(start, value, base)]
        while waiting:
            pointer, schema, base = waiting.pop()
            if isinstance(schema, dict):
                base = self._named(pointer, schema, base)
            node = self.nodes[pointer] = Node(schema, base)
            members = node.members(self.dialect)
            for keyword, below in members.items():
                if keyword in REFERENCES and isinstance(below, str):
                    self._unresolved.append((pointer, keyword, below))
                if keyword not in HOLDERS:
                    continue
                for path, each in dialects.held(keyword, below, self.dialect):
                    to = pointers.joined(pointer, keyword, *path)
                    where, place = _applied(keyword, path)
                    node.edges.append(Edge(where, place, to))
                    waiting.append((to, each, base))

    def _named(self, pointer: str, schema: dict[str, Any], base: str) -> str:
        """Notes the names that a schema gives itself; answers the base of what is in it."""
        name = schema.get(self.dialect.id_keyword)
        if isinstance(name, str) and not (self.dialect.ref_alone and "$ref" in schema):
            if name.startswith("#"):
                self._anchors[base, name[1:]] = pointer
            else:
                base = urljoin(base, name).partition("#")[0] if base else name.partition("#")[0]
                self._resources[base] = pointer
        if not self.dialect.ref_alone:
            for keyword in ("$anchor", "$dynamicAnchor"):
                if isinstance(schema.get(keyword), str):
                    self._anchors[base, schema[keyword]] = pointer
        return base

    def walked(self) -> Iterator[tuple[str, Mapping[str, Any]]]:
        """Each schema's pointer and the keywords of it that count."""
        return ((pointer, node.members(self.dialect)) for pointer, node in self.nodes.items())


def issue(pointer: str, description: str) -> Issue:
    """Something that is wrong with a schema at a place in it."""
    return Issue(subject=f"schema{pointer}"[:300], description=description)


def _applied(keyword: str, path: tuple[str, ...]) -> tuple[Where, str]:
    """How what a keyword holds is applied, and to which place of the value."""
    where = HOLDERS[keyword].where
    if keyword in ("properties", "prefixItems") or (keyword == "items" and path):
        return Where.ONE, pointers.joined("items" if keyword != "properties" else "", *path)
    if where is not Where.EACH:
        return where, keyword
    if keyword == "propertyNames":
        return where, "names"
    return where, "items" if "tems" in keyword or keyword == "contains" else "members"

"""What a request may ask for, measured before anything is done: its depth, its cost, its aliases and its directives.

Each is measured in one walk, in time that grows with the request: what a fragment comes to is worked out once, however often it
is spread. What the numbers are is left to settings.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLField,
    GraphQLInterfaceType,
    GraphQLNamedType,
    GraphQLObjectType,
    GraphQLSchema,
    InlineFragmentNode,
    IntValueNode,
    OperationDefinitionNode,
    SelectionNode,
    SelectionSetNode,
    VariableNode,
    get_named_type,
    is_leaf_type,
    is_list_type,
    is_non_null_type,
)
from graphql.type.introspection import SchemaMetaFieldDef, TypeMetaFieldDef

#: Tenths of what an object costs: a plain field, an object, a change, and the schema.
LEAF, OBJECT, CHANGE, SCHEMA = 1, 10, 1000, 3000
#: What a list counts for that is not paged.
LIST = 10
#: Items of a page; and sizes of pages that a request is told of where its own are too costly, the largest first.
MOST, SIZES = 200, (100, 50, 20, 10, 5, 2, 1)
ALIASES, DIRECTIVES = 50, 50
#: Values of variables, lists and objects among them: each is looked at by the interpreter.
VALUES = 2000
#: How often one selection may name what is answered under one name: each is compared with each other.
REPEATS = 10
_BOTTOMLESS = 1_000_000
#: A cost that nobody has to be told more exactly.
_PRICELESS = 1_000_000_000
_META = {"__schema": SchemaMetaFieldDef, "__type": TypeMetaFieldDef}


@dataclass(frozen=True, kw_only=True, slots=True)
class RequestLimits:
    """What a deployment lets a request ask for."""

    depth: int = 15
    #: In objects.
    cost: int = 1000
    #: Whether the schema can be asked for.
    introspection: bool = True


@dataclass(frozen=True, slots=True)
class Measure:
    """What a selection comes to."""

    depth: int = 0
    #: In tenths of an object.
    cost: int = 0
    #: What each item of the page costs that the selection is made of; the page multiplies it.
    per_item: int = 0

    def beside(self, other: "Measure") -> "Measure":
        """Both, one beside the other."""
        return Measure(
            max(self.depth, other.depth),
            min(self.cost + other.cost, _PRICELESS),
            min(self.per_item + other.per_item, _PRICELESS),
        )


@dataclass(frozen=True, slots=True)
class Numbers:
    """How many there are of what may be many in a request."""

    aliases: int
    directives: int
    repeats: int

    def fault(self) -> str | None:
        """What is wrong with them, as a sentence; None where nothing is."""
        for name, most in (("aliases", ALIASES), ("directives", DIRECTIVES)):
            if (number := getattr(self, name)) > most:
                return f"The request has {number} {name}, and may have {most}: ask in several requests."
        if self.repeats > REPEATS:
            return f"A selection of the request names the same {self.repeats} times: once is enough, and {REPEATS} the most."
        return None


def counted(document: DocumentNode) -> Numbers:
    """The numbers of a request."""
    aliases = directives = repeats = 0
    for node in _nodes(document):
        aliases += isinstance(node, FieldNode) and node.alias is not None
        directives += len(node.directives or ())
        selected = getattr(node, "selection_set", None)
        if selected is not None:
            repeats = max(repeats, *Counter(map(_answered_as, selected.selections)).values(), 0)
    return Numbers(aliases, directives, repeats)


def _answered_as(node: SelectionNode) -> str:
    if isinstance(node, FieldNode):
        return (node.alias or node.name).value
    return f"...{node.name.value}" if isinstance(node, FragmentSpreadNode) else "... on"


def values_fault(variables: Mapping[str, Any]) -> str | None:
    """What is wrong with the number of values in variables, as a sentence; None where nothing is."""
    number = 0
    waiting: list[Iterable[Any]] = [variables.values()]
    while waiting:
        for each in waiting.pop():
            number += 1
            if number > VALUES:
                return f"The variables hold more than {VALUES:,} values, and may not: ask in several requests."
            if isinstance(each, dict):
                waiting.append(each.values())
            elif isinstance(each, list):
                waiting.append(each)
    return None


class Measuring:
    """Measures one request by the schema."""

    def __init__(
        self, schema: GraphQLSchema, document: DocumentNode, numbers: Mapping[str, int], *, most: int = MOST
    ) -> None:
        """`numbers` are the variables that are whole numbers; each page is measured as if it had at most `most` items."""
        self._schema = schema
        self.most = most
        self._numbers = numbers
        self._fragments = {
            each.name.value: each for each in document.definitions if isinstance(each, FragmentDefinitionNode)
        }
        #: None: it is being measured, and so spreads itself.
        self._known: dict[str, Measure | None] = {}

    def operation(self, operation: OperationDefinitionNode) -> Measure:
        """What an operation comes to; one that has no bottom, or none that could be reached, is deeper than anything."""
        try:
            return self._selections(operation.selection_set, self._schema.get_root_type(operation.operation))
        except RecursionError:
            return Measure(_BOTTOMLESS)

    def roots(self, operation: OperationDefinitionNode) -> set[str]:
        """The fields that an operation asks of the root, whatever fragments they stand in."""
        found: set[str] = set()
        waiting, seen = [operation.selection_set], set[str]()
        while waiting:
            for each in waiting.pop().selections:
                if isinstance(each, FieldNode):
                    found.add(each.name.value)
                elif isinstance(each, InlineFragmentNode):
                    waiting.append(each.selection_set)
                elif isinstance(each, FragmentSpreadNode) and (name := each.name.value) not in seen:
                    seen.add(name)
                    waiting += [self._fragments[name].selection_set] if name in self._fragments else []
        return found

    def _selections(self, selected: SelectionSetNode | None, parent: GraphQLNamedType | None) -> Measure:
        whole = Measure()
        for each in selected.selections if selected else ():
            whole = whole.beside(self._one(each, parent))
        return whole

    def _one(self, node: SelectionNode, parent: GraphQLNamedType | None) -> Measure:
        if isinstance(node, FieldNode):
            return self._field(node, parent)
        if isinstance(node, InlineFragmentNode):
            named = node.type_condition
            return self._selections(node.selection_set, self._schema.get_type(named.name.value) if named else parent)
        assert isinstance(node, FragmentSpreadNode)
        return self._spread(node.name.value)

    def _spread(self, name: str) -> Measure:
        if name not in self._known:
            fragment = self._fragments.get(name)
            if fragment is None:
                return Measure()
            self._known[name] = None
            within = self._schema.get_type(fragment.type_condition.name.value)
            self._known[name] = self._selections(fragment.selection_set, within)
        return self._known[name] or Measure(_BOTTOMLESS)

    def _field(self, node: FieldNode, parent: GraphQLNamedType | None) -> Measure:
        definition = self._definition(node, parent)
        kind = get_named_type(definition.type) if definition else None
        inner = self._selections(node.selection_set, kind)
        depth = inner.depth + 1
        if definition is None or kind is None or is_leaf_type(kind):
            return Measure(depth, self._changes(parent, LEAF))
        if node.name.value in _META:
            return Measure(depth, SCHEMA)
        if parent is not None and parent.name.startswith("__"):
            return Measure(depth)
        if "first" in definition.args:
            return Measure(depth, OBJECT + inner.cost + self._first(node, definition) * inner.per_item)
        if node.name.value == "data" and _is_page(parent):
            return Measure(depth, 0, OBJECT + inner.cost)
        listed = is_list_type(definition.type.of_type if is_non_null_type(definition.type) else definition.type)
        return Measure(depth, self._changes(parent, OBJECT) + inner.cost * (LIST if listed else 1))

    def _changes(self, parent: GraphQLNamedType | None, otherwise: int) -> int:
        return CHANGE if parent is not None and parent is self._schema.mutation_type else otherwise

    def _definition(self, node: FieldNode, parent: GraphQLNamedType | None) -> GraphQLField | None:
        if parent is self._schema.query_type and node.name.value in _META:
            return _META[node.name.value]
        return (
            parent.fields.get(node.name.value) if isinstance(parent, GraphQLObjectType | GraphQLInterfaceType) else None
        )

    def _first(self, node: FieldNode, definition: GraphQLField) -> int:
        """Items of a page; the most where it is not known, for it is refused then, or a default of the request's own."""
        given = next((each.value for each in node.arguments or () if each.name.value == "first"), None)
        if given is None:
            number = definition.args["first"].default_value
        elif isinstance(given, IntValueNode):
            number = int(given.value) if len(given.value) < 10 else MOST
        else:
            number = self._numbers.get(given.name.value, MOST) if isinstance(given, VariableNode) else MOST
        return min(max(number, 0), self.most) if isinstance(number, int) else self.most


def _is_page(kind: GraphQLNamedType | None) -> bool:
    return isinstance(kind, GraphQLObjectType) and any(each.name == "Pageable" for each in kind.interfaces)


def _within(selected: SelectionSetNode) -> Iterator[SelectionNode]:
    """All that is selected, at whatever depth, but for what fragments are spread."""
    waiting = [selected]
    while waiting:
        for each in waiting.pop().selections:
            yield each
            inner = getattr(each, "selection_set", None)
            if inner is not None:
                waiting.append(inner)


def _nodes(document: DocumentNode) -> Iterator[SelectionNode | OperationDefinitionNode | FragmentDefinitionNode]:
    """All operations, fragments and selections."""
    for definition in document.definitions:
        if isinstance(definition, OperationDefinitionNode | FragmentDefinitionNode):
            yield definition
            yield from _within(definition.selection_set)

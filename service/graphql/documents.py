"""A request's text, read and found good: parsed, measured and validated, in that order and each within bounds.

It is work for a thread, or for a process of its own where the text is long, so it knows nothing of who asks.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from graphql import (
    DocumentNode,
    GraphQLError,
    NoSchemaIntrospectionCustomRule,
    OperationDefinitionNode,
    OperationType,
    get_operation_ast,
    parse,
    specified_rules,
    validate,
)

from service.graphql import bounds, sdl
from service.graphql.bounds import Measuring, RequestLimits

#: Words and signs, and comments, of a request; a text in quotation marks is one, however long.
TOKENS, COMMENTS = 1000, 500
#: Faults that are answered.
FAULTS = 20
#: Fields of the root that tell the schema.
SCHEMA = frozenset({"__schema", "__type"})
UNREADABLE, INVALID, TOO_DEEP, TOO_COSTLY, NO_OPERATION = (
    "GRAPHQL_PARSE_FAILED",
    "GRAPHQL_VALIDATION_FAILED",
    "GRAPHQL_TOO_DEEP",
    "GRAPHQL_TOO_COSTLY",
    "GRAPHQL_NO_SUCH_OPERATION",
)
#: What was found in place of something else may be a secret.
_FOUND = re.compile(
    r"(?:[,;.:]? ?found:|,? but encountered error|(?<= value):|(?<=String)) .*", re.IGNORECASE | re.DOTALL
)
#: Characters of a message.
LONGEST = 500

Fault = dict[str, Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class PreparedRequest:
    """A request that may be executed."""

    document: DocumentNode
    #: Whether it changes something.
    changes: bool
    #: Whether it asks for the schema, and so for nothing else.
    of_schema: bool


def prepare(
    text: str, operation_name: str | None, numbers: Mapping[str, int], limits: RequestLimits
) -> PreparedRequest | list[Fault]:
    """The request, or what is wrong with it; `numbers` are its variables that are whole numbers."""
    try:
        document = parse(text, max_lexical_tokens=TOKENS, max_comments=COMMENTS)
    except GraphQLError as error:
        return [fault(error, UNREADABLE)]
    numbered = bounds.counted(document)
    if said := numbered.fault():
        return [_sentence(said, INVALID)]
    operation = get_operation_ast(document, operation_name)
    if operation is None:
        return [_sentence(_no_operation(document, operation_name), NO_OPERATION)]
    measuring = Measuring(sdl.bare(), document, numbers)
    measure = measuring.operation(operation)
    if measure.depth > limits.depth:
        deep = f"is {measure.depth} levels deep" if measure.depth < len(text) else "has no bottom"
        said = f"The request {deep}, and may be {limits.depth} deep (HOOKLAKE_GRAPHQL_DEPTH)."
        return [_sentence(said, TOO_DEEP)]
    rules = specified_rules if limits.introspection else (*specified_rules, NoSchemaIntrospectionCustomRule)
    errors = validate(sdl.bare(), document, rules, FAULTS, hide_suggestions=not limits.introspection)
    if errors:
        return [fault(each, INVALID) for each in errors]
    if measure.cost > limits.cost * bounds.OBJECT:
        return [_sentence(_too_costly(measure.cost, limits), TOO_COSTLY)]
    roots = measuring.roots(operation)
    of_schema = bool(roots & SCHEMA)
    if of_schema and (numbered.aliases or not roots <= {*SCHEMA, "__typename"}):
        # Its answer would grow with what is asked for twice, and nothing else holds the process up so long.
        return [_sentence("The schema is asked for in a request of its own, without aliases.", INVALID)]
    changes = operation.operation is OperationType.MUTATION
    return PreparedRequest(document=document, changes=changes, of_schema=of_schema)


def _too_costly(cost: int, limits: RequestLimits) -> str:
    return (
        f"The request may come to {-(-cost // bounds.OBJECT):,}, and {limits.cost:,} is the most (HOOKLAKE_GRAPHQL_COST): an "
        f"object counts 1, ten plain fields 1, a change {bounds.CHANGE // bounds.OBJECT}, and a page as many times what is in "
        "it as `first` says. Ask for fewer."
    )


def _no_operation(document: DocumentNode, name: str | None) -> str:
    named = [
        each.name.value for each in document.definitions if isinstance(each, OperationDefinitionNode) and each.name
    ]
    if name:
        return f"The request has no operation of the name {name[:100]!r}, which operationName asks for."
    if named:
        return "The request has several operations: operationName says which one is meant."
    return "The request has no operation."


def fault(error: GraphQLError, code: str) -> Fault:
    """An error of the language as it is answered: without what was found where something else should be."""
    shown: Fault = {"message": _FOUND.sub("", error.message)[:LONGEST].rstrip()}
    if error.locations:
        shown["locations"] = [{"line": each.line, "column": each.column} for each in error.locations[:10]]
    return {**shown, "extensions": {"code": code}}


def _sentence(message: str, code: str) -> Fault:
    return {"message": message, "extensions": {"code": code}}

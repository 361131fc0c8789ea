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
    execute_sync,
    get_operation_ast,
    parse,
    specified_rules,
    validate,
)
from graphql.validation.rules import overlapping_fields_can_be_merged

from service.graphql import bounds, sdl
from service.graphql.bounds import Measuring, RequestLimits

#: Words and signs, and comments, of a request; a text in quotation marks is one, however long.
TOKENS, COMMENTS = 1000, 500
#: Faults that are answered.
FAULTS = 20
#: What comparing fields that are answered under one name may take, in the library's own count: a millisecond for a thousand.
COMPARISONS = 10_000
#: Requests for the schema whose answers are kept.
KEPT = 4
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
#: What the library says of a request whose fields take too much to be compared.
_ABORTED = "Validation aborted."
#: Characters of a message.
LONGEST = 500

Fault = dict[str, Any]

# The library asks for it to be set there.
overlapping_fields_can_be_merged.MAX_COMPLEXITY_BUDGET = COMPARISONS


@dataclass(frozen=True, kw_only=True, slots=True)
class PreparedRequest:
    """A request that may be executed."""

    document: DocumentNode
    #: Whether it changes something.
    changes: bool
    #: Whether it asks for the schema, and so for nothing else.
    of_schema: bool
    #: What is answered, where nothing has to be asked for it.
    answer: dict[str, Any] | None = None


#: The answers of the schema are the same for everybody, and tools ask for them in the same words.
_kept: dict[tuple[str, str | None, RequestLimits], PreparedRequest] = {}


def prepare(
    text: str, operation_name: str | None, numbers: Mapping[str, int], limits: RequestLimits
) -> PreparedRequest | list[Fault]:
    """The request, or what is wrong with it; `numbers` are its variables that are whole numbers."""
    if (kept := _kept.get((text, operation_name, limits))) is not None:
        return kept
    prepared = _prepared(text, operation_name, numbers, limits)
    if isinstance(prepared, PreparedRequest) and prepared.answer is not None:
        while len(_kept) >= KEPT:
            del _kept[next(iter(_kept))]
        _kept[text, operation_name, limits] = prepared
    return prepared


def _prepared(
    text: str, operation_name: str | None, numbers: Mapping[str, int], limits: RequestLimits
) -> PreparedRequest | list[Fault]:
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
    if measure.cost > limits.cost * bounds.OBJECT:
        sizes = [Measuring(sdl.bare(), document, numbers, most=size) for size in bounds.SIZES]
        fits = next(
            (each.most for each in sizes if each.operation(operation).cost <= limits.cost * bounds.OBJECT), None
        )
        return [_sentence(_too_costly(measure.cost, limits, fits), TOO_COSTLY)]
    rules = specified_rules if limits.introspection else (*specified_rules, NoSchemaIntrospectionCustomRule)
    errors = validate(sdl.bare(), document, rules, FAULTS, hide_suggestions=not limits.introspection)
    if errors and errors[-1].message == _ABORTED:
        return [
            _sentence("The request names the same in too many places to be compared: ask in several requests.", INVALID)
        ]
    if errors:
        return [fault(each, INVALID) for each in errors]
    return _found_good(document, operation, measuring.roots(operation), numbered.aliases)


def _found_good(
    document: DocumentNode, operation: OperationDefinitionNode, roots: set[str], aliases: int
) -> PreparedRequest | list[Fault]:
    of_schema = bool(roots & SCHEMA)
    if of_schema and (aliases or not roots <= {*SCHEMA, "__typename"}):
        # Its answer would grow with what is asked for twice, and nothing else holds the process up so long.
        return [_sentence("The schema is asked for in a request of its own, without aliases.", INVALID)]
    answer = None
    if of_schema and not operation.variable_definitions:
        name = operation.name.value if operation.name else None
        answer = {"data": execute_sync(sdl.bare(), document, operation_name=name).data}
    changes = operation.operation is OperationType.MUTATION
    return PreparedRequest(document=document, changes=changes, of_schema=of_schema, answer=answer)


def _too_costly(cost: int, limits: RequestLimits, fits: int | None) -> str:
    """`fits`: the size of each page with which it would be taken; None: there is none."""
    cure = "Ask in several requests." if fits is None else f"With `first: {fits}` on each page it is taken."
    return (
        f"The request may come to {-(-cost // bounds.OBJECT):,}, and {limits.cost:,} is the most (HOOKLAKE_GRAPHQL_COST): an "
        f"object counts 1, ten plain fields 1, a change {bounds.CHANGE // bounds.OBJECT}, and a page as many times what is in "
        f"it as its `first` says, at least 100 without it. {cure}"
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

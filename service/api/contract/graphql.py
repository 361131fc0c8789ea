"""The contract of GraphQL: one path, whose schema says itself what may be asked for.

What is done with requests is left to `service/api/graphql.py` and `service/graphql/`.
"""

from service.api.contract.operation import JSON, Operation, parameter
from service.api.contract.shapes import Json, array, given, ref, text, whole

PATH = "/graphql"
TAG = "GraphQL"
GRAPHQL = "application/graphql-response+json"

_QUERY = "A document of GraphQL."
_NAME = "Which of the document's operations is meant, where it has several."
_SAYS = (
    "Kyma's registration: applications and the AsyncAPI documents of their events, with the types and operations of 2019 "
    "(`addEventAPI`, `Application.eventAPIs`) and those that they became (`addEventDefinitionToApplication`, "
    "`eventDefinitions`). What is registered here and by `/events/v1beta1/event-apis` is the same. The schema describes itself "
    "to introspection (`HOOKLAKE_GRAPHQL_INTROSPECTION`), and each field asks for the permission that the same thing asks for "
    "elsewhere: `event-types:read`, `create`, `update`, `delete`; a field that the token's roles do not permit is null, with an "
    "error.\n\n"
    "A request is bounded before it is begun: 1,000 words and signs, 50 aliases, 50 directives, 2,000 values of "
    "variables, a depth "
    "(`HOOKLAKE_GRAPHQL_DEPTH`, 15) and a cost (`HOOKLAKE_GRAPHQL_COST`, 1,000: an object counts 1, ten plain fields 1, a "
    "change 100, and a page as many times what is in it as `first` says). One request is sent at a time: an array of them is "
    "refused.\n\n"
    "Errors have a sentence in `message` and a code in `extensions.code`: that of `errorCode` elsewhere, or "
    "`GRAPHQL_PARSE_FAILED`, `GRAPHQL_VALIDATION_FAILED`, `GRAPHQL_TOO_DEEP`, `GRAPHQL_TOO_COSTLY`, "
    "`GRAPHQL_NO_SUCH_OPERATION`, `GRAPHQL_BAD_VARIABLES`, "
    "`GRAPHQL_ANSWER_TOO_LONG` (what was changed stays changed). With "
    "`Accept: application/graphql-response+json` a request that could not be "
    "begun is a 400; to others it is a 200, as GraphQL over HTTP has it. "
)
_VARIABLES: Json = {"type": ["object", "null"], "description": "Values of its variables."}
_EXTENSIONS: Json = {"type": ["object", "null"], "description": "Taken, and not looked at."}
_NULLABLE: Json = {"type": ["string", "null"], "description": _NAME}

SCHEMAS: dict[str, Json] = {
    "GraphqlRequest": given(
        {"query": text(_QUERY)},
        {"operationName": _NULLABLE, "variables": _VARIABLES, "extensions": _EXTENSIONS},
        examples=[{"query": "{ applications(first: 10) { data { id name } totalCount } }"}],
    ),
    "GraphqlError": given(
        {"message": text("For people."), "extensions": {"type": "object", "description": "`code` is for programs."}},
        {
            "locations": array(given({"line": whole("From 1.", minimum=1), "column": whole("From 1.", minimum=1)})),
            "path": array({}, "Which field it is of."),
        },
    ),
    "GraphqlAnswer": given(
        {},
        {
            "data": {"type": ["object", "null"], "description": "Absent where the request could not be begun."},
            "errors": array(ref("GraphqlError"), "Absent where there are none.", minItems=1),
        },
    ),
}

_ANSWER: Json = {"schema": ref("GraphqlAnswer")}
_ERROR: Json = {"schema": ref("Error")}
_OTHERS: dict[int, Json] = {
    200: {"description": "OK", "content": {JSON: _ANSWER, GRAPHQL: _ANSWER}},
    400: {
        "description": "The request cannot be read, or, in the media type of GraphQL, not be begun.",
        "content": {JSON: _ERROR, GRAPHQL: _ANSWER},
    },
}
_BY_GET: Json = {
    "description": "It is a mutation, which only POST may send.",
    "content": {JSON: _ERROR},
}

OPERATIONS = (
    Operation(
        method="POST",
        path=PATH,
        tag=TAG,
        id="askGraphql",
        summary="Ask, or change, by GraphQL",
        description=_SAYS,
        body={JSON: ref("GraphqlRequest")},
        answer=ref("GraphqlAnswer"),
        errors=(413, 422),
        others=_OTHERS,
    ),
    Operation(
        method="GET",
        path=PATH,
        tag=TAG,
        id="queryGraphql",
        summary="Ask by GraphQL; a mutation is a 405",
        description="The same as by POST, for queries alone.",
        query=(
            parameter("query", text(minLength=1), _QUERY, required=True),
            parameter("operationName", text(), _NAME),
            parameter("variables", text(), "Values of its variables, as an object of JSON."),
            parameter("extensions", text(), "An object of JSON that is taken, and not looked at."),
        ),
        answer=ref("GraphqlAnswer"),
        errors=(413, 422),
        others={**_OTHERS, 405: _BY_GET},
    ),
)

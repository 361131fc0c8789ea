"""An operation of the contract as a value, and its form in the document.

Which operations there are is left to the modules of the areas.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus

from service.api.contract.shapes import Json, moment, ref, text, whole
from service.auth import Permission

JSON = "application/json"
MERGE_PATCH = "application/merge-patch+json"

#: What each refusal means; the body is `Error`.
REFUSALS: Mapping[int, str] = {
    400: "The request cannot be read, or breaks a rule; `errorDetails` names each field.",
    401: 'There is no bearer token, or not a good one (then `WWW-Authenticate` has `error="invalid_token"`).',
    403: "The token's roles do not have the permission, or a limit of the workspace is used up.",
    404: "It does not exist in the caller's workspace.",
    409: "It contradicts what is kept already.",
    412: "`If-Match` names an entity tag, and nothing that is changed here has one.",
    413: "The body is larger than a limit that the message names.",
    415: "The Content-Type is not one of those that are understood, or its charset is not UTF-8, or the Content-Encoding is not "
    "`gzip`, which `Accept-Encoding` then says.",
    422: "The body is JSON of another shape: a field is missing, mistyped or unknown.",
    429: "A quota is used up: the client's requests of an hour, or the workspace's events of a minute, where the deployment "
    "sets how many those are; or its registrations and challenged changes, or its verifications, of a minute. Or a "
    "verification of the webhook is under way; or the client has too many requests under way at once.",
    500: "A defect of ours; the log has it under the `debugId`.",
    503: "A store is away, and whether anything was changed is not known; or there is no room for so large a body, or others "
    "have all that the management API has of the database. "
    "`Retry-After` says when to ask again.",
}

#: The headers of a 429 (greenlake.md 1.8); where a quota is set, other answers have all but `Retry-After`, too.
QUOTA: Mapping[str, Json] = {
    "Retry-After": whole("Seconds until asking again makes sense.", minimum=1),
    "X-RateLimit-Limit": whole("Of an hour, a minute, or at a time.", minimum=1),
    "X-RateLimit-Remaining": whole("How many of them are left.", minimum=0),
    "X-RateLimit-Reset": moment("When all of them are there again."),
    "ratelimit-limit": whole("Of an hour, a minute, or at a time.", minimum=1),
    "ratelimit-remaining": whole("How many of them are left.", minimum=0),
    "ratelimit-reset": whole("Seconds until all of them are there again.", minimum=1),
}


@dataclass(frozen=True, kw_only=True)
class Operation:
    """One method of one path."""

    method: str
    #: With its parameters in braces.
    path: str
    #: The operationId; GreenLake's where it has one.
    id: str
    tag: str
    summary: str
    #: Paragraphs apart by an empty line, code in backticks.
    description: str = ""
    #: What the token has to permit; None: any good token will do.
    permission: Permission | None = None
    #: Asked for no token at all.
    open: bool = False
    #: Schemas of path parameters that are no UUIDs.
    names: Mapping[str, Json] = field(default_factory=dict)
    query: tuple[Json, ...] = ()
    #: Headers that its handler reads.
    headers: tuple[Json, ...] = ()
    #: Media type -> schema; none: no body is read. One, where more are read too, for generators of clients know no choice.
    body: Mapping[str, Json] = field(default_factory=dict)
    #: The success code, what comes with it, and its schema (None: no body).
    success: int = 200
    answer: Json | None = None
    #: Media type of the answer.
    media_type: str = JSON
    location: bool = False
    #: Beside 500 and 503 for all, 415 for those that read a body,
    #: 401 and 429 for those that ask for a token.
    errors: tuple[int, ...] = ()
    #: Answers of another form, by code.
    others: Mapping[int, Json] = field(default_factory=dict)

    @property
    def parameters(self) -> list[Json]:
        """Those of the path, of the query and of the head."""
        names = [part[1:-1] for part in self.path.split("/") if part.startswith("{")]
        schemas = {name: self.names.get(name, text("", format="uuid")) for name in names}
        in_path = [{"name": name, "in": "path", "required": True, "schema": schema} for name, schema in schemas.items()]
        return [*in_path, *self.query, *self.headers]

    def written(self) -> Json:
        """The Operation Object."""
        written: Json = {"operationId": self.id, "tags": [self.tag], "summary": self.summary}
        asks = [] if self.open else [_asks(self.permission)]
        written["description"] = "\n\n".join([*filter(None, [self.description]), *asks])
        if self.open:
            written["security"] = []
        if self.parameters:
            written["parameters"] = self.parameters
        if self.body:
            content = {media_type: {"schema": schema} for media_type, schema in self.body.items()}
            written["requestBody"] = {"required": True, "content": content}
        written["responses"] = {str(code): response for code, response in sorted(self._responses().items())}
        return {key: value for key, value in written.items() if value != ""}

    def _responses(self) -> dict[int, Json]:
        success: Json = {"description": HTTPStatus(self.success).phrase}
        if self.answer is not None:
            success["content"] = {self.media_type: {"schema": self.answer}}
        if self.location:
            at = {"description": "The path of what was made.", "required": True, "schema": text()}
            success["headers"] = {"Location": at}
        codes = {*self.errors, 500, 503, *((415,) if self.body else ())}
        if self.method in ("PATCH", "DELETE"):
            codes.add(412)
        if not self.open:
            codes |= {400, 401, 429} | ({403} if self.permission else set())
        refusals = {code: {"$ref": f"#/components/responses/{code}"} for code in codes}
        return {self.success: success} | refusals | dict(self.others)


def refusal(code: int) -> Json:
    """The Response Object of an error."""
    response: Json = {"description": REFUSALS[code], "content": {JSON: {"schema": ref("Error")}}}
    if code == 401:
        response["headers"] = {"WWW-Authenticate": {"required": True, "schema": text()}}
    if code == 429:
        response["headers"] = {name: {"required": True, "schema": schema} for name, schema in QUOTA.items()}
    if code == 503:
        response["headers"] = {"Retry-After": {"required": True, "schema": {"type": "integer", "minimum": 1}}}
    return response


def parameter(name: str, schema: Json, description: str, *, required: bool = False, **more: object) -> Json:
    """A query parameter."""
    return {"name": name, "in": "query", "description": description, "required": required, "schema": schema, **more}


def paging(default: int, most: int) -> tuple[Json, Json]:
    """`limit` and `offset` (greenlake.md D.2)."""
    limit = {"type": "integer", "minimum": 1, "maximum": 999_999_999, "default": default}
    offset = {"type": "integer", "minimum": 0, "maximum": 999_999_999, "default": 0}
    return (
        parameter("limit", limit, f"Items of a page; more than {most} are answered as {most}."),
        parameter("offset", offset, "How many to leave out before them."),
    )


#: Which workspace a list covers (ours).
WITHIN = parameter(
    "workspaceId",
    {"type": "string", "pattern": "^[0-9a-f]{32}$"},
    "Only those of this workspace: any for operators, who see all without it; for others their own.",
)


def _asks(permission: Permission | None) -> str:
    return f"Asks for the permission `{permission}`." if permission else "Any good token will do."

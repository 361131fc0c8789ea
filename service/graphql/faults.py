"""What goes wrong while a request is executed, as it is answered: a sentence, a code, and nothing of our inside."""

import logging
from collections.abc import Iterator, Sequence
from uuid import uuid4

from graphql import GraphQLError

from service import problems
from service.graphql import documents
from service.graphql.documents import Fault
from subscriptions.ground.audience import NobodyWaits
from subscriptions.ground.errors import HooklakeError

log = logging.getLogger("hooklake.service")

#: Variables that are not of the types that the request declares.
BAD_VARIABLES = "GRAPHQL_BAD_VARIABLES"
PATH = "/graphql"
#: Faults that are answered; the rest are counted.
MOST = 50
#: Faults of variables that are looked for.
VARIABLES = 20


def shown(errors: Sequence[GraphQLError], *, begun: bool) -> list[Fault]:
    """The errors of an execution; `begun`: some field of it was asked for. Raises NobodyWaits where whoever asked has gone."""
    if not begun:
        return [documents.fault(each, BAD_VARIABLES) for each in errors[: VARIABLES + 1]]
    made = [_shown(each) for each in errors[:MOST]]
    if len(errors) > MOST:
        made.append({"message": f"{len(errors) - MOST} more fields have errors.", "extensions": {"code": "MORE"}})
    return made


def _shown(error: GraphQLError) -> Fault:
    ours = next((each for each in _causes(error) if isinstance(each, HooklakeError)), None)
    if isinstance(ours, NobodyWaits):
        raise ours
    said = problems.worded(ours) if ours is not None else None
    if ours is None or said is None:
        return _defect(error)
    problems.outage(ours, PATH)
    extensions = {"code": said.code, "httpStatusCode": said.status}
    return _placed(error, said.message, {**extensions, **({"errorDetails": said.details} if said.details else {})})


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.original_error if isinstance(error, GraphQLError) else None


def _defect(error: GraphQLError) -> Fault:
    """One that nobody expected: the log has it under the same debugId."""
    debug_id = str(uuid4())
    cause = error.original_error or error
    log.error("graphql.failed path=%r debugId=%s", error.path, debug_id, exc_info=cause)
    said = "Unexpected error occurred while handling the request; if the issue persists, give the debugId to your operator."
    return _placed(
        error, said, {"code": "HPE_GL_ERROR_INTERNAL_SERVER_ERROR", "httpStatusCode": 500, "debugId": debug_id}
    )


def _placed(error: GraphQLError, message: str, extensions: dict[str, object]) -> Fault:
    made: Fault = {"message": message}
    if error.locations:
        made["locations"] = [{"line": each.line, "column": each.column} for each in error.locations[:10]]
    if error.path:
        made["path"] = error.path
    return {**made, "extensions": extensions}

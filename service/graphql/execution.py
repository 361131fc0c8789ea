"""A request is executed: the schema with what resolves its fields, and the answer that comes of it."""

from collections.abc import Mapping
from functools import partial
from inspect import isawaitable
from typing import Any

from graphql import execute
from graphql.execution import Executor

from service.graphql import faults, fields
from service.graphql.asking import Asking
from service.graphql.documents import PreparedRequest

Answer = dict[str, Any]


class OneByOne(Executor[Any]):
    """Fields of the root one after another, of a query as of a mutation: fifty aliases are not fifty transactions at once."""

    def execute_operation(self, serially: bool | None = None) -> Any:
        """Whatever the operation is."""
        return super().execute_operation(serially=True)


async def executed(
    asking: Asking, prepared: PreparedRequest, variables: Mapping[str, Any], operation_name: str | None
) -> Answer:
    """`data`, and `errors` where there are any; `errors` alone where the variables are none that could be taken."""
    if prepared.answer is not None:
        return prepared.answer
    run = partial(
        execute,
        fields.executable(),
        prepared.document,
        context_value=asking,
        variable_values=dict(variables),
        operation_name=operation_name,
        max_coercion_errors=faults.VARIABLES,
        executor_class=OneByOne,
    )
    # The schema is told by nobody but the interpreter, and takes it tens of milliseconds.
    queries = asking.services.queries
    result = await queries.work(asking.known.workspace_id, 0, run) if prepared.of_schema else run()
    try:
        if isawaitable(result):
            result = await result
    finally:
        await asking.settled()
    begun = result.data is not None or any(each.path for each in result.errors or ())
    answer: Answer = {"data": result.data} if begun else {}
    if result.errors:
        answer["errors"] = faults.shown(result.errors, begun=begun)
    return answer

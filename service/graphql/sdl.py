"""The schema as it is written (`schema.graphql`), and bare of resolvers: what requests are validated and measured by.

A process of its own that reads a long request makes it as well, so nothing else of the service stands behind this.
"""

from functools import cache
from pathlib import Path

import ariadne
from graphql import GraphQLSchema

_PLACE = Path(__file__).parent / "schema.graphql"


@cache
def written() -> str:
    """The schema in GraphQL's own language."""
    return ariadne.load_schema_from_path(_PLACE)


@cache
def bare() -> GraphQLSchema:
    """The schema, whose fields nothing resolves."""
    return ariadne.make_executable_schema(written())

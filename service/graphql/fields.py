"""Every field of the schema's roots on one screen: what resolves it, and the permission that it asks for.

What resolvers do is left to their modules.
"""

from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from functools import cache
from typing import Any

from ariadne import MutationType, QueryType, make_executable_schema
from graphql import GraphQLResolveInfo, GraphQLSchema

from service import auth
from service.auth import Permission
from service.graphql import changes, queries, sdl
from service.graphql.asking import Asking
from service.graphql.scalars import SCALARS
from subscriptions.ground.database import repeating

Resolver = Callable[[Asking, Mapping[str, Any]], Coroutine[Any, Any, Any]]

CREATE, READ, UPDATE, DELETE = (
    Permission.CREATE_EVENT_TYPES,
    Permission.READ_EVENT_TYPES,
    Permission.UPDATE_EVENT_TYPES,
    Permission.DELETE_EVENT_TYPES,
)

#: Those of the same things under /events/v1beta1.
QUERIES: Sequence[tuple[str, Resolver, Permission]] = (
    ("applications", queries.applications, READ),
    ("application", queries.application, READ),
    ("applicationsForRuntime", queries.applications_for_runtime, READ),
    ("eventsForApplication", queries.events_for_application, READ),
)
MUTATIONS: Sequence[tuple[str, Resolver, Permission]] = (
    ("createApplication", changes.create_application, CREATE),
    ("updateApplication", changes.update_application, UPDATE),
    ("deleteApplication", changes.delete_application, DELETE),
    ("addEventAPI", changes.add_of_2019, CREATE),
    ("updateEventAPI", changes.update_of_2019, UPDATE),
    ("deleteEventAPI", changes.delete_of_2019, DELETE),
    ("refetchEventAPISpec", changes.refetch, UPDATE),
    ("addEventDefinitionToApplication", changes.add_of_2020, CREATE),
    ("updateEventDefinitionForApplication", changes.update_of_2020, UPDATE),
    ("deleteEventDefinition", changes.delete_of_2020, DELETE),
    ("refetchEventDefinitionSpec", changes.refetch, UPDATE),
)


@cache
def executable() -> GraphQLSchema:
    """The schema with its resolvers."""
    query, mutation = QueryType(), MutationType()
    for name, resolver, permission in QUERIES:
        query.set_field(name, _guarded(repeating(resolver), permission))
    for name, resolver, permission in MUTATIONS:
        mutation.set_field(name, _guarded(resolver, permission))
    return make_executable_schema(sdl.written(), query, mutation, *SCALARS)


def _guarded(resolver: Resolver, permission: Permission) -> Callable[..., Awaitable[Any]]:
    """The resolver behind its permission. Made again, where others were in the way, is a whole query, and of a mutation the call
    that changes: what it looked up before has committed."""

    async def entrance(_root: Any, info: GraphQLResolveInfo[Asking], **given: Any) -> Any:
        asking: Asking = info.context
        auth.require(asking.known, permission)
        return await asking.whole(resolver(asking, given))

    return entrance

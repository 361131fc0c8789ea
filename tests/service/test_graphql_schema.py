"""The schema holds what Kyma's proposal of 2019 says of event APIs to the letter, and what it became beside it."""

import pytest
from graphql import (
    EnumTypeDefinitionNode,
    InputObjectTypeDefinitionNode,
    ObjectTypeDefinitionNode,
    TypeDefinitionNode,
    parse,
    print_ast,
)

from service.graphql import sdl

#: The proposal's types and inputs.
SEED = """
scalar EventAPISubscriptionAttributes

type EventAPIDefinition {
    id: ID!
    group: String
    spec: EventAPISpec!
    auth: Auth
    externalSubscriptions: [EventAPISubscription!]!
    version: Version
}

type EventAPISpec {
    data: CLOB
    type: EventAPISpecType!
    format: SpecFormat
    fetchRequest: FetchRequest
}

type EventAPISubscription {
    url: String!
    auth: Auth
    topic: String!
    attributes: EventAPISubscriptionAttributes
}

enum EventAPISpecType {
    ASYNC_API
}

input EventAPIDefinitionInput {
    spec: EventAPISpecInput!
    group: String
    auth: AuthInput
    externalSubscriptions: [EventAPISubscriptionInput!]
    version: VersionInput
}

input EventAPISpecInput {
    data: CLOB
    eventSpecType: EventAPISpecType!
    fetchRequest: FetchRequestInput
}

input EventAPISubscriptionInput {
    url: String!
    auth: AuthInput
    topic: String!
    attributes: EventAPISubscriptionAttributes
}
"""
#: What its clients ask, by the names of its time and of 2020: arguments and answers.
OPERATIONS = """
type Query {
    application(id: ID!): Application
    applications(first: Int = 100, after: PageCursor): ApplicationPage!
    applicationsForRuntime(runtimeID: ID!, first: Int = 100, after: PageCursor): ApplicationPage!
    eventsForApplication(appID: ID!, first: Int = 200, after: PageCursor): EventDefinitionPage!
}

type Mutation {
    createApplication(in: ApplicationInput!): Application!
    addEventAPI(applicationID: ID!, in: EventAPIDefinitionInput!): EventAPIDefinition!
    updateEventAPI(id: ID!, in: EventAPIDefinitionInput!): EventAPIDefinition!
    deleteEventAPI(id: ID!): EventAPIDefinition
    refetchEventAPISpec(eventID: ID!): EventAPISpec
    addEventDefinitionToApplication(appID: ID!, in: EventDefinitionInput!): EventDefinition!
    updateEventDefinitionForApplication(id: ID!, in: EventDefinitionInput!): EventDefinition!
    deleteEventDefinition(id: ID!): EventDefinition!
    refetchEventDefinitionSpec(eventID: ID!): EventSpec!
}

type Application {
    eventAPIs(group: String, first: Int = 100, after: PageCursor): EventAPIDefinitionPage!
}
"""


def named(text: str) -> dict[str, TypeDefinitionNode]:
    return {each.name.value: each for each in parse(text).definitions if isinstance(each, TypeDefinitionNode)}


OURS = named(sdl.written())


def members(node: TypeDefinitionNode) -> list[str]:
    """Fields and values without what is said of them."""
    if isinstance(node, ObjectTypeDefinitionNode | InputObjectTypeDefinitionNode):
        return [f"{each.name.value}: {print_ast(each.type)}" for each in node.fields or ()]
    return [each.name.value for each in node.values or ()] if isinstance(node, EnumTypeDefinitionNode) else []


@pytest.mark.parametrize("name", named(SEED))
def test_a_type_is_the_proposals(name: str) -> None:
    """Each type and input has the proposal's fields in its order, and no other."""
    theirs = named(SEED)[name]

    assert (OURS[name].kind, members(OURS[name])) == (theirs.kind, members(theirs))


@pytest.mark.parametrize("name", named(OPERATIONS))
def test_an_operation_is_kymas(name: str) -> None:
    """Each operation has the arguments and the answer that Kyma's clients know; what it has beside them need not be given."""
    theirs, ours = named(OPERATIONS)[name], OURS[name]
    assert isinstance(theirs, ObjectTypeDefinitionNode)
    assert isinstance(ours, ObjectTypeDefinitionNode)
    known = {each.name.value: each for each in ours.fields or ()}
    for field in theirs.fields or ():
        mine = known[field.name.value]
        assert print_ast(mine.type) == print_ast(field.type)
        wanted = [print_ast(each) for each in field.arguments or ()]
        given = {each.name.value: each for each in mine.arguments or ()}
        assert [print_ast(given[each.name.value]) for each in field.arguments or ()] == wanted
        more = given.keys() - {each.name.value for each in field.arguments or ()}
        assert all(given[each].default_value is not None for each in more), field.name.value

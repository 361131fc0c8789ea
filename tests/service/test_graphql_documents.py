"""What a request of GraphQL may ask for: measured and found good before anything of it is done."""

import asyncio
import sys
from collections.abc import Callable
from functools import partial
from inspect import isawaitable
from typing import Any

import ariadne
import pytest
from graphql import GraphQLResolveInfo, execute, get_introspection_query, parse

from service.graphql import documents, paging, sdl
from service.graphql.bounds import RequestLimits
from service.graphql.documents import PreparedRequest, prepare
from service.graphql.execution import OneByOne

LIMITS = RequestLimits()
PAGES = "{ applications(first: %s) { data { id eventAPIs(first: %s) { data { id group } } } } }"
#: Levels of fields, one in the other.
TYPE = '__type(name: "Application") { %s }'


def code(text: str, limits: RequestLimits = LIMITS, **numbers: int) -> str:
    """The code of what is wrong with a request; empty: nothing is."""
    prepared = prepare(text, None, numbers, limits)
    if isinstance(prepared, PreparedRequest):
        return ""
    found: str = prepared[0]["extensions"]["code"]
    assert {each["extensions"]["code"] for each in prepared} == {found}
    return found


def nested(levels: int) -> str:
    """Fields in fields, so many levels deep; `a { b }` is two."""
    inner = "name"
    for _ in range(levels - 2):
        inner = f"ofType {{ {inner} }}"
    return f"{{ {TYPE % inner} }}"


def test_depth_is_bounded() -> None:
    """A request is 15 levels deep at most, in fields and through fragments; one that spreads itself has no bottom."""
    through = nested(10).replace("ofType { name }", "...F") + " fragment F on __Type { %s }"
    deeper, deep = (
        "ofType { ofType { ofType { ofType { ofType { ofType { ofType { name } } } } } } }",
        "ofType { ofType { name } }",
    )

    assert (code(nested(15)), code(nested(16))) == ("", documents.TOO_DEEP)
    assert (code(through % deep), code(through % deeper)) == ("", documents.TOO_DEEP)
    cyclic = "{ applications { ...A } } fragment A on ApplicationPage { ...B } fragment B on ApplicationPage { ...A }"
    assert code(cyclic) == documents.TOO_DEEP
    assert code("{ applications { totalCount } } fragment A on ApplicationPage { ...A }") == documents.INVALID
    assert code(nested(4), RequestLimits(depth=3)) == documents.TOO_DEEP


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        (PAGES % (20, 20), ""),
        (PAGES % (40, 40), documents.TOO_COSTLY),
        ("{ applications { data { id eventAPIs { data { id } } } } }", documents.TOO_COSTLY),
        ("{ applications { data { id name } } }", ""),
        ("query ($n: Int) { applications(first: $n) { data { eventAPIs(first: 10) { data { id } } } } }", ""),
        ("mutation { " + " ".join(f'a{n}: deleteEventAPI(id: "{n}") {{ id }}' for n in range(9)) + " }", ""),
        (
            "mutation { " + " ".join(f'a{n}: deleteEventAPI(id: "{n}") {{ id }}' for n in range(10)) + " }",
            documents.TOO_COSTLY,
        ),
        ("{ a: __schema { description } }", documents.INVALID),
    ],
)
def test_cost_is_bounded(text: str, wanted: str) -> None:
    """What a request may come to: pages count as many times what is in them as `first` says, changes a hundred each."""
    assert code(text, n=50) == wanted


def test_what_costs_too_much_says_which_pages_it_may_have() -> None:
    """A client's ordinary question, which names no `first`, is told the one with which it is taken; or that there is none."""
    ordinary = "{ applications { data { id name eventDefinitions { data { id name } } } } }"
    paged = "{ applications(first: %d) { data { id name eventDefinitions(first: %d) { data { id name } } } } }"
    dear = "mutation { " + " ".join(f'a{n}: deleteEventAPI(id: "{n}") {{ id }}' for n in range(10)) + " }"

    [told] = prepared_faults(ordinary)
    [never] = prepared_faults(dear)

    assert "With `first: 20` on each page it is taken." in told["message"]
    assert (code(paged % (20, 20)), code(paged % (50, 50))) == ("", documents.TOO_COSTLY)
    assert never["message"].endswith("Ask in several requests.")


def prepared_faults(text: str) -> list[documents.Fault]:
    found = prepare(text, None, {}, LIMITS)
    assert isinstance(found, list)
    return found


def test_a_variable_is_what_it_is_given() -> None:
    """`first` by a variable counts as the number that is given, and as the most where that is not known."""
    text = "query ($n: Int) { applications(first: $n) { data { eventAPIs(first: 20) { data { id } } } } }"

    assert (code(text, n=10), code(text, n=100), code(text)) == ("", documents.TOO_COSTLY, documents.TOO_COSTLY)


def test_fragments_count_as_often_as_they_are_spread() -> None:
    """A fragment that is spread twice at one place costs twice: nothing is cheaper by being written elsewhere."""
    text = "{ applications(first: 30) { data { eventAPIs(first: 20) { ...P } } } } fragment P on EventAPIDefinitionPage { %s }"

    assert code(text % "data { id }") == ""
    assert code(text % "data { id } ...Q } fragment Q on EventAPIDefinitionPage { data { id }") == documents.TOO_COSTLY


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("{ " + " ".join(f"a{n}: __typename" for n in range(51)) + " }", documents.INVALID),
        ("{ " + "__typename @skip(if: false) " * 51 + "}", documents.INVALID),
        ("{ " + "__typename " * 11 + "}", documents.INVALID),
        ("{ " + "... on Query { __typename } " * 11 + "}", documents.INVALID),
        ("{ " + "__typename " * 1000 + "}", documents.UNREADABLE),
        ("#\n" * 501 + "{ __typename }", documents.UNREADABLE),
        ("{ __typename", documents.UNREADABLE),
        ("{" * 300, documents.UNREADABLE),
        ("{ none }", documents.INVALID),
        ("", documents.UNREADABLE),
        ("fragment F on Query { __typename }", documents.NO_OPERATION),
        ("query A { __typename } query B { __typename }", documents.NO_OPERATION),
        ("subscription { a }", documents.INVALID),
        ("type A { b: C }", documents.NO_OPERATION),
    ],
)
def test_what_cannot_be_taken_has_a_code(text: str, wanted: str) -> None:
    """Numbers of words, comments, aliases and directives are bounded, and each refusal says what it is of."""
    assert code(text) == wanted


def test_the_schema_is_told() -> None:
    """What tools ask the schema by passes; where it is switched off nothing of the schema is told, in suggestions neither."""
    asked = get_introspection_query()
    closed = RequestLimits(introspection=False)

    assert code(asked) == ""
    assert code(asked, closed) == documents.INVALID
    assert code("{ __typename }", closed) == ""
    assert "eventAPIs" in str(prepare("{ application(id: 1) { eventAPI { id } } }", None, {}, LIMITS))
    assert "eventAPIs" not in str(prepare("{ application(id: 1) { eventAPI { id } } }", None, {}, closed))
    mixed = "{ applications { totalCount } ...S } fragment S on Query { __schema { description } }"
    assert code(mixed) == documents.INVALID


def test_faults_are_few_and_hold_no_secret() -> None:
    """Of many faults some are told, and none repeats what stood where something else should have been."""
    many = prepare("{ " + " ".join(f"none{n}" for n in range(400)) + " }", None, {}, LIMITS)
    auth = '{credential: {basic: {username: 5, password: "s3cret-word", more: "s3cret-word"}}}'
    given = f"{{spec: {{eventSpecType: ASYNC_API}}, auth: {auth}}}"
    told = prepare(f"mutation {{ addEventAPI(applicationID: 1, in: {given}) {{ id }} }}", None, {}, LIMITS)

    assert isinstance(many, list)
    assert len(many) == documents.FAULTS + 1
    assert isinstance(told, list)
    assert "s3cret-word" not in str(told)
    assert all(each["message"] for each in told)
    for text in ('{ "s3cret-word" }', '{ a(b: "s3cret-word" "s3cret-word") }', '{ a(b: """s3cret-word""" {}) }'):
        assert "s3cret-word" not in str(prepare(text, None, {}, LIMITS))


def steps(work: Callable[[], Any]) -> int:
    """Calls of Python functions that the work takes."""
    made = 0

    def count(_frame: Any, what: str, _argument: Any) -> None:
        nonlocal made
        made += what == "call"

    sys.setprofile(count)
    try:
        work()
    finally:
        sys.setprofile(None)
    return made


SIX = "eventAPIs { __typename } " * 6
OVERLAPPING = {
    "fields": "{ " + ("applications { " + ("data { " + SIX + "} ") * 6 + "} ") * 6 + "}",
    "cheap": "{ "
    + ("applications(first: 1) { " + ("data { " + "eventAPIs(first: 1) { totalCount } " * 3 + "} ") * 5 + "} ") * 6
    + "}",
    "many": "{ "
    + " ".join(f"...F{i}" for i in range(60))
    + " } "
    + " ".join(f"fragment F{i} on Query {{ applications(first: 1) {{ totalCount }} }}" for i in range(60)),
    "doubling": '{ __type(name: "Query") { ...F0 } } '
    + " ".join(f"fragment F{i} on __Type {{ ofType {{ ...F{i + 1} }} ofType {{ ...F{i + 1} }} }}" for i in range(11))
    + " fragment F11 on __Type { name }",
}


@pytest.mark.parametrize("text", OVERLAPPING.values(), ids=OVERLAPPING)
def test_what_overlaps_is_compared_within_bounds(text: str) -> None:
    """However often the same is named, in whatever places, comparing it takes no more than so many steps."""
    prepare("{ __typename }", None, {}, LIMITS)

    assert steps(partial(prepare, text, None, {}, LIMITS)) < 150_000


def test_the_schema_is_told_from_memory() -> None:
    """What tools ask the schema by is answered once and kept: it is the same for everybody."""
    once, again = (prepare(get_introspection_query(), None, {}, LIMITS) for _ in range(2))

    assert isinstance(once, PreparedRequest)
    assert isinstance(again, PreparedRequest)
    assert once.answer is not None
    assert once.answer is again.answer


@pytest.mark.parametrize(
    "written",
    [
        lambda n: (
            "{ ...F0 } "
            + " ".join(f"fragment F{i} on Query {{ ...F{i + 1} ...F{i + 1} }}" for i in range(n))
            + f" fragment F{n} on Query {{ __typename }}"
        ),
        lambda n: "{ " + "applications { totalCount } " * n + "}",
        lambda n: "{ " + "...on Query { applications { totalCount } } " * n + "}",
        lambda n: (
            "{ "
            + " ".join(f"...F{i}" for i in range(n))
            + "}"
            + " ".join(f"fragment F{i} on Query {{ applications {{ totalCount }} }}" for i in range(n))
        ),
        lambda n: "{ " + "none " * n + "}",
        lambda n: (
            "{ applications(first: 1) { data { " + 'eventAPIs(first: 1, group: "a") { totalCount } ' * n + "} } }"
        ),
        lambda n: "query (" + " ".join(f"$v{i}: Int" for i in range(n)) + ") { __typename }",
    ],
    ids=["doubling", "fields", "inline", "spreads", "unknown", "arguments", "variables"],
)
def test_work_grows_with_the_request_alone(written: Callable[[int], str]) -> None:
    """Four times of anything takes about four times the work: nobody's request holds the process up."""
    prepare("{ __typename }", None, {}, LIMITS)
    small, large = (steps(partial(prepare, written(n), None, {}, LIMITS)) for n in (20, 80))

    assert large < 8 * small + 10_000


async def test_long_pages_are_answered_in_pieces() -> None:
    """Between some items of a page and the next others have their turns, each time that the page is asked for."""
    turns = 0

    async def turn() -> None:
        nonlocal turns
        turns += 1
        await asyncio.sleep(0)

    page = paging.page([{"id": str(n), "name": "a"} for n in range(175)], turn, offset=0, total=175)

    async def applications(_root: Any, _info: Any, **_given: Any) -> Any:
        return page

    query = ariadne.QueryType()
    query.set_field("applications", applications)
    schema = ariadne.make_executable_schema(sdl.written(), query)
    answer = execute(schema, parse("{ applications { a: data { id } b: data { name } pageInfo { hasNextPage } } }"))
    assert isawaitable(answer)
    result = await answer

    assert result.errors is None
    assert result.data is not None
    assert [len(result.data["applications"][name]) for name in ("a", "b")] == [175, 175]
    assert turns == 2 * 3


async def test_fields_of_the_root_follow_one_another() -> None:
    """As many aliases as a request has, one of them is looked up at a time; each is answered, and those that fail say so."""
    at_once, most = 0, 0

    async def looked_up(_root: object, info: GraphQLResolveInfo[Any], **_given: object) -> None:
        nonlocal at_once, most
        at_once, most = at_once + 1, max(most, at_once + 1)
        await asyncio.sleep(0)
        at_once -= 1
        if info.path.key == "a1":
            raise ValueError("no")

    text = "{ " + " ".join(f'a{n}: application(id: "{n}") {{ id }}' for n in range(5)) + " }"
    found = execute(sdl.bare(), parse(text), field_resolver=looked_up, executor_class=OneByOne)
    assert isawaitable(found)
    answer = await found

    assert most == 1
    assert answer.data == dict.fromkeys(["a0", "a1", "a2", "a3", "a4"])
    assert [each.path for each in answer.errors or ()] == [["a1"]]

"""The scalars that the schema names: what they take, and how they are answered."""

from typing import Any

import msgspec
from ariadne import ScalarType
from graphql import GraphQLError

#: Names of a map, values of one name, and characters of a value.
NAMES, VALUES, LONGEST = 50, 20, 8192


def texts(value: Any) -> dict[str, str]:
    """A map of strings to strings."""
    if not isinstance(value, dict) or not all(_text(name) and _text(each) for name, each in value.items()):
        raise GraphQLError(f"must be an object of texts, each of at most {LONGEST} characters")
    return _bounded(value)


def lists(value: Any) -> dict[str, list[str]]:
    """A map of names to lists of values; a value by itself is a list of one."""
    if not isinstance(value, dict):
        raise GraphQLError("must be an object of lists of texts")
    made = {name: each if isinstance(each, list) else [each] for name, each in value.items()}
    for name, each in made.items():
        if not _text(name) or len(each) > VALUES or not all(map(_text, each)):
            said = f"must be an object of lists of at most {VALUES} texts, each of at most {LONGEST} characters"
            raise GraphQLError(said)
    return _bounded(made)


def serialized(value: Any) -> dict[str, list[str]]:
    """The same as a text of JSON."""
    try:
        return lists(msgspec.json.decode(value, strict=True))
    except (msgspec.MsgspecError, TypeError, UnicodeError, RecursionError):
        raise GraphQLError("must be a text of JSON that holds an object of lists of texts") from None


def _text(value: Any) -> bool:
    return isinstance(value, str) and len(value) <= LONGEST and "\0" not in value


def _bounded(value: dict[str, Any]) -> dict[str, Any]:
    if len(value) > NAMES:
        raise GraphQLError(f"must have at most {NAMES} names")
    return value


def _long(value: Any) -> str:
    if not isinstance(value, str):
        raise GraphQLError("must be a text")
    return value


def _written(value: Any) -> str:
    return msgspec.json.encode(value).decode()


SCALARS = (
    ScalarType("EventAPISubscriptionAttributes", value_parser=texts),
    ScalarType("HttpHeaders", value_parser=lists),
    ScalarType("QueryParams", value_parser=lists),
    ScalarType("HttpHeadersSerialized", value_parser=serialized, serializer=_written),
    ScalarType("QueryParamsSerialized", value_parser=serialized, serializer=_written),
    ScalarType("CLOB", value_parser=_long),
    ScalarType("PageCursor", value_parser=_long),
    ScalarType("Timestamp", value_parser=_long),
)

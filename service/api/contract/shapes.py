"""The few forms that the contract's JSON schemas are written in.

What they describe is left to the modules of the areas.
"""

from collections.abc import Mapping
from typing import Any

Json = dict[str, Any]

WORKSPACE = "3009de2825f211ec8a84fedebcb4a754"
WEBHOOK = "123e4567-e89b-12d3-a456-426614174000"
MOMENT = "2024-04-29T15:25:06.194Z"


def ref(name: str) -> Json:
    """A schema of the document by its name."""
    return {"$ref": f"#/components/schemas/{name}"}


def text(description: str = "", **more: Any) -> Json:
    """A string."""
    return _described({"type": "string", **more}, description)


def flag(description: str, **more: Any) -> Json:
    """True or false."""
    return _described({"type": "boolean", **more}, description)


def whole(description: str, **more: Any) -> Json:
    """An integer."""
    return _described({"type": "integer", **more}, description)


def uuid(description: str = "") -> Json:
    """A UUID."""
    return text(description, format="uuid")


def moment(description: str) -> Json:
    """RFC 3339 with milliseconds and `Z`."""
    return text(description, format="date-time", pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$", examples=[MOMENT])


def literal(value: str, description: str = "") -> Json:
    """Always this string."""
    # With its type, or generators of clients take it for anything.
    return _described({"type": "string", "const": value}, description)


def either(schema: Json, description: str) -> Json:
    """The schema, or null."""
    return {"anyOf": [schema, {"type": "null"}], "description": description}


def array(items: Json, description: str = "", **more: Any) -> Json:
    """A list."""
    return _described({"type": "array", "items": items, **more}, description)


def composite(description: str) -> Json:
    """An object or an array, whatever is in it. Many generators of clients know no list of types that holds `array`."""
    return {"anyOf": [{"type": "object"}, {"type": "array", "items": {}}], "description": description}


def taken(required: Mapping[str, Json], optional: Mapping[str, Json] | None = None, **more: Any) -> Json:
    """An object that comes in: a field that is not named here is refused."""
    return {**given(required, optional), "additionalProperties": False, **more}


def given(required: Mapping[str, Json], optional: Mapping[str, Json] | None = None, **more: Any) -> Json:
    """An object that goes out: fields may join it in later versions."""
    properties = {**required, **(optional or {})}
    return {"type": "object", "properties": properties, "required": list(required), **more}


def page(name: str) -> Json:
    """The list envelope around items of a named schema (greenlake.md 1.7)."""
    return given(
        {
            "items": array(ref(name)),
            "count": whole("Items of this page.", minimum=0),
            "offset": whole("How many come before them.", minimum=0),
            "total": whole("Items that match, on all pages.", minimum=0),
        }
    )


def many(name: str) -> Json:
    """An array of at least one. One object is read too: generators of clients know no choice between the two."""
    return array(ref(name), minItems=1)


def made(updated: bool = True) -> dict[str, Json]:
    """Who made a thing, and when; and who changed it last."""
    by = {"updatedBy": text("The name of the client that changed it last.")} if updated else {}
    return {
        "hpePrincipal": text("`user:` and the id of the client that made it."),
        "createdBy": text("The name of the client that made it."),
        "createdAt": moment("When it was made."),
        **by,
        "updatedAt": moment("When it was changed last."),
    }


def _described(schema: Json, description: str) -> Json:
    return {**schema, "description": description} if description else schema

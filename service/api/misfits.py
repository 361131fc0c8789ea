"""What is wrong with an object that is not of its documented shape: every field that lacks, and every one that is unknown.

That something is wrong is found by msgspec, which stops at the first; `reading.py` asks here for the rest.
"""

import difflib
import re
from typing import Any

import msgspec
from msgspec import inspect

from subscriptions.ground.errors import Issue

#: Faults that one answer names, and characters of a name: a body may have any number of any length.
MOST, LONGEST = 20, 100
MISSING, UNKNOWN = "is required", "is not a field of this request; "
#: The types of JSON in words: that is wanted, that came.
_TYPES = {"str": "a string", "int": "a whole number", "float": "a number", "object": "an object", "array": "an array"}
WANTED = _TYPES | {"bool": "true or false"}
GIVEN = _TYPES | {"bool": "a boolean"}
#: A step of msgspec's paths, `$[0].webhook`.
STEP = re.compile(r"\.(\w+)|\[(\d+)\]")


def found(raw: bytes, kind: Any, path: str) -> list[Issue]:
    """The faults of the object at the path (`$` is the body) of a body that was to be a `kind`.

    None where it cannot be read: behind the first fault it may be no JSON, or have a member twice.
    """
    known = inspect.type_info(kind)
    try:
        value = msgspec.json.decode(raw)
        for name, index in STEP.findall(path):
            value = value[name] if name else value[int(index)]
            known = _inside(known, name)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, LookupError, TypeError):
        return []
    shape = _one(known, inspect.StructType)
    if not isinstance(value, dict) or not isinstance(shape, inspect.StructType):
        return []
    fields = [field.encode_name for field in shape.fields]
    lacking = [field.encode_name for field in shape.fields if field.required and field.encode_name not in value]
    strange = [name[:LONGEST] for name in value if name not in fields] if shape.forbid_unknown_fields else []
    within = path.removeprefix("$").removeprefix(".")
    said = [(name, MISSING) for name in lacking]
    said += [(name, UNKNOWN + _meant(name, fields)) for name in strange[: MOST - len(said)]]
    return [Issue(subject=f"{within}.{name}" if within else name, description=what) for name, what in said]


def mistyped(what: str) -> str:
    """What msgspec says of a value of another type, in words such as all other refusals have."""
    found = re.fullmatch(r"Expected `([a-z |]+)`, got `([a-z]+)`", what)
    if found is None:
        return what
    wanted = " or ".join(WANTED.get(each, each) for each in found[1].split(" | "))
    return f"must be {wanted}, and is {GIVEN.get(found[2], found[2])}"


def _inside(known: inspect.Type, name: str) -> inspect.Type:
    if not name:
        items = _one(known, inspect.ListType)
        return items.item_type if isinstance(items, inspect.ListType) else known
    shape = _one(known, inspect.StructType)
    fields = shape.fields if isinstance(shape, inspect.StructType) else ()
    return next((field.type for field in fields if field.encode_name == name), known)


def _one(known: inspect.Type, wanted: type[inspect.Type]) -> inspect.Type:
    """Of alternatives the wanted one: a field that may be null is one of two."""
    alternatives = known.types if isinstance(known, inspect.UnionType) else (known,)
    return next((each for each in alternatives if isinstance(each, wanted)), known)


def _meant(name: str, fields: list[str]) -> str:
    lower = {field.lower(): field for field in fields}
    near = difflib.get_close_matches(name.lower(), lower, n=1)
    return f"did you mean {lower[near[0]]}?" if near else f"{', '.join(fields)} are"

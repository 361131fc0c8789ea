"""JSON pointers (RFC 6901) into schemas and payloads."""

from collections.abc import Iterable
from typing import Any
from urllib.parse import unquote


def joined(pointer: str, *steps: str | int) -> str:
    """The pointer to what is below another one's place."""
    return pointer + "".join(f"/{str(step).replace('~', '~0').replace('/', '~1')}" for step in steps)


def steps(fragment: str) -> list[str]:
    """The steps of a pointer as a URI's fragment spells it."""
    return [step.replace("~1", "/").replace("~0", "~") for step in unquote(fragment).split("/")[1:]]


def found(value: Any, path: Iterable[str]) -> Any:
    """What stands at a path; raises LookupError."""
    for step in path:
        if isinstance(value, list):
            if not step.isascii() or not step.isdigit():
                raise LookupError(step)
            value = value[int(step)]
        elif isinstance(value, dict):
            value = value[step]
        else:
            raise LookupError(step)
    return value

"""Structs that hold secrets: nothing that prints one shows what is in it.

Which fields of dataclasses are secret is left to the dataclasses, whose fields have a `repr` of their own.
"""


class Discreet:
    """Put before `msgspec.Struct`, which knows no fields that are left out of its repr."""

    __slots__ = ()

    def __repr__(self) -> str:
        return f"{type(self).__name__}(...)"

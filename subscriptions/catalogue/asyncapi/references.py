"""References within a document: `#` and a JSON pointer (RFC 6901), and nothing outside it, which is somebody else's text."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from subscriptions.catalogue.asyncapi.sources import Source, pointer
from subscriptions.ground.errors import Refused

#: References that lead to references.
_MOST = 64

Steps = tuple[str | int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A value of a document, and where it stands."""

    value: Any
    steps: Steps
    #: The last step of the reference that led there first; None where none did.
    named: str | None = None

    def at(self, *steps: str | int) -> "Place":
        """A member of it."""
        value = self.value
        for step in steps:
            value = value[step]
        return Place(value=value, steps=(*self.steps, *steps))

    def get(self, name: str) -> Any:
        """A member's value; None where there is none, or where there are no members."""
        return self.value.get(name) if isinstance(self.value, dict) else None


class References:
    """The references of one document."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.root = Place(value=source.value, steps=())

    def follow(self, place: Place) -> Place:
        """Where a chain of references ends that begins at a place; the place itself where it is none.

        Raises Refused, naming the reference, for what is remote, leads nowhere or in a circle.
        """
        named = place.named
        seen: set[str] = set()
        while isinstance(place.value, dict) and isinstance(place.value.get("$ref"), str):
            reference = place.value["$ref"]
            if reference in seen or len(seen) == _MOST:
                raise self.refuse(place, f"the references from here lead in a circle, over {reference[:200]!r}")
            seen.add(reference)
            place = self.lead(reference, place)
            named = named or str(place.steps[-1] if place.steps else "")
        return Place(value=place.value, steps=place.steps, named=named)

    def lead(self, reference: str, origin: Place, *, within: Place | None = None) -> Place:
        """Where one reference leads, in the document or in a schema that has an `$id`; raises Refused."""
        if not reference.startswith("#"):
            said = (
                f"{reference[:200]!r} leads out of the document; what it refers to has to stand in the document itself"
            )
            raise self.refuse(origin, said, "$ref")
        if reference[1:2] not in ("", "/"):
            raise self.refuse(
                origin, f"{reference[:200]!r} is no JSON pointer, such as #/components/messages/created", "$ref"
            )
        base = self.root if within is None else within
        found = self._found(base.value, _steps(reference))
        if found is None:
            raise self.refuse(
                origin,
                f"{reference[:200]!r} leads to nothing in {'the document' if within is None else 'its schema'}",
                "$ref",
            )
        value, steps = found
        return Place(value=value, steps=(*base.steps, *steps))

    def refuse(self, place: Place, what: str, *more: str | int) -> Refused:
        """The refusal of what stands at a place."""
        steps = (*place.steps, *more)
        return self.source.refuse(steps, what)

    @staticmethod
    def _found(value: Any, steps: Sequence[str]) -> tuple[Any, Steps] | None:
        taken: list[str | int] = []
        for step in steps:
            if isinstance(value, dict) and step in value:
                value = value[step]
                taken.append(step)
            elif (
                isinstance(value, list)
                and step.isascii()
                and step.isdecimal()
                and len(step) < 9
                and int(step) < len(value)
            ):
                value = value[int(step)]
                taken.append(int(step))
            else:
                return None
        return value, tuple(taken)


def name_of(reference: str) -> str:
    """What a reference calls that which it leads to: its last step."""
    steps = _steps(reference)
    return steps[-1] if steps else ""


def shown(place: Place) -> str:
    """Where a place is, for people."""
    return pointer(place.steps) or "/"


def _steps(reference: str) -> list[str]:
    steps = unquote(reference[1:]).split("/")[1:]
    return [step.replace("~1", "/").replace("~0", "~") for step in steps]

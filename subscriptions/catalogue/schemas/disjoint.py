"""Whether forms exclude each other, so that a value of one of them plainly has no other.

What follows from that is `compatibility.py`'s matter.
"""

from subscriptions.catalogue.schemas import keyword_rules
from subscriptions.catalogue.schemas.conjuncts import ComparedPlace

#: Forms that are compared, each with each.
MAX_FORMS = 60


def disjoint(forms: list[ComparedPlace]) -> bool:
    """Whether it is plain that no value has two of the forms: by type, by listed values, or by a member that tells them apart."""
    if len(forms) > MAX_FORMS:
        return False
    pairs = ((one, other) for index, one in enumerate(forms) for other in forms[:index])
    return all(_apart(one, other) for one, other in pairs)


def _apart(one: ComparedPlace, other: ComparedPlace) -> bool:
    if one.nothing or other.nothing or not (one.types() & other.types()):
        return True
    if (listed := one.values()) is not None:
        return not any(other.accepts(value) for value in listed)
    if (listed := other.values()) is not None:
        return not any(one.accepts(value) for value in listed)
    if one.types() & other.types() != {"object"}:
        return False
    both = keyword_rules.needed(one) & keyword_rules.needed(other)
    return any(_told_apart(one.member(name), other.member(name)) for name in both)


def _told_apart(one: ComparedPlace, other: ComparedPlace) -> bool:
    mine, theirs = one.values(), other.values()
    return mine is not None and theirs is not None and not any(other.accepts(value) for value in mine)

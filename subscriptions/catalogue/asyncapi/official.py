"""The AsyncAPI Initiative's own JSON Schemas: which versions there are, and what of a document does not hold by them."""

from functools import lru_cache
from pathlib import Path

from subscriptions.catalogue.asyncapi import bounds
from subscriptions.catalogue.asyncapi.sources import Source
from subscriptions.catalogue.schemas.shipped import ShippedSchema
from subscriptions.events import json_text
from subscriptions.ground.errors import Refused

_FOLDER = Path(__file__).parent / "schemas"
#: In ascending order.
VERSIONS = ("1.0.0", "1.1.0", "1.2.0", "2.0.0", "2.1.0", "2.2.0", "2.3.0", "2.4.0", "2.5.0", "2.6.0", "3.0.0", "3.1.0")


def vet(source: Source) -> str:
    """The version of AsyncAPI that a document follows; raises Refused with every fault's pointer and line."""
    version = source.value.get("asyncapi") if isinstance(source.value, dict) else None
    if version is None:
        raise source.refuse((), "no AsyncAPI document: an object with a member asyncapi, such as 3.0.0, is expected")
    if version not in VERSIONS:
        said = f"AsyncAPI {str(version)[:40]!r} is not known; {', '.join(VERSIONS)} are"
        raise source.refuse(("asyncapi",), said)
    faults = _schema(version).faults(source.value, most=bounds.MAX_ISSUES)
    if faults:
        raise Refused(*(source.issue(fault.steps, fault.message) for fault in faults))
    return str(version)


# The largest take a hundred milliseconds and forty megabytes: a process keeps those that it met last.
@lru_cache(2)
def _schema(version: str) -> ShippedSchema:
    return ShippedSchema(json_text.load((_FOLDER / f"{version}.json").read_bytes()))

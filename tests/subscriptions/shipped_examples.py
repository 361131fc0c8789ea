"""The examples of the shipped catalogues, each with the attributes that its document gives it."""

from dataclasses import dataclass
from typing import Any

import yaml

from subscriptions.catalogue.builtin.shipped import CATALOGUES, shipped


@dataclass(frozen=True, kw_only=True)
class Example:
    """One example of one type."""

    catalogue: str
    document: str
    type: str
    #: CloudEvents attributes; empty where the document gives none.
    attributes: dict[str, Any]
    data: Any


def examples() -> list[Example]:
    """All of them."""
    return [
        Example(
            catalogue=name,
            document=document.name,
            type=message["x-cloudevents-type"],
            attributes=each.get("headers", {}),
            data=each["payload"],
        )
        for name in CATALOGUES
        for document in shipped(name).documents
        for message in yaml.safe_load(document.text)["components"]["messages"].values()
        for each in message["examples"]
    ]

"""The servers of a document, their protocols, and how one proves to them who one is."""

from collections.abc import Mapping
from typing import Any

from subscriptions.catalogue.asyncapi.described import Security, Server
from subscriptions.catalogue.asyncapi.references import Place, References


def servers(references: References) -> tuple[Server, ...]:
    """Every server of a document, in its order; raises Refused for references that cannot be followed."""
    listed = references.root.get("servers")
    known = {scheme.name: scheme for scheme in schemes(references)}
    # 1.x lists them without names.
    keys: Any = range(len(listed)) if isinstance(listed, list) else listed or ()
    return tuple(
        _server(
            "" if isinstance(key, int) else key,
            references.follow(references.root.at("servers", key)),
            references,
            known,
        )
        for key in keys
        if not str(key).startswith("x-")
    )


def schemes(references: References) -> tuple[Security, ...]:
    """Every security scheme among the components."""
    components = references.root.get("components")
    named = components.get("securitySchemes") if isinstance(components, dict) else None
    return tuple(
        _scheme(name, references.follow(references.root.at("components", "securitySchemes", name)))
        for name in named or ()
        if not name.startswith("x-")
    )


def _server(name: str, place: Place, references: References, known: Mapping[str, Security]) -> Server:
    return Server(
        name=name,
        # 3.x parts a URL into host and pathname.
        url=_text(place.get("url")) or _text(place.get("host")) + _text(place.get("pathname")),
        protocol=_text(place.get("protocol")) or _text(place.get("scheme")),
        protocol_version=_text(place.get("protocolVersion")) or _text(place.get("schemeVersion")),
        description=_text(place.get("description")),
        security=tuple(_required(references, place, known)),
    )


def _required(references: References, place: Place, known: Mapping[str, Security]) -> list[Security]:
    """The schemes of a server: names of components (2.x), or schemes and references to them (3.x)."""
    found = []
    for number, each in enumerate(place.get("security") or ()):
        if isinstance(each, dict) and ("type" in each or "$ref" in each):
            scheme = references.follow(place.at("security", number))
            found.append(_scheme(scheme.named or "", scheme))
        elif isinstance(each, dict):
            found += [known.get(name) or Security(name=name, type="", description="") for name in each]
    return found


def _scheme(name: str, place: Place) -> Security:
    return Security(name=name, type=_text(place.get("type")), description=_text(place.get("description")))


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""

"""In which language the schemas of a message are written: AsyncAPI's own, a dialect of JSON Schema, or another one."""

import re
from dataclasses import dataclass

from subscriptions.catalogue.asyncapi.references import Place

_JSON_SCHEMA = re.compile(r"application/schema\+(?:json|yaml)(?:;\s*version=(?:draft-)?(?P<version>[0-9-]+))?\Z")
_ASYNCAPI = re.compile(
    r"application/vnd\.(?:aai|oai)\.asyncapi(?:\+json|\+yaml)?(?:;\s*version=(?P<version>[0-9.]+))?\Z"
)
_SCHEMA = re.compile(r"https?://json-schema\.org/(?:draft/)?(?:draft-)?(?P<version>[0-9-]+)/schema#?\Z")
_DIALECTS = {
    **{number: f"draft-{number}" for number in ("04", "06", "07")},
    **{dialect: dialect for dialect in ("2019-09", "2020-12")},
}


@dataclass(frozen=True, kw_only=True, slots=True)
class WrittenSchema:
    """A schema and its language."""

    schema: Place
    #: `draft-04`, `draft-06`, `draft-07`, `2019-09`, `2020-12`, or the document's own words for another language.
    dialect: str
    #: Whether it is a dialect of JSON Schema.
    known: bool


def payload(message: Place, version: str) -> WrittenSchema | None:
    """The schema of a message's payload; None where it has none."""
    return _written(message, "payload", version, message.get("schemaFormat"))


def headers(message: Place, version: str) -> WrittenSchema | None:
    """The schema of a message's headers, in 2.x always in AsyncAPI's own language; None where it has none."""
    return _written(message, "headers", version, None)


def _written(message: Place, member: str, version: str, language: str | None) -> WrittenSchema | None:
    if not isinstance(message.value, dict) or member not in message.value:
        return None
    schema = message.at(member)
    if version.startswith("3.") and schema.get("schema") is not None:
        # A Multi Format Schema Object.
        schema, language = schema.at("schema"), schema.get("schemaFormat")
    # 1.x extends draft 5 ("Wright Draft 00"), whose keywords are those of draft 4; later versions are a superset of draft 7.
    own = "draft-04" if version.startswith("1.") else "draft-07"
    said = _SCHEMA.match(str(schema.get("$schema") or ""))
    if said is not None and said["version"] in _DIALECTS:
        return WrittenSchema(schema=schema, dialect=_DIALECTS[said["version"]], known=True)
    if language is None or _ASYNCAPI.match(language):
        return WrittenSchema(schema=schema, dialect=own, known=True)
    named = _JSON_SCHEMA.match(language)
    dialect = _DIALECTS.get(named["version"] or "07") if named else None
    return WrittenSchema(schema=schema, dialect=dialect or language, known=dialect is not None)

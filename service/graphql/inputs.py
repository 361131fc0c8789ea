"""Inputs of the schema as drafts and changes of the catalogue; each raises Refused with the input's own name."""

from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID

from service.graphql.texts import Input, line, prose
from subscriptions.catalogue.api_access import AUTH, BUSES, FETCH
from subscriptions.catalogue.api_drafts import EventApiChange, EventApiDraft
from subscriptions.catalogue.api_rows import ApiVersion
from subscriptions.catalogue.applications import ApplicationChange, ApplicationDraft
from subscriptions.events import attributes
from subscriptions.ground.errors import Issue, Refused

ORIGIN = "kyma"

_MEDIA = {"JSON": "application/json", "YAML": "application/yaml"}


def application(given: Input, workspace_id: str) -> ApplicationDraft:
    """An ApplicationInput of a registration."""
    return ApplicationDraft(
        workspace_id=workspace_id,
        name=given["name"],
        description=prose(given, "description") or "",
        webhook=_webhook(given),
    )


def application_change(given: Input, name: str) -> ApplicationChange:
    """An ApplicationInput that stands in the place of what is known of the application of this name."""
    if given["name"] != name:
        raise Refused(Issue(subject="in.name", description=f"is {name!r} for good: events have it as their source"))
    if given.get("eventAPIs") is not None:
        said = "is for createApplication; addEventAPI registers one more"
        raise Refused(Issue(subject="in.eventAPIs", description=said))
    hook = _webhook(given)
    return ApplicationChange(description=prose(given, "description") or "", webhook=hook, without_webhook=hook is None)


def _webhook(given: Input) -> UUID | None:
    text = given.get("webhookID")
    try:
        return UUID(text) if text else None
    except ValueError:
        raise Refused(Issue(subject="in.webhookID", description="must be the id of a webhook")) from None


def made_with(given: Input) -> list[EventApiDraft]:
    """The event APIs of an ApplicationInput."""
    return [draft_of_2019(each) for each in given.get("eventAPIs") or ()]


def draft_of_2019(given: Input) -> EventApiDraft:
    """An EventAPIDefinitionInput."""
    return EventApiDraft(
        text=_data(given["spec"]),
        group=line(given, "group") or "",
        version=_version(given),
        by_channel=True,
        origin=ORIGIN,
        access=_given(_access(given)),
        lenient=True,
    )


def draft_of_2020(given: Input) -> EventApiDraft:
    """An EventDefinitionInput."""
    spec = _spec_of_2020(given)
    return EventApiDraft(
        text=_data(spec),
        media_type=_MEDIA[spec["format"]],
        name=_name(given),
        description=prose(given, "description"),
        group=line(given, "group") or "",
        version=_version(given),
        by_channel=True,
        origin=ORIGIN,
        access=_given({FETCH: _fetch(spec)}),
        lenient=True,
    )


def change_of_2019(given: Input) -> EventApiChange:
    """An EventAPIDefinitionInput that stands in the place of another; its version stays where it says none."""
    return EventApiChange(
        text=_data(given["spec"]),
        group=line(given, "group") or "",
        version=_anew(given),
        by_channel=True,
        access=_access(given),
        lenient=True,
    )


def change_of_2020(given: Input) -> EventApiChange:
    """An EventDefinitionInput that stands in the place of another; its version stays where it says none."""
    spec = _spec_of_2020(given)
    return EventApiChange(
        text=_data(spec),
        media_type=_MEDIA[spec["format"]],
        name=_name(given),
        description=prose(given, "description") or "",
        group=line(given, "group") or "",
        version=_anew(given),
        by_channel=True,
        access={FETCH: _fetch(spec)},
        lenient=True,
    )


def placed(refused: Refused, subject: str) -> Refused:
    """The same refusal, of what stands at `subject`."""
    issues = [replace(each, subject=f"{subject}.{each.subject.lstrip('/.')}".rstrip(".")) for each in refused.issues]
    return type(refused)(*issues)


def _name(given: Input) -> str:
    name = line(given, "name")
    if not name:
        raise Refused(Issue(subject="in.name", description="must not be empty"))
    return name


def _spec_of_2020(given: Input) -> Input:
    spec: Input | None = given.get("spec")
    if spec is None:
        raise Refused(Issue(subject="in.spec", description="is needed: without it nothing is known of the events"))
    if spec["format"] not in _MEDIA:
        said = f"is {spec['format']}, and ASYNC_API is written in {' or '.join(_MEDIA)}"
        raise Refused(Issue(subject="in.spec.format", description=said))
    return spec


def _data(spec: Input) -> bytes | None:
    """The text; None: it is fetched."""
    text: str | None = spec.get("data")
    if (text is None) is (spec.get("fetchRequest") is None):
        raise Refused(Issue(subject="in.spec", description="has exactly one of data and fetchRequest"))
    try:
        return None if text is None else text.encode()
    except UnicodeEncodeError:
        raise Refused(Issue(subject="in.spec.data", description="holds half of a surrogate pair")) from None


def _access(given: Input) -> dict[str, Any]:
    """As `api_access.py` takes it; None: there is none."""
    buses = [_given({**each, AUTH: _auth(each.get("auth"))}) for each in given.get("externalSubscriptions") or ()]
    return {AUTH: _auth(given.get("auth")), BUSES: buses or None, FETCH: _fetch(given["spec"])}


def _fetch(spec: Input) -> dict[str, Any] | None:
    given: Input | None = spec.get("fetchRequest")
    return None if given is None else _given({**given, AUTH: _auth(given.get("auth")), "namedBy": "channel"})


def _auth(given: Input | None) -> dict[str, Any] | None:
    if given is None:
        return None
    csrf = (given.get("requestAuth") or {}).get("csrf")
    request = None if csrf is None else {"csrf": _parts(csrf)}
    return _given({**_parts(given), "requestAuth": request})


def _parts(given: Input) -> dict[str, Any]:
    made = {name: value for name, value in given.items() if not name.endswith("Serialized")}
    for name in ("additionalHeaders", "additionalQueryParams"):
        if (serialized := given.get(name + "Serialized")) is not None:
            if given.get(name) is not None:
                raise Refused(
                    Issue(subject=f"in.auth.{name}", description=f"is given beside {name}Serialized: give one")
                )
            made[name] = serialized
    made["credential"] = _credential(given.get("credential"))
    return _given(made)


def _credential(given: Input | None) -> dict[str, Any] | None:
    if given is None:
        return None
    made = _given(given)
    if len(made) != 1:
        said = "has exactly one of basic, oauth and certificateOAuth"
        raise Refused(Issue(subject="in.auth.credential", description=said))
    return made


def _given(mapping: Input) -> dict[str, Any]:
    return {name: value for name, value in mapping.items() if value is not None}


def _version(given: Input) -> ApiVersion | None:
    anew = _anew(given)
    return ApiVersion(**anew) if anew else None


def _anew(given: Input) -> dict[str, Any]:
    """As fields of `ApiVersion`; none where nothing is said of it."""
    version: Input | None = given.get("version")
    if version is None:
        return {}
    value = line(version, "value")
    if not value:
        raise Refused(Issue(subject="in.version.value", description="must not be empty"))
    return {
        "value": value,
        "deprecated": bool(version.get("deprecated")),
        **_since(line(version, "deprecatedSince") or ""),
        "for_removal": bool(version.get("forRemoval")),
    }


def _since(text: str) -> dict[str, Any]:
    """A version is meant, such as `4.5`; a time is taken as well."""
    try:
        if text and attributes.instant(text) is not None:
            return {"deprecated_since": datetime.fromisoformat(text.upper()), "deprecated_in": ""}
    except ValueError:
        pass
    return {"deprecated_since": None, "deprecated_in": text}

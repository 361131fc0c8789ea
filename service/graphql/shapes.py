"""Applications and event APIs as the schema's objects: plain values, and what is looked up only where it is asked for."""

from collections.abc import Mapping
from functools import partial
from typing import Any

from graphql import GraphQLResolveInfo

from service.graphql import paging
from service.graphql.asking import Asking
from service.graphql.paging import Shape
from service.graphql.texts import line
from subscriptions.catalogue.api_rows import ApiVersion, EventApi
from subscriptions.catalogue.application_apis import ApiPageKey
from subscriptions.catalogue.applications import RegisteredApplication, event_url
from subscriptions.events import attributes

ASYNC_API = "ASYNC_API"
#: What kinds of a credential are called where they are given, and where they are answered.
CREDENTIALS = {
    "basic": "BasicCredentialData",
    "oauth": "OAuthCredentialData",
    "certificateOAuth": "CertificateOAuthCredentialData",
}


def application(found: RegisteredApplication, asking: Asking) -> Shape:
    """An Application."""
    return {
        "id": str(found.id),
        "name": found.name,
        "description": found.description or None,
        "eventAPIs": partial(_apis, found, of_2019),
        "eventDefinitions": partial(_apis, found, of_2020),
        "eventingConfiguration": {"defaultURL": event_url(asking.services.settings.url, found.name)},
        "createdAt": attributes.timestamp(found.created_at),
        "updatedAt": attributes.timestamp(found.updated_at),
    }


async def api_page(found: RegisteredApplication, asking: Asking, given: Mapping[str, Any], shape: Any) -> Shape:
    """A page of what an application has registered; `shape` is one of the two below. Raises Refused."""
    first, offset = paging.asked(given)
    key = ApiPageKey(
        workspace_id=found.workspace_id,
        application=found.name,
        group=line(given, "group") or "",
        limit=first,
        offset=offset,
    )
    page = await asking.api_pages(key)
    return paging.page([shape(each) for each in page.items], asking.turn, offset=offset, total=page.total)


async def _apis(found: RegisteredApplication, shape: Any, info: GraphQLResolveInfo[Asking], **given: Any) -> Shape:
    return await api_page(found, info.context, given, shape)


def of_2019(api: EventApi, text: str | None = None) -> Shape:
    """An EventAPIDefinition."""
    return {
        "id": str(api.id),
        "group": api.group or None,
        "spec": spec(api, text),
        "auth": auth(api.auth),
        "externalSubscriptions": [{**each, "auth": auth(each.get("auth"))} for each in api.external_subscriptions],
        "version": _version(api.version),
    }


def of_2020(api: EventApi, text: str | None = None) -> Shape:
    """An EventDefinition."""
    return {
        "id": str(api.id),
        "name": api.name,
        "description": api.description or None,
        "group": api.group or None,
        "spec": spec(api, text),
        "version": _version(api.version),
        "createdAt": attributes.timestamp(api.created_at),
        "updatedAt": attributes.timestamp(api.updated_at),
        "error": api.error or None,
    }


def spec(api: EventApi, text: str | None = None) -> Shape:
    """An EventAPISpec or an EventSpec; its text is looked up only where it is asked for, unless it is known."""

    async def data(info: GraphQLResolveInfo[Asking]) -> str | None:
        found = await info.context.documents(api.id) if text is None else text
        return None if found is None or (api.fetch is not None and not found) else info.context.answered(found)

    # What has no text has no format either, and the later type has to have one: text that is no JSON is read as YAML.
    written = api.format or "YAML"
    return {"id": str(api.id), "data": data, "type": ASYNC_API, "format": written, "fetchRequest": _fetch(api)}


def auth(said: Mapping[str, Any] | None) -> Shape | None:
    """An Auth; what is secret is `***` already."""
    if said is None:
        return None
    csrf = said.get("requestAuth", {}).get("csrf")
    return {**_parts(said), "requestAuth": {"csrf": _parts(csrf)} if csrf else None}


def _parts(said: Mapping[str, Any]) -> Shape:
    made = {**said, "credential": _credential(said.get("credential"))}
    for name in ("additionalHeaders", "additionalQueryParams"):
        made[name + "Serialized"] = said.get(name)
    return made


def _credential(said: Mapping[str, Any] | None) -> Shape | None:
    """The one of its kinds that it is, by the name of the union's member."""
    found = [{"__typename": kind, **said[name]} for name, kind in CREDENTIALS.items() if said and said.get(name)]
    return found[0] if found else None


def _fetch(api: EventApi) -> Shape | None:
    if api.fetch is None:
        return None
    status = {
        "condition": api.fetch.condition,
        "message": api.fetch.message or None,
        "timestamp": attributes.timestamp(api.fetch.at),
    }
    asked = api.fetch.request
    return {**asked, "mode": asked.get("mode", "SINGLE"), "auth": auth(asked.get("auth")), "status": status}


def _version(version: ApiVersion) -> Shape | None:
    if not version.value:
        return None
    since = attributes.timestamp(version.deprecated_since) if version.deprecated_since else None
    return {
        "value": version.value,
        "deprecated": version.deprecated,
        "deprecatedSince": version.deprecated_in or since,
        "forRemoval": version.for_removal,
    }

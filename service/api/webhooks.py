"""Webhooks over HTTP, in GreenLake's forms (greenlake.md 1.1, 1.2, 1.3, 1.4).

What a registration may say is left to `subscriptions/webhooks/webhook.py`, what follows from it to
`delivery/verification/webhook_lifecycle.py`.
"""

import logging
from collections.abc import Sequence
from datetime import UTC

import msgspec
from msgspec import UNSET, UnsetType
from starlette.requests import Request
from starlette.responses import Response

from delivery.judgement.breaker import Status
from delivery.reports import backlogs
from delivery.reports.backlogs import Backlog
from service import auth
from service.api import reading, workspaces, writing
from service.services import Services, services_of
from subscriptions.access.access_tokens import Caller
from subscriptions.ground.discreet import Discreet
from subscriptions.webhooks import certificates
from subscriptions.webhooks.webhook import TRUST, Change, Owner, Registration, Webhook
from subscriptions.webhooks.webhook_list import Sort, WebhookQuery

log = logging.getLogger("hooklake.service")

PATH = "/events/v1beta1/webhooks"
#: GreenLake documents neither for webhooks; its clients ask for 100.
LIMIT, MOST = 100, 200
#: Characters of what is searched for.
LONGEST_SEARCH = 200


class Tls(Discreet, msgspec.Struct, forbid_unknown_fields=True, rename="camel", frozen=True, kw_only=True):
    """What a webhook's TLS connections need beside what all have, in PEM; ours. In a change, what is absent stays."""

    ca_bundle: str | UnsetType | None = UNSET
    client_certificate: str | UnsetType | None = UNSET
    client_key: str | UnsetType | None = UNSET


class WebhookInput(Discreet, msgspec.Struct, forbid_unknown_fields=True, rename="camel", frozen=True, kw_only=True):
    """WebhookRegistrationInput (greenlake.md 1.2), `contentMode` and `tls` included, which are ours."""

    name: str
    destination: str
    secret: str
    description: str = ""
    secondary_secret: str = ""
    auth_type: str = ""
    client_id: str = ""
    client_secret: str = ""
    issuer_url: str = ""
    api_key: str = ""
    batching: bool = False
    challenge_request_enabled: bool = True
    content_mode: str = "json"
    tls: Tls | None = None


class WebhookUpdate(Discreet, msgspec.Struct, forbid_unknown_fields=True, rename="camel", frozen=True, kw_only=True):
    """WebhookRegistrationUpdate, as merge-patch or plain JSON: null sets a field back to what it is when nobody gives it."""

    name: str | UnsetType = UNSET
    destination: str | UnsetType = UNSET
    secret: str | UnsetType = UNSET
    description: str | UnsetType | None = UNSET
    secondary_secret: str | UnsetType | None = UNSET
    auth_type: str | UnsetType | None = UNSET
    client_id: str | UnsetType | None = UNSET
    client_secret: str | UnsetType | None = UNSET
    issuer_url: str | UnsetType | None = UNSET
    api_key: str | UnsetType | None = UNSET
    batching: bool | UnsetType | None = UNSET
    challenge_request_enabled: bool | UnsetType | None = UNSET
    content_mode: str | UnsetType | None = UNSET
    tls: Tls | UnsetType | None = UNSET
    paused: bool | UnsetType = UNSET


_DEFAULTS = {field.name: field.default for field in msgspec.structs.fields(WebhookInput)}
_NO_TLS = dict.fromkeys(TRUST, "")


async def create(request: Request) -> Response:
    """`POST /events/v1beta1/webhooks?dryRun=`: 204 for what would be registered, where it only is to be tried"""
    rehearsed = reading.flag(request, "dryRun")
    given = reading.decode(await reading.body(request), WebhookInput)
    fields = msgspec.structs.asdict(given) | _NO_TLS | _trust(given.tls)
    del fields["tls"]
    registration = Registration(**fields)
    if rehearsed:
        await services_of(request).webhook_lifecycle.rehearse(registration, owner(auth.caller(request)))
        return Response(status_code=204)
    webhook = await services_of(request).webhook_lifecycle.register(registration, owner(auth.caller(request)))
    log.info(
        "webhook.registered webhook=%s workspace=%s by=%s", webhook.id, webhook.workspace_id, webhook.hpe_principal
    )
    return writing.json(_shown(webhook), 201, {"Location": f"{PATH}/{webhook.id}"})


async def listed(request: Request) -> Response:
    """`GET /events/v1beta1/webhooks?status=&search=&sort=&workspaceId=`; operators see whose each is, and what waits for it"""
    limit, offset = reading.paging(request, default=LIMIT, most=MOST)
    query = WebhookQuery(
        workspace_id=await workspaces.within(request),
        search=reading.words(request, "search", most=LONGEST_SEARCH),
        status=reading.choice(request, "status", tuple(Status)),
        sort=Sort(reading.choice(request, "sort", tuple(Sort)) or Sort.NEWEST),
        limit=limit,
        offset=offset,
    )
    services = services_of(request)
    page = await services.webhook_lifecycle.listed(query)
    found, total = page.webhooks, page.total
    if auth.scope(auth.caller(request)) is not None:
        return await writing.page(request, await _told(services, found), offset=offset, total=total)
    waiting = await services.backlogs.of([webhook.id for webhook in found], most=backlogs.EACH)
    items = (
        shown | {"workspaceId": each.workspace_id} | _failures(each) | _backlog(waiting[each.id])
        for shown, each in zip(await _told(services, found), found, strict=True)
    )
    return await writing.page(request, items, offset=offset, total=total)


async def read(request: Request) -> Response:
    """`GET /events/v1beta1/webhooks/{id}`"""
    services, scope = services_of(request), auth.scope(auth.caller(request))
    wanted = reading.identifier(request, "id", "Webhook")
    webhook = await services.webhook_lifecycle.find(scope, wanted)
    waiting = (await services.backlogs.of([wanted], most=backlogs.ONE))[wanted]
    [shown] = await _told(services, [webhook])
    return writing.json(shown | (_backlog(waiting) if waiting.any else {}))


async def change(request: Request) -> Response:
    """`PATCH /events/v1beta1/webhooks/{id}`"""
    caller = auth.caller(request)
    wanted = reading.identifier(request, "id", "Webhook")
    update = reading.decode(await reading.body(request), WebhookUpdate)
    given = msgspec.structs.asdict(update)
    fields = {name: _DEFAULTS[name] if value is None else value for name, value in given.items() if value is not UNSET}
    fields = fields | _trust(update.tls)
    fields.pop("tls", None)
    webhook_lifecycle = services_of(request).webhook_lifecycle
    webhook = await webhook_lifecycle.change(auth.scope(caller), wanted, Change(**fields), by=_principal(caller))
    log.info("webhook.changed webhook=%s fields=%s by=%s", webhook.id, ",".join(sorted(fields)), _principal(caller))
    [shown] = await _told(services_of(request), [webhook])
    return writing.json(shown)


async def remove(request: Request) -> Response:
    """`DELETE /events/v1beta1/webhooks/{id}?force=`"""
    wanted, caller = reading.identifier(request, "id", "Webhook"), auth.caller(request)
    await services_of(request).webhook_lifecycle.remove(
        auth.scope(caller), wanted, force=reading.flag(request, "force")
    )
    log.info("webhook.removed webhook=%s by=%s", wanted, _principal(caller))
    return Response(status_code=204)


async def verify(request: Request) -> Response:
    """`POST /events/v1beta1/webhooks/{id}/verify`: 200 whatever the destination said (greenlake.md D.13)"""
    wanted = reading.identifier(request, "id", "Webhook")
    webhook, said = await services_of(request).webhook_lifecycle.verify(auth.scope(auth.caller(request)), wanted)
    response = {"statusCode": said.status_code, "message": said.message, "requestedRate": said.requested_rate}
    [shown] = await _told(services_of(request), [webhook])
    return writing.json({**shown, "destinationResponse": response})


async def promote(request: Request) -> Response:
    """`POST /events/v1beta1/webhooks/{id}/promote-secret`: the second secret becomes the only one"""
    wanted, caller = reading.identifier(request, "id", "Webhook"), auth.caller(request)
    webhook = await services_of(request).webhook_lifecycle.promote(auth.scope(caller), wanted, by=_principal(caller))
    log.info("webhook.changed webhook=%s fields=secret,secondary_secret by=%s", webhook.id, _principal(caller))
    [shown] = await _told(services_of(request), [webhook])
    return writing.json(shown)


def owner(caller: Caller) -> Owner:
    """The caller as the owner of what it makes (greenlake.md D.16)."""
    return Owner(workspace_id=caller.workspace_id, principal=_principal(caller), created_by=caller.name)


def _principal(caller: Caller) -> str:
    return f"user:{caller.client_id}"


def _trust(tls: Tls | UnsetType | None) -> dict[str, str]:
    """The columns that `tls` speaks of: all for null."""
    if tls is None:
        return _NO_TLS
    given = {} if tls is UNSET else msgspec.structs.asdict(tls)
    return {name: value or "" for name, value in given.items() if value is not UNSET}


async def _told(services: Services, webhooks: Sequence[Webhook]) -> list[dict[str, object]]:
    """Each as it is shown; one in ERROR says when it is probed next, which only the database knows, and what asks at once."""
    halted = [each.id for each in webhooks if each.status == Status.ERROR]
    probes = await services.backlogs.probes(halted) if halted else {}
    shown = [_shown(each) for each in webhooks]
    for body, each in zip(shown, webhooks, strict=True):
        if each.status == Status.ERROR:
            when = f"the next probe at {probes[each.id].astimezone(UTC):%H:%M:%S} UTC; " if each.id in probes else ""
            body["stateReason"] = f"{each.state_reason} ({when}POST {PATH}/{each.id}/verify asks now)"
    return shown


def _shown(webhook: Webhook) -> dict[str, object]:
    """WebhookResponse (greenlake.md 1.3); secrets never, `stateReason` and `tls` where there is one."""
    body: dict[str, object] = {
        "id": str(webhook.id),
        "type": "events/webhook",
        "name": webhook.name,
        "description": webhook.description,
        "destination": webhook.destination,
        "paused": webhook.paused,
        "status": webhook.status,
        "resourceUri": f"{PATH}/{webhook.id}",
        "generation": webhook.generation,
        "hpePrincipal": webhook.hpe_principal,
        "createdBy": webhook.created_by,
        "createdAt": writing.moment(webhook.created_at),
        "updatedAt": writing.moment(webhook.updated_at),
        "authType": webhook.auth_type,
        "clientId": webhook.client_id,
        "issuerUrl": webhook.issuer_url,
        "dualSecret": webhook.dual_secret,
        "batching": webhook.batching,
        "challengeRequestEnabled": webhook.challenge_request_enabled,
        "endpointRateLimit": webhook.endpoint_rate_limit,
        "contentMode": webhook.content_mode,
    }
    since = {"secretSince": webhook.secret_since, "secondarySecretSince": webhook.secondary_secret_since}
    body |= {name: writing.moment(when) for name, when in since.items() if when is not None}
    if webhook.failures:
        body |= _failures(webhook)
    if webhook.state_reason:
        body["stateReason"] = webhook.state_reason
    if webhook.ca_bundle or webhook.client_certificate:
        certificate = next(iter(certificates.shown(webhook.client_certificate)), None)
        body["tls"] = {
            "caBundle": [_certificate(each) for each in certificates.shown(webhook.ca_bundle)],
            "clientCertificate": _certificate(certificate) if certificate else None,
        }
    return body


def _failures(webhook: Webhook) -> dict[str, object]:
    last = webhook.last_failure_at
    return {"failures": webhook.failures} | ({} if last is None else {"lastFailureAt": writing.moment(last)})


def _backlog(waiting: Backlog) -> dict[str, object]:
    """`keptSince` where something is kept for a webhook that may not be sent to."""
    body = {"owed": waiting.owed, "parked": waiting.parked, "collecting": waiting.collecting, "more": waiting.more}
    since = {} if waiting.kept_since is None else {"keptSince": writing.moment(waiting.kept_since)}
    return {"backlog": body | since}


def _certificate(shown: certificates.ShownCertificate) -> dict[str, str]:
    return {
        "subject": shown.subject,
        "notAfter": writing.moment(shown.not_after),
        "fingerprint": shown.fingerprint,
    }

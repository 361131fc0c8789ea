"""The rows of greenlake.md 1.1 as data: what to send, what a success is, and what provokes each refusal.

Sending is left to `test_contract.py`; `{webhook}` and the like in paths and bodies stand for what its world has.
"""

from dataclasses import dataclass, field
from typing import Any

from subscriptions.access.clients import Role

EVENTS = "/events/v1beta1"
NOBODY = "3fa85f64-5717-4562-b3fc-2c963f66afa6"
AUDIT = "com.hpe.greenlake.audit-log.v1.logs.created"
EXPIRING = "com.hpe.greenlake.subscriptions.v1.expiring-subscriptions"
MANAGER = "00000000-0000-0000-0000-000000000000"
LONG = "x" * (1 << 20)


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


WEBHOOK = _names(
    "id type name description destination paused status resourceUri generation hpePrincipal createdBy "
    "createdAt updatedAt authType clientId issuerUrl dualSecret batching challengeRequestEnabled"
)
WEBHOOK_TOO = frozenset(
    {"stateReason", "endpointRateLimit", "contentMode", "failures", "lastFailureAt", "backlog", "secretSince"}
)
DELIVERY = _names(
    "id type httpResponseCode status retryStatus description createdAt updatedAt generation requestHeaders "
    "requestBody responseBody"
)
DELIVERY_TOO = frozenset({"responseHeaders", "resourceUri", "subject", "failureId", "reason", "attempts"})
RETRY = _names(
    "id type httpResponseCode resourceUri requestHeaders requestBody responseHeaders responseBody createdAt "
    "updatedAt generation failureId"
)
RETRY_TOO = frozenset({"status", "retryStatus", "description", "subject", "reason", "message", "attempts"})
SUBSCRIPTION = _names(
    "id type serviceManager apiGroup eventType friendlyName resourceUri webhook hpePrincipal createdBy "
    "createdAt updatedBy updatedAt generation"
)
SUBSCRIPTION_TOO = frozenset({"category", "description", "eventFilter", "subscriptionSet"})
SYSTEM_WEBHOOK = _names(
    "id name type destination hpePrincipal resourceUri generation createdBy createdAt updatedBy updatedAt"
)
SYSTEM_SUBSCRIPTION = _names(
    "id type eventType resourceUri webhook hpePrincipal createdBy createdAt updatedBy updatedAt generation"
)
SHELF = frozenset({"id", "name", "type", "generation", "createdAt", "updatedAt"})
NOTHING: frozenset[str] = frozenset()

VIEWERS = (Role.SUBSCRIBER, Role.VIEWER, Role.OPERATOR)
SUBSCRIBERS = (Role.SUBSCRIBER, Role.OPERATOR)
OPERATORS = (Role.OPERATOR,)


@dataclass(frozen=True, kw_only=True)
class Row:
    """One method of one path."""

    method: str
    path: str
    #: A query without the question mark.
    query: str = ""
    #: JSON; None: no body.
    body: Any = None
    success: int = 200
    #: Fields that GreenLake requires of the thing that is answered, and those that may be there beside them.
    fields: frozenset[str] = NOTHING
    more: frozenset[str] = NOTHING
    #: `one`, `page` or `array`, or `none` for an answer without a body.
    form: str = "one"
    #: Who may.
    roles: tuple[Role, ...] = SUBSCRIBERS
    #: Status -> what has to be different: path, query, body, content (bytes) or headers.
    refused: dict[int, dict[str, Any]] = field(default_factory=dict)


def _target(kind: str, webhook: str) -> dict[str, str]:
    return {"resourceUri": f"{EVENTS}/{kind}/{webhook}"}


PAGING = {400: {"query": "limit=ten"}}
NO_JSON = {400: {"content": b"no JSON"}}
TOO_LARGE = {413: {"content": b"{" + LONG.encode()}}
MISSING = {404: {"path": {"webhook": NOBODY}}}
MEDIA = {415: {"headers": {"Content-Type": "text/plain"}}}
_NEW = {"name": "Another", "destination": "https://127.0.0.1:9/", "secret": "s3cr3tKey"}


def _rows(kind: str, things: str, subscriptions: str, hook: str, order: str) -> dict[str, Row]:
    """Webhooks and subscriptions, the ordinary ones or the system's: the same but for fields and who may."""
    system = kind == "System"
    one, every = f"{EVENTS}/{things}/{{{hook}}}", f"{EVENTS}/{things}"
    target = _target(things, f"{{{hook}}}")
    who = OPERATORS if system else SUBSCRIBERS
    new = {name: value for name, value in _NEW.items() if not system or name != "secret"}
    shown: dict[str, Any] = {
        "fields": SYSTEM_WEBHOOK if system else WEBHOOK,
        "more": NOTHING if system else WEBHOOK_TOO,
    }
    told: dict[str, Any] = {
        "fields": SYSTEM_SUBSCRIPTION if system else SUBSCRIPTION,
        "more": NOTHING if system else SUBSCRIPTION_TOO,
    }
    read: dict[str, Any] = {"roles": OPERATORS if system else VIEWERS}
    unknown_hook = {404: {"path": {hook: NOBODY}}}
    unknown_order = {404: {"path": {order: NOBODY}}}
    strange = {422: {"body": {"colour": "red"}}}
    subscription = {"eventType": EXPIRING, "webhook": target}
    change = [{"subscriptionId": f"{{{order}}}", **subscription}]
    base = f"{EVENTS}/{subscriptions}"
    return {
        f"create{kind}Webhook": Row(
            method="POST", path=every, body=new, success=201, roles=who, refused=NO_JSON | strange | TOO_LARGE, **shown
        ),
        f"retrieve{kind}Webhooks": Row(method="GET", path=every, form="page", refused=PAGING, **read, **shown),
        f"retrieve{kind}Webhook": Row(method="GET", path=one, refused=unknown_hook, **read, **shown),
        f"update{kind}Webhook": Row(
            method="PATCH",
            path=one,
            body={"name": "Renamed"},
            roles=who,
            refused=NO_JSON | strange | TOO_LARGE | MEDIA | unknown_hook,
            **shown,
        ),
        f"delete{kind}Webhook": Row(
            method="DELETE",
            path=one,
            query="force=true",
            success=204,
            form="none",
            roles=who,
            refused={400: {"query": ""}} | unknown_hook,
        ),
        f"create{kind}Subscription": Row(
            method="POST",
            path=base,
            body=[subscription],
            success=201,
            form="array",
            roles=who,
            refused={400: {"body": [{"eventType": EXPIRING, "webhook": _target(things, NOBODY)}]}}
            | {422: {"body": [{**subscription, "colour": "red"}]}}
            | TOO_LARGE,
            **told,
        ),
        f"retrieve{kind}Subscriptions": Row(
            method="GET",
            path=base,
            query=f"filter=webhookId%20eq%20%27{{{hook}}}%27&limit=100&offset=0",
            form="page",
            refused={400: {"query": "filter=colour"}},
            **read,
            **told,
        ),
        f"update{kind}Subscription": Row(
            method="PATCH",
            path=base,
            body=change,
            form="array",
            roles=who,
            refused={422: {"body": [{**change[0], "colour": "red"}]}} | NO_JSON | TOO_LARGE | MEDIA | unknown_order,
            **told,
        ),
        f"{'deleteSystem' if system else 'Delete'}Subscription": Row(
            method="DELETE",
            path=base,
            query=f"id={{{order}}}",
            success=204,
            form="none",
            roles=who,
            refused={400: {"query": ""}} | unknown_order,
        ),
    }


ROWS: dict[str, Row] = {
    **_rows("", "webhooks", "subscriptions", "webhook", "subscription"),
    "webhookVerification": Row(
        method="POST",
        path=f"{EVENTS}/webhooks/{{webhook}}/verify",
        fields=WEBHOOK | {"destinationResponse"},
        more=WEBHOOK_TOO,
        roles=VIEWERS,
        refused=MISSING,
    ),
    "recentDeliveries": Row(
        method="GET",
        path=f"{EVENTS}/webhooks/{{webhook}}/recent-deliveries",
        query="limit=100&offset=0",
        fields=DELIVERY,
        more=DELIVERY_TOO,
        form="page",
        roles=VIEWERS,
        refused=MISSING | PAGING,
    ),
    "deliveryFailuresRetry": Row(
        method="POST",
        path=f"{EVENTS}/webhooks/{{webhook}}/delivery-failures/{{failure}}/retry",
        fields=RETRY,
        more=RETRY_TOO,
        refused={400: {"path": {"failure": "{arrived}"}}, 404: {"path": {"failure": NOBODY}}},
    ),
    "getservicemanagers": Row(
        method="GET", path=f"{EVENTS}/service-managers", fields=SHELF, form="page", roles=tuple(Role), refused=PAGING
    ),
    "getapigroups": Row(
        method="GET",
        path=f"{EVENTS}/service-managers/{{manager}}/api-groups",
        fields=SHELF,
        form="page",
        roles=tuple(Role),
        refused=PAGING | {404: {"path": {"manager": NOBODY}}},
    ),
    "getevents": Row(
        method="GET",
        path=f"{EVENTS}/api-groups/{{group}}/events",
        fields=SHELF | {"friendlyName"},
        more=frozenset({"category", "description"}),
        form="page",
        roles=tuple(Role),
        refused=PAGING | {404: {"path": {"group": NOBODY}}},
    ),
    **_rows("System", "system-webhooks", "system-subscriptions", "system", "service"),
}

"""Recent deliveries of a webhook, and the retry of one, in GreenLake's forms (greenlake.md 1.5).

Which deliveries are covered, and what a retry does, is left to `delivery/reports/recent_deliveries.py`.
"""

from collections.abc import Mapping

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from delivery.reports.attempt_history import AttemptSummary
from delivery.reports.recent_deliveries import LISTED, Pairs, RecentDelivery, Retried
from service import auth
from service.api import reading, redaction, writing
from service.auth import Permission
from service.services import services_of

LIMIT = 200

#: What a retry is answered with beside the delivery, for people.
MESSAGES: Mapping[Retried, str] = {
    Retried.SUBMITTED: "Delivery failures retried submitted.",
    Retried.UNDERWAY: "An attempt is under way already; nothing was changed.",
    Retried.WAITING: "The delivery is kept, and goes out once the webhook is ACTIVE.",
}


async def recent(request: Request) -> Response:
    """`GET /events/v1beta1/webhooks/{id}/recent-deliveries`"""
    webhook = reading.identifier(request, "id", "Webhook")
    limit, offset = reading.paging(request, default=LIMIT, most=LIMIT)
    caller = auth.caller(request)
    items, total = await services_of(request).history.recent(auth.scope(caller), webhook, limit=limit, offset=offset)
    whole = auth.may(caller, Permission.UPDATE_WEBHOOKS)
    shown = (_item(item if whole else redaction.redacted(item)) for item in items)
    return await writing.page(request, shown, offset=offset, total=total)


async def retry(request: Request) -> Response:
    """`POST /events/v1beta1/webhooks/{id}/delivery-failures/{failureId}/retry`"""
    webhook = reading.identifier(request, "id", "Webhook")
    failure = reading.identifier(request, "failureId", "Delivery failure", hint=LISTED)
    scope = auth.scope(auth.caller(request))
    item, retried = await services_of(request).history.retry(scope, webhook, failure)
    return writing.json({**_item(item), "failureId": str(failure), "message": MESSAGES[retried]})


def _item(item: RecentDelivery) -> dict[str, object]:
    """`reason` is ours: the attempt's outcome in words. `httpResponseCode` is 0 where there was no answer."""
    body = {
        "id": item.id,
        "type": "events/deliveryFailure",
        "httpResponseCode": item.status or 0,
        "status": "SUCCESS" if item.success else "FAILURE",
        "retryStatus": "RETRY" if item.retrying else "NORETRY",
        "description": item.type if item.members is None else f"Batch of {item.members} events",
        "reason": item.reason,
        "createdAt": writing.moment(item.created_at),
        "updatedAt": writing.moment(item.updated_at),
        "generation": item.attempt_count,
        "requestHeaders": headers(item.request_headers),
        "requestBody": msgspec.Raw(item.request_body or (b"{}" if item.members is None else b"[]")),
        "responseHeaders": headers(item.response_headers),
        "responseBody": item.response_body.decode(errors="replace"),
        "resourceUri": f"/events/v1beta1/webhooks/{item.webhook}",
        "subject": f"events.{item.workspace_id}.{item.webhook}",
        "attempts": [attempt(each) for each in item.attempts],
    }
    if item.truncated or item.cut:
        body["truncated"] = True
    if item.request_body is None and not item.truncated:
        body["erased"] = True
        if item.undelivered and not item.retrying:
            body["reason"] = f"{item.reason}; its payload was erased meanwhile, so it is not sent again"
    if item.members is not None:
        body["batchId"] = item.id
    return body | ({"failureId": str(item.key)} if item.undelivered else {})


def attempt(tried: AttemptSummary) -> dict[str, object]:
    """One of all attempts; `nextAttemptAt` is there where another one began or is due."""
    body = {
        "number": tried.number,
        "startedAt": writing.moment(tried.started_at),
        "milliseconds": tried.milliseconds,
        "status": "SUCCESS" if tried.success else "FAILURE",
        "httpResponseCode": tried.status or 0,
        "reason": tried.reason,
        "follows": tried.follows,
    }
    return body | ({} if tried.next_at is None else {"nextAttemptAt": writing.moment(tried.next_at)})


def headers(pairs: Pairs) -> dict[str, list[str]]:
    """A name's values in order, under the spelling that came first: names are one whatever their case."""
    spelling: dict[str, str] = {}
    lists: dict[str, list[str]] = {}
    for name, value in pairs:
        lists.setdefault(spelling.setdefault(name.lower(), name), []).append(value)
    return lists

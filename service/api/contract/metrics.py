"""The contract of numbers, ours: how things stand, what came of deliveries over time, and the statuses a webhook had.

What is answered is left to `service/api/metrics.py`.
"""

from service.api.contract.operation import WITHIN, Operation, paging, parameter
from service.api.contract.shapes import Json, array, flag, given, literal, moment, page, ref, text, uuid, whole
from service.auth import Permission

TAG = "Metrics"
_EVENTS = "/events/v1beta1"
_STATUSES = ("PENDING", "ACTIVE", "WARNING", "ERROR", "DISABLED")


def _count(description: str) -> Json:
    return whole(description, minimum=0)


def _number(description: str) -> Json:
    return {"type": "number", "description": description, "minimum": 0}


_TALLY: dict[str, Json] = {
    "accepted": _count("Events that were accepted; of one webhook none are counted."),
    "attempts": _count("Attempts that were recorded."),
    "succeeded": _count("Attempts that succeeded."),
    "failed": _count("Attempts that did not."),
    "delivered": _count("Deliveries that arrived."),
    "givenUp": _count("Deliveries that were given up."),
    "answers": given(
        {
            **{f"{digit}xx": _count(f"Attempts that were answered {digit}xx.") for digit in range(2, 6)},
            "none": _count("Attempts without an answer."),
        }
    ),
}
_LATENCY = ref("MetricsLatency")

SCHEMAS: dict[str, Json] = {
    "MetricsQuantiles": given(
        {
            "p50Milliseconds": _number("Half of them took no longer."),
            "p95Milliseconds": _number("95 of a hundred took no longer."),
            "p99Milliseconds": _number("99 of a hundred took no longer."),
        }
    ),
    "MetricsLatency": given(
        {},
        {
            "publishedToAnswered": {
                **ref("MetricsQuantiles"),
                "description": "From an event's acceptance, or the closing of its batch, to the answer that delivered it.",
            },
            "receiver": {
                **ref("MetricsQuantiles"),
                "description": "The receivers' own part: of each attempt that was answered, from its begin to the answer.",
            },
        },
    ),
    "MetricsTally": given(_TALLY),
    "MetricsPoint": given(
        {
            "startAt": moment("When the step begins."),
            **_TALLY,
            "latency": _LATENCY,
        },
        {
            "waiting": _count("The most deliveries that waited at a sample; left out where no sample was taken."),
            "oldestWaitingSeconds": _count("The greatest age of one of those."),
        },
    ),
    "MetricsNow": given(
        {
            "at": moment("As of when."),
            "webhooks": given({status: _count("How many have this status.") for status in _STATUSES}),
            "waiting": _count(
                "Deliveries that wait, as the newest sample has it, which counts a thousand of a webhook and a day."
            ),
            "waitingMore": flag("There are more of them."),
            "waitingFor": _count("For how many webhooks."),
        },
        {
            "oldestWaitingAt": moment("When the oldest of those was accepted; there where any waits."),
            "countedAt": moment(
                "When what waits was counted, and up to when attempts were; workers do when beat tells them to."
            ),
        },
    ),
    "MetricsResponse": given(
        {
            "type": literal("events/metrics"),
            "span": text("", enum=["HOUR", "DAY", "WEEK", "MONTH"]),
            "stepSeconds": whole("What one point covers.", minimum=60),
            "deliveredPerSecond": _number("Over the whole span, up to now."),
            "total": ref("MetricsTally"),
            "latency": _LATENCY,
            "points": array(ref("MetricsPoint"), "Oldest first, the last one still under way; none is left out."),
        },
        {
            "now": {**ref("MetricsNow"), "description": "Left out where one webhook is asked for."},
            "resourceUri": text("Of the webhook, where one is asked for."),
        },
    ),
    "WebhookState": given(
        {
            "type": literal("events/webhookState"),
            "status": text("", enum=list(_STATUSES)),
            "stateReason": text("Why; empty where nothing is wrong."),
            "since": moment("When the webhook came to it."),
        }
    ),
    "WebhookStateList": page("WebhookState"),
}

OPERATIONS = (
    Operation(
        method="GET",
        path=_EVENTS + "/metrics",
        tag=TAG,
        id="getMetrics",
        permission=Permission.READ_WEBHOOKS,
        summary="Numbers of deliveries, now and over time",
        description="What was recorded in each minute, hour or day: attempts, what they came to, and how long they took, within "
        "10 %. Numbers are folded every ten seconds, where nothing else is set.\n\n"
        "An operator is told of all workspaces, or of one of them; others of their own.",
        query=(
            parameter(
                "span",
                text("", enum=["HOUR", "DAY", "WEEK", "MONTH"], default="HOUR"),
                "60 minutes, 24 hours, 168 hours or 30 days, up to now.",
            ),
            parameter("webhookId", uuid(), "Of this webhook alone."),
            WITHIN,
        ),
        answer=ref("MetricsResponse"),
        errors=(400, 404),
    ),
    Operation(
        method="GET",
        path=_EVENTS + "/webhooks/{id}/states",
        tag=TAG,
        id="getWebhookStates",
        permission=Permission.READ_WEBHOOKS,
        summary="The statuses that a webhook had",
        description="Each with its reason and since when, newest first; the newest 200 are kept.",
        query=paging(200, 200),
        answer=ref("WebhookStateList"),
        errors=(404,),
    ),
)

"""The contract of the audit log, in GreenLake's form where that is known.

What is done with it is left to `service/api/audit.py`.
"""

from service.api.contract.operation import WITHIN, Operation, paging, parameter
from service.api.contract.shapes import (
    MOMENT,
    WEBHOOK,
    WORKSPACE,
    Json,
    array,
    either,
    given,
    literal,
    moment,
    ref,
    text,
    uuid,
    whole,
)
from service.auth import Permission
from subscriptions.ground.audit import ActorKind

TAG = "Audit log"
PATH = "/audit-log/v1/logs"
_ENTRY = "019356a1-2c1e-7c1f-9d0e-4b8f6a529a43"
_TIME = {"type": "string", "format": "date-time"}
_ANY: Json = {"description": "Any value; null where it was, or is, not there."}

SCHEMAS: dict[str, Json] = {
    "AuditLogEntry": given(
        {
            "id": uuid("In order of time."),
            "type": literal("audit-log/log"),
            "resourceUri": text(f"`{PATH}/{{id}}`"),
            "user": given({"username": text("Who changed it, by name.")}),
            "workspace": given({"id": either(text(), "Whose the changed thing is; null: nobody's in particular.")}),
            "category": text("`Unified Eventing`, or `user_management` for clients, people and keys."),
            "description": text("What happened, as a sentence."),
            "createdAt": moment("When the request came that changed it."),
            "ipAddress": text("Where it came from; empty for a command."),
            "action": text("The kind of thing and what was done, as in `webhook.changed`."),
            "subject": given({"id": text("The changed thing's id."), "name": text("What people call it.")}),
            "actor": given(
                {
                    "kind": text("", enum=[str(kind) for kind in ActorKind]),
                    "id": text("The id of the client or the person, or the user who ran the command."),
                    "workspaceId": text("Its workspace; empty for a command."),
                    "roles": array(text(), "Its roles then."),
                }
            ),
            "changes": array(
                given({"field": text(), "before": _ANY, "after": _ANY}),
                "What it was and what it is, field by field. Of a secret `after` says `set`, `changed` or `removed`.",
            ),
        },
        examples=[
            {
                "id": _ENTRY,
                "type": "audit-log/log",
                "resourceUri": f"{PATH}/{_ENTRY}",
                "user": {"username": "ada@example.com"},
                "workspace": {"id": WORKSPACE},
                "category": "Unified Eventing",
                "description": "Webhook orders changed by ada@example.com (paused)",
                "createdAt": MOMENT,
                "ipAddress": "192.0.2.1",
                "action": "webhook.changed",
                "subject": {"id": WEBHOOK, "name": "orders"},
                "actor": {"kind": "person", "id": _ENTRY, "workspaceId": WORKSPACE, "roles": ["subscriber"]},
                "changes": [{"field": "paused", "before": False, "after": True}],
            }
        ],
    ),
    "AuditLogEntryList": given(
        {"items": array(ref("AuditLogEntry")), "count": whole("Items of this page.", minimum=0)},
        {"next": uuid("What `after` is for the next page; absent on the last one.")},
    ),
}

OPERATIONS = (
    Operation(
        method="GET",
        path=PATH,
        tag=TAG,
        id="listAuditLogs",
        permission=Permission.READ_AUDIT,
        summary="List who changed what, newest first",
        description="Changes by tokens, from the dashboard and by commands; what workers do by themselves is none. "
        "Entries are kept for `HOOKLAKE_KEEP_AUDIT`. Each is also published to its workspace as "
        "`audit-log.v1.logs.created`. A page that has read 20,000 entries and found fewer than were asked for has a "
        "`next` all the same.",
        query=(
            WITHIN,
            parameter("actor", text(), "An id, or a part of a name, in any case."),
            parameter("action", text(), "An action, or the kind of thing that it begins with, as in `webhook`."),
            parameter("subject", text(), "The changed thing's id."),
            parameter("since", _TIME, "From then on."),
            parameter("until", _TIME, "Before then."),
            parameter("after", uuid(), "The `next` of the page before."),
            *paging(200, 200),
        ),
        answer=ref("AuditLogEntryList"),
        errors=(400,),
    ),
    Operation(
        method="GET",
        path=PATH + "/{id}",
        tag=TAG,
        id="readAuditLog",
        permission=Permission.READ_AUDIT,
        summary="Read one entry",
        answer=ref("AuditLogEntry"),
        errors=(404,),
    ),
)

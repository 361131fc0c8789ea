"""An issue as members of JSON, for the API and the events that tell of it: both say the same in the same words.

What the API shows beside them is left to `service/api/issues.py`.
"""

from delivery.reports.issues import ListedIssue


def members(issue: ListedIssue) -> dict[str, object]:
    """What it is, what is wrong and what to do, how often it failed, and its webhook if it has one."""
    data: dict[str, object] = {
        "id": str(issue.id),
        "type": "events/issue",
        "resourceUri": f"/events/v1beta1/issues/{issue.id}",
        "kind": str(issue.kind),
        "summary": issue.wrong,
        "remedy": issue.to_do,
        "cause": issue.cause,
        "reason": issue.reason,
        "httpResponseCode": issue.status or 0,
        "failedAttempts": issue.attempts,
        "deliveriesGivenUp": issue.given_up,
    }
    if issue.webhook is not None:
        data["webhook"] = {"resourceUri": f"/events/v1beta1/webhooks/{issue.webhook}"}
    return data

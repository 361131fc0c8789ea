"""How a webhook stands, and what of it needs somebody, the worst first, each with the one thing to do about it.

What failed alike is an issue's, and told by it; how it is shown is left to the templates.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from delivery.issue_kinds import PASSING, IssueKind
from delivery.judgement.breaker import Status
from delivery.reports import issue_words, issues, state_words
from delivery.reports.backlogs import Backlog
from delivery.reports.issues import Ending, ListedIssue
from service.dashboard.frame import wording
from subscriptions.webhooks.certificates import ShownCertificate
from subscriptions.webhooks.subscription_list import Subscription
from subscriptions.webhooks.webhook import Webhook

#: How long before its end a certificate is spoken of, and how long both secrets of a rotation may be live until it is.
SOON, ROTATION = timedelta(days=30), timedelta(days=7)
RANKS = ("bad", "warn", "info")
#: What to click.
HANDLER, DELIVERIES, ISSUE = "Get a handler that answers", "See its deliveries", "See the issue"
SUBSCRIPTIONS = "See its subscriptions"
#: The same of issues that may stand beside each other.
ISSUES = {IssueKind.GIVEN_UP: "See what was given up", IssueKind.FAILURES: "See what fails"}
#: How long none has failed of deliveries that arrive again: of some that arrive while others fail that is not said.
SETTLED = timedelta(minutes=1)


@dataclass(frozen=True, kw_only=True)
class Attention:
    """One thing that is said of a webhook, mostly because it needs somebody."""

    #: `bad`, `warn`, `info` or `ok`.
    tone: str
    text: str
    #: What to do, and where: below the webhook's own path, or a path of the dashboard; empty where there is nothing to click.
    words: str = ""
    path: str = ""
    #: Of an issue, when it resolves itself; of a webhook that warns and is calm, when it is active again.
    ending: Ending | None = None
    calm: Ending | None = None


@dataclass(frozen=True, kw_only=True)
class WebhookStanding:
    """A webhook with what is known of it."""

    webhook: Webhook
    backlog: Backlog
    subscriptions: Sequence[Subscription]
    certificates: Sequence[ShownCertificate]
    #: Until when the receiver's own certificate holds, as it was seen last; None where it was not lately.
    receiver_until: datetime | None = None
    #: When it is probed next; None where it is not, or only when an event comes.
    probe_at: datetime | None = None
    #: Open issues of its deliveries, the worst first, and the seconds of quiet that end one.
    issues: Sequence[ListedIssue] = ()
    quiet: float = 0.0
    #: When a delivery arrived last, of those that were tried last.
    arrived_at: datetime | None = None
    #: Why nothing is sent to any webhook now; empty where it is.
    unsent: str = ""
    #: Since when nothing has failed, and when it is active again, of a webhook that warns and had a success since.
    calm: Ending | None = None

    @property
    def starved(self) -> list[Subscription]:
        """Those that get nothing: no event can be told to be of the version that each understands."""
        return [each for each in self.subscriptions if each.starved]


def verdict(standing: WebhookStanding, now: datetime) -> Attention:
    """How it stands, in one or two sentences: there is always something to say, so that nothing moves when it changes."""
    webhook = standing.webhook
    kept = _kept(standing.backlog, webhook.status, now)
    reason = state_words.sentence(webhook.state_reason)
    match webhook.status:
        case Status.ERROR:
            return _halted(standing, now)
        case Status.PENDING:
            asked = "Its destination is asked" if webhook.challenge_request_enabled else "It is asked what it allows"
            said = f"{asked}, and has not answered yet: nothing is sent to it until then. {reason}{kept}"
            return Attention(tone="info", text=said.strip(), words=HANDLER, path="/handler")
        case Status.DISABLED:
            return Attention(
                tone="warn", text=f"{reason or 'It is paused.'}{kept or ' What is published meanwhile is kept.'}"
            )
    if standing.unsent:
        return Attention(tone="warn", text=f"{standing.unsent}{_waiting(standing.backlog, now)}")
    worst = next(iter(standing.issues), None)
    if standing.calm is not None and (worst is None or worst.kind in PASSING):
        return Attention(tone="info", text="Its deliveries arrive again.", calm=standing.calm)
    if worst is not None and (webhook.status == Status.WARNING or worst.kind not in PASSING):
        return _of_issue(worst, standing, now)
    if webhook.status == Status.WARNING and state_words.of_challenge(webhook.state_reason):
        return _unproved(webhook)
    if webhook.status == Status.WARNING:
        said = f"{state_words.FAILING_NOW} {reason}"
        return Attention(tone="warn", text=said.strip(), words=DELIVERIES, path="#deliveries")
    if reason:
        return Attention(tone="warn", text=reason, words=SUBSCRIPTIONS, path="#subscriptions")
    if standing.starved and len(standing.starved) == len(standing.subscriptions):
        return next(_of_pins(standing, now))
    if not standing.subscriptions:
        said = "It has subscribed to no event type, so that no event is sent to it."
        return Attention(tone="info", text=said, words="Subscribe", path="/subscribe")
    if standing.arrived_at is None:
        return Attention(tone="ok", text="Events of its types are sent to it as they are published.")
    return Attention(tone="ok", text=f"Its deliveries arrive: the last one {wording.ago(standing.arrived_at, now)}.")


def needed(standing: WebhookStanding, now: datetime) -> list[Attention]:
    """What else needs somebody, the worst first; empty where there is nothing."""
    shown, halted = verdict(standing, now), standing.webhook.status == Status.ERROR
    # What led to a halt is told by it.
    left = [each for each in standing.issues if not (halted and each.kind in PASSING)]
    said = [each for issue in left if (each := _of_issue(issue, standing, now)).path != shown.path]
    webhook = standing.webhook
    if webhook.status == Status.WARNING and shown.words != HANDLER and state_words.of_challenge(webhook.state_reason):
        said.append(_unproved(webhook))
    of = (_of_certificates, _of_receiver, _of_rotation, _of_pins)
    found = [*said, *(each for about in of for each in about(standing, now) if each.text != shown.text)]
    return sorted(found, key=lambda each: RANKS.index(each.tone))


def _halted(standing: WebhookStanding, now: datetime) -> Attention:
    why = state_words.sentence(standing.webhook.state_reason) + _waiting(standing.backlog, now)
    asked = "" if standing.probe_at is None else f" It is asked again {wording.ago(standing.probe_at, now)}."
    if not standing.webhook.failures:
        said = f"{state_words.UNPROVED} {why}{asked}"
        return Attention(tone="bad", text=said, words=HANDLER, path="/handler")
    said = f"{state_words.HALTED}. {why}{asked} Mend the receiver, then verify it here."
    cause = next((each for each in standing.issues if each.kind in PASSING), None)
    if cause is None:
        return Attention(tone="bad", text=said, words=DELIVERIES, path="#deliveries")
    return Attention(tone="bad", text=said, words=ISSUES.get(cause.kind, ISSUE), path=f"/dashboard/issues/{cause.id}")


def _unproved(webhook: Webhook) -> Attention:
    """Somebody asked for a challenge, and the answer was wrong: that halts nothing, and says nothing of deliveries."""
    why = state_words.sentence(webhook.state_reason)
    said = f"{state_words.ANSWERED_WRONGLY} {why}"
    return Attention(
        tone="warn", text=f"{said} Mend the handler, then verify it again.", words=HANDLER, path="/handler"
    )


def _again(arrived: datetime, issue: ListedIssue, standing: WebhookStanding, now: datetime) -> bool:
    failed = standing.webhook.last_failure_at
    return arrived > issue.last_at and (failed is None or (arrived > failed and now - failed >= SETTLED))


def _of_issue(issue: ListedIssue, standing: WebhookStanding, now: datetime) -> Attention:
    arrived, path = standing.arrived_at, f"/dashboard/issues/{issue.id}"
    if issue.kind is IssueKind.GIVEN_UP and arrived is not None and _again(arrived, issue, standing, now):
        # How it is now comes first, then what is left of before.
        again = f"Its deliveries arrive again: the last one {wording.ago(arrived, now)}."
        said = f"{again} Before, {issue_words.lost(issue.given_up)} given up, which can be sent again."
        return Attention(tone="warn", text=said, words=ISSUES[issue.kind], path=path)
    ending = issues.ending(issue, standing.quiet)
    grave = issue.kind in (IssueKind.STUCK, IssueKind.GIVEN_UP)
    passing = ending.since is not None
    return Attention(
        tone="info" if passing else "bad" if grave else "warn",
        text=issue.wrong if passing else f"{issue.wrong} {issue.to_do}",
        words=ISSUES.get(issue.kind, ISSUE),
        path=path,
        ending=ending if passing else None,
    )


def _of_certificates(standing: WebhookStanding, now: datetime) -> Iterator[Attention]:
    for each in standing.certificates:
        if each.not_after <= now:
            said = f"The certificate {each.subject} has expired {wording.ago(each.not_after, now)}."
            yield Attention(tone="bad", text=said, words="Give another one", path="/edit#tls")
        elif each.not_after - now < SOON:
            said = f"The certificate {each.subject} expires {wording.ago(each.not_after, now)}."
            yield Attention(tone="warn", text=said, words="Give another one", path="/edit#tls")


def _of_receiver(standing: WebhookStanding, now: datetime) -> Iterator[Attention]:
    until = standing.receiver_until
    if until is not None and until - now < SOON:
        when = wording.ago(until, now)
        tone, said = ("bad", f"had expired {when}") if until <= now else ("warn", f"expires {when}")
        yield Attention(tone=tone, text=f"The receiver's certificate, as it was seen last, {said}: renew it there.")


def _of_rotation(standing: WebhookStanding, now: datetime) -> Iterator[Attention]:
    since = standing.webhook.secondary_secret_since
    if since is not None and now - since > ROTATION:
        said = f"Two secrets are live since {wording.duration((now - since).total_seconds())}: end the rotation."
        yield Attention(tone="info", text=said, words="Go on with it", path="/secrets")


def _of_pins(standing: WebhookStanding, _now: datetime) -> Iterator[Attention]:
    if standing.starved:
        yield Attention(
            tone="warn", text=wording.starving(standing.starved), words=SUBSCRIPTIONS, path="#subscriptions"
        )


def _kept(backlog: Backlog, status: str, now: datetime) -> str:
    until = "is resumed" if status == Status.DISABLED else "may be sent to"
    waits = _waiting(backlog, now)
    return waits and f"{waits.removesuffix('.')}; what waits goes out once it {until}."


def _waiting(backlog: Backlog, now: datetime) -> str:
    waiting = backlog.owed + backlog.parked + backlog.collecting
    if not waiting:
        return ""
    many = (
        f"{'More than ' if backlog.more else ''}{waiting:,} {'delivery waits' if waiting == 1 else 'deliveries wait'}"
    )
    oldest = "" if backlog.kept_since is None else f", the oldest accepted {wording.ago(backlog.kept_since, now)}"
    return f" {many}{oldest}."

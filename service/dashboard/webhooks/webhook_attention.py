"""What of a webhook needs somebody, the worst first, each with the one thing to do about it.

What failed, delivery by delivery, is left to issues; how it is shown, to the templates.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from delivery.judgement.breaker import Status
from delivery.reports.backlogs import Backlog
from service.dashboard.frame import wording
from subscriptions.webhooks.certificates import ShownCertificate
from subscriptions.webhooks.webhook import Webhook

#: How long before its end a certificate is spoken of, and how long both secrets of a rotation may be live until it is.
SOON, ROTATION = timedelta(days=30), timedelta(days=7)
RANKS = ("bad", "warn", "info")


@dataclass(frozen=True, kw_only=True)
class Attention:
    """One thing that needs somebody."""

    #: `bad`, `warn` or `info`.
    tone: str
    text: str
    #: What to do, and where on the dashboard below the webhook's own path; empty where there is nothing to click.
    words: str = ""
    path: str = ""


@dataclass(frozen=True, kw_only=True)
class WebhookStanding:
    """A webhook with what is known of it."""

    webhook: Webhook
    backlog: Backlog
    subscriptions: int
    certificates: Sequence[ShownCertificate]
    #: Until when the receiver's own certificate holds, as it was seen last; None where it was not lately.
    receiver_until: datetime | None = None
    #: When it is probed next; None where it is not, or only when an event comes.
    probe_at: datetime | None = None


def needed(standing: WebhookStanding, now: datetime) -> list[Attention]:
    """The worst first; empty where all is well."""
    of = (_of_state, _of_certificates, _of_receiver, _of_rotation)
    found = [each for about in of for each in about(standing, now)]
    if standing.subscriptions == 0:
        said = "It has subscribed to no event type, so that no event is sent to it."
        found.append(Attention(tone="info", text=said, words="Subscribe", path="/subscribe"))
    return sorted(found, key=lambda each: RANKS.index(each.tone))


def _of_state(standing: WebhookStanding, now: datetime) -> Iterator[Attention]:
    webhook, kept = standing.webhook, _kept(standing.backlog, now)
    reason = _sentence(webhook.state_reason)
    match webhook.status:
        case Status.ERROR:
            probe = "" if standing.probe_at is None else f" It is probed again {wording.ago(standing.probe_at, now)}."
            said = (
                f"Too much failed, so it is not sent to. {reason}{probe}{kept} Mend the receiver, then verify it here."
            )
            yield Attention(tone="bad", text=said, words="Recent deliveries", path="#deliveries")
        case Status.WARNING:
            said = f"Some of its deliveries fail, and are tried again by themselves. {reason}"
            yield Attention(tone="warn", text=said.strip(), words="Recent deliveries", path="#deliveries")
        case Status.PENDING:
            said = f"Its destination has not answered the challenge yet. {reason}{kept}"
            yield Attention(tone="warn", text=said.strip(), words="A handler that does", path="/handler")
        case Status.DISABLED:
            said = f"{reason or 'It is paused.'}{kept or ' What is published meanwhile is kept.'}"
            yield Attention(tone="warn", text=said)
        case _ if reason:
            yield Attention(tone="warn", text=reason, words="Its subscriptions", path="#subscriptions")


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
        yield Attention(tone="info", text=said, words="Secrets", path="/secrets")


def _kept(backlog: Backlog, now: datetime) -> str:
    waiting = backlog.owed + backlog.parked + backlog.collecting
    if not waiting:
        return ""
    many = (
        f"{'More than ' if backlog.more else ''}{waiting:,} {'delivery waits' if waiting == 1 else 'deliveries wait'}"
    )
    oldest = "" if backlog.kept_since is None else f", the oldest since {wording.ago(backlog.kept_since, now)}"
    return f" {many}{oldest.replace('since', 'accepted')}; they go out once it may be sent to."


def _sentence(text: str) -> str:
    """With a capital letter and an end."""
    text = text.strip()
    if not text:
        return ""
    return text[0].upper() + text[1:] + ("" if text.endswith((".", "!", "?")) else ".")

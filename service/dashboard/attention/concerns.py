"""What needs somebody, over all that a visitor sees: the worst first, in words, each with the one thing to do.

Issues say it where there are any. What of one webhook needs somebody is left to `webhook_attention.py`, how it is shown to
`templates/overview`.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from delivery.issue_kinds import IssueKind
from delivery.judgement.breaker import Status
from delivery.reports import state_words
from delivery.reports.issues import Ending, ListedIssue, ending
from delivery.reports.set_aside import SetAside
from delivery.reports.standing import Standing, WorstOff
from service.dashboard.frame import wording
from service.health.carriers import CarrierReport
from subscriptions.catalogue.misfit_report import MisfitCount
from subscriptions.events.directory import type_id
from subscriptions.webhooks.subscription_list import Subscription

TONES = ("bad", "warn", "info")
#: How long what is due may wait for a webhook that is sent to before somebody is told.
LATE = timedelta(minutes=5)
#: Shown at once; and of types whose events do not fit.
MOST, TYPES = 12, 3

#: What to do about what carriers lack, by a word of the sentence that says it.
_REMEDIES = (
    ("no worker", "Start one with `hooklake worker`; deliveries are kept until then."),
    ("beat", "Start it with `hooklake beat`; without it nothing is retried and nothing lost is found."),
    ("broker", "See that it runs and that `HOOKLAKE_BROKER_URL` leads to it; events are accepted and kept meanwhile."),
    (
        "database",
        "See that PostgreSQL runs and that `HOOKLAKE_DATABASE_URL` leads to it; nothing is accepted meanwhile.",
    ),
    ("looked for", "See that beat and a worker run, and what their logs say of it."),
)


@dataclass(frozen=True, kw_only=True)
class Concern:
    """One thing that needs somebody."""

    #: `bad`, `warn` or `info`.
    tone: str
    title: str
    text: str
    #: What to click, and where on the dashboard it leads; empty where there is nothing to click.
    words: str = ""
    path: str = ""
    #: Of what passes by itself, since when it is calm and when it is over.
    ending: Ending | None = None
    #: Known to somebody, and come back since.
    again: bool = False


@dataclass(frozen=True, kw_only=True)
class KnownIssues:
    """Issues, as far as they need somebody."""

    #: Of each webhook the worst that is open, the worst first.
    worst: Sequence[ListedIssue] = ()
    #: Webhooks whose issues have all been set aside.
    aside: Mapping[UUID, SetAside] = field(default_factory=dict)
    #: Seconds without a failure that end an issue of failures.
    quiet: float = 0.0


def of_pins(starved: Sequence[Subscription]) -> Iterator[Concern]:
    """Subscriptions that get nothing, all of them in one."""
    if starved:
        yield Concern(
            tone="warn",
            title="Nothing reaches a pinned subscription",
            text=wording.starving(starved),
            words="See its webhook",
            path=f"/dashboard/webhooks/{starved[0].webhook}",
        )


#: Nothing goes out, or did not, until somebody acts.
_GRAVE = frozenset(
    {*(IssueKind.STUCK, IssueKind.GIVEN_UP, IssueKind.HALTED, IssueKind.DISABLED), IssueKind.VERIFICATION}
)


def of(
    standing: Standing | None,
    carriers: CarrierReport | None,
    issues: KnownIssues,
    misfits: Sequence[MisfitCount],
    *,
    operator: bool,
) -> list[Concern]:
    """The worst first; empty where all is well. None: it is not known, which is said elsewhere."""
    found = [*of_carriers(carriers, operator=operator), *(_of_issue(each, issues.quiet) for each in issues.worst)]
    known = {each.webhook for each in issues.worst} | issues.aside.keys()
    if standing is not None:
        left = (worst for worst in standing.worst if worst.id not in known)
        found += [concern for worst in left if (concern := _of_webhook(worst, standing.at)) is not None]
        found += _of_again(issues.aside.values(), standing.at)
        found += _of_misfits(misfits, standing.at)
    found += _of_aside(sum(each.many for each in issues.aside.values()))
    return ranked(found)


def ranked(found: Iterable[Concern]) -> list[Concern]:
    """The worst first."""
    return sorted(found, key=lambda each: TONES.index(each.tone))


def of_carriers(report: CarrierReport | None, *, operator: bool) -> Iterator[Concern]:
    """What keeps deliveries from being carried, in words for whoever can do something about it and for others."""
    if report is None:
        return
    if report.missing and not operator:
        said = "Something of this Hooklake is away at the moment. Events are kept, and go out later."
        yield Concern(tone="warn", title="Deliveries are late", text=said)
        return
    for missing in report.missing:
        yield Concern(tone="bad", title=state_words.as_sentence(missing).rstrip("."), text=_remedy(missing))
    if not operator:
        return
    for warning in () if report.broker is None else report.broker.warnings:
        yield Concern(tone="warn", title="The broker may lose messages", text=state_words.as_sentence(warning))
    ahead = {each.kind: each.ahead for each in report.processes if each.ahead}
    for kind, seconds in ahead.items():
        way = "ahead of" if seconds > 0 else "behind"
        said = f"The clock of a {kind} is {wording.duration(abs(seconds))} {way} the database's: set it by NTP."
        yield Concern(tone="warn", title="A clock is wrong", text=said)
    foreign = sum(each.foreign for each in report.processes)
    if foreign:
        said = f"{foreign:,} messages named nothing of this database: give each Hooklake a broker, or a number of it, of its own."
        yield Concern(tone="warn", title="The broker is shared", text=said)


def _of_issue(issue: ListedIssue, quiet: float) -> Concern:
    title = f"{issue.webhook_name}: {issue.kind_name.lower()}" if issue.webhook_name else issue.kind_name
    others = f" {issue.others:,} more {'issue' if issue.others == 1 else 'issues'} beside it." if issue.others else ""
    over = ending(issue, quiet)
    if over.since is not None:
        # It was put right: there is nothing to do but to wait.
        return Concern(
            tone="info",
            title=f"{issue.webhook_name}: deliveries arrive again",
            text=f"Before, {issue.wrong[0].lower()}{issue.wrong[1:]}{others}",
            words="See the issue",
            path=f"/dashboard/issues/{issue.id}",
            ending=over,
        )
    return Concern(
        tone="bad" if issue.kind in _GRAVE else "warn",
        title=title,
        text=f"{issue.wrong} {issue.to_do}{others}",
        words="See the issue",
        path=f"/dashboard/issues/{issue.id}",
    )


def _of_again(aside: Iterable[SetAside], now: datetime) -> Iterator[Concern]:
    """Who knew of it may take it for over: a delivery had arrived since."""
    for each in aside:
        if each.again is not None:
            yield Concern(
                tone="info",
                title=f"{each.webhook_name}: deliveries fail again",
                text="What is known of it was set aside. Deliveries had arrived since then, and fail again: the first "
                f"{wording.ago(each.again, now)}.",
                words="See acknowledged issues",
                path="/dashboard/issues?state=acknowledged",
                again=True,
            )


def _of_aside(many: int) -> Iterator[Concern]:
    if many:
        it, are = ("it", "it is") if many == 1 else ("them", "they are")
        said = f"Somebody knows of {it}, or wants {it} back later: {are} not over."
        title = "One issue is set aside" if many == 1 else f"{many:,} issues are set aside"
        yield Concern(tone="info", title=title, text=said, words="See all issues", path="/dashboard/issues")


def _of_misfits(counts: Sequence[MisfitCount], now: datetime) -> Iterator[Concern]:
    """Types of which an event of late did not fit: whoever publishes them, or wrote the schema, has something to mend."""
    for each in counts[:TYPES]:
        warned = f"{each.warned:,} {'was' if each.warned == 1 else 'were'} taken all the same"
        rejected = f"{each.rejected:,} {'was' if each.rejected == 1 else 'were'} refused"
        said = " and ".join(text for text, many in ((warned, each.warned), (rejected, each.rejected)) if many)
        yield Concern(
            tone="warn",
            title=f"{each.friendly_name}: events do not fit its schema",
            text=f"{said.capitalize()} since the schema was changed, the last one {wording.ago(each.last_at, now)}. Mend the "
            "publisher, or give the type a schema that holds.",
            words="See what is wrong",
            path=f"/dashboard/catalogue/{type_id(each.event_type)}",
        )
    if len(counts) > TYPES:
        said = f"{len(counts) - TYPES:,} more event types have events that do not fit their schemas."
        yield Concern(
            tone="warn",
            title="More events do not fit",
            text=said,
            words="See the catalogue",
            path="/dashboard/catalogue",
        )


def _of_webhook(worst: WorstOff, now: datetime) -> Concern | None:
    path = f"/dashboard/webhooks/{worst.id}"
    reason, waits = state_words.sentence(worst.state_reason), _waits(worst, now)
    if worst.status is Status.ERROR:
        if not worst.failures:
            said = f"{state_words.UNPROVED} {reason}{waits}"
            return Concern(
                tone="bad", title=worst.name, text=said, words="See what it has to answer", path=f"{path}/handler"
            )
        halted = worst.halted_since
        lasts = "" if halted is None else f" for {wording.duration((now - halted).total_seconds())}"
        said = f"{state_words.HALTED}{lasts}. {reason}{waits} Mend the receiver, then verify it."
        return Concern(tone="bad", title=worst.name, text=said, words="Look at it", path=path)
    if worst.status is Status.WARNING and state_words.of_challenge(worst.state_reason):
        said = f"{state_words.ANSWERED_WRONGLY} {reason}{waits}"
        return Concern(
            tone="warn", title=worst.name, text=said, words="See what it has to answer", path=f"{path}/handler"
        )
    if worst.status is Status.WARNING and not worst.failures and worst.last_failure_at is not None:
        said = f"Its deliveries arrive again: the last failure was {wording.ago(worst.last_failure_at, now)}.{waits}"
        return Concern(tone="info", title=worst.name, text=said, words="Look at it", path=path)
    if worst.status is Status.WARNING:
        said = f"{state_words.FAILING_NOW} {reason}{waits}"
        return Concern(tone="warn", title=worst.name, text=said.strip(), words="See its last deliveries", path=path)
    if worst.status is Status.PENDING and waits:
        said = f"It has not answered its challenge yet. {reason}{waits}"
        return Concern(
            tone="warn", title=worst.name, text=said, words="See what it has to answer", path=f"{path}/handler"
        )
    if worst.oldest is not None and now - worst.oldest > LATE:
        said = f"It is sent to, and does not keep up.{waits}"
        return Concern(tone="warn", title=worst.name, text=said, words="Look at it", path=path)
    return None


def _waits(worst: WorstOff, now: datetime) -> str:
    if not worst.waiting:
        return ""
    things = "delivery waits" if worst.waiting == 1 else "deliveries wait"
    many = f"{'More than ' if worst.more else ''}{worst.waiting:,} {things}"
    oldest = (
        "" if worst.oldest is None else f", the oldest for {wording.duration((now - worst.oldest).total_seconds())}"
    )
    return f" {many}{oldest}."


def _remedy(missing: str) -> str:
    return next((said for word, said in _REMEDIES if word in missing), "See the runbook, deploy/README.md.")


def shown(concerns: Sequence[Concern]) -> tuple[Sequence[Concern], int]:
    """The first of them, and how many more there are."""
    return concerns[:MOST], max(0, len(concerns) - MOST)

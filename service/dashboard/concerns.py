"""What needs somebody, over all that a visitor sees: the worst first, in words, each with the one thing to do.

What of one webhook needs somebody is left to `webhook_attention.py`, how it is shown to `templates/overview`.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from delivery.judgement.breaker import Status
from delivery.reports.standing import Standing, WorstOff
from service.dashboard import wording
from service.health.carriers import CarrierReport

TONES = ("bad", "warn", "info")
#: How long what is due may wait for a webhook that is sent to before somebody is told.
LATE = timedelta(minutes=5)
#: Shown at once.
MOST = 12

#: What to do about what carriers lack, by a word of the sentence that says it.
_REMEDIES = (
    ("no worker", "Start one with `hooklake worker`; deliveries are kept until then."),
    ("beat", "Start it with `hooklake beat`; without it nothing is retried and nothing lost is found."),
    ("broker", "See that it runs and that HOOKLAKE_BROKER_URL leads to it; events are accepted and kept meanwhile."),
    ("database", "See that PostgreSQL runs and that HOOKLAKE_DATABASE_URL leads to it; nothing is accepted meanwhile."),
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


def of(standing: Standing | None, carriers: CarrierReport | None, *, operator: bool) -> list[Concern]:
    """The worst first; empty where all is well. None: it is not known, which is said elsewhere."""
    found = [*_of_carriers(carriers, operator=operator)]
    if standing is not None:
        found += [concern for worst in standing.worst if (concern := _of_webhook(worst, standing.at)) is not None]
    return sorted(found, key=lambda each: TONES.index(each.tone))


def _of_carriers(report: CarrierReport | None, *, operator: bool) -> Iterator[Concern]:
    if report is None:
        return
    if report.missing and not operator:
        said = (
            "Deliveries are late at the moment: something of this Hooklake is away. Events are kept, and go out later."
        )
        yield Concern(tone="warn", title="Deliveries are late", text=said)
        return
    for missing in report.missing:
        yield Concern(tone="bad", title=_sentence(missing), text=_remedy(missing))
    if not operator:
        return
    for warning in () if report.broker is None else report.broker.warnings:
        yield Concern(tone="warn", title="The broker may lose messages", text=_sentence(warning))
    ahead = {each.kind: each.ahead for each in report.processes if each.ahead}
    for kind, seconds in ahead.items():
        way = "ahead of" if seconds > 0 else "behind"
        said = f"The clock of a {kind} is {wording.duration(abs(seconds))} {way} the database's: set it by NTP."
        yield Concern(tone="warn", title="A clock is wrong", text=said)
    foreign = sum(each.foreign for each in report.processes)
    if foreign:
        said = f"{foreign:,} messages named nothing of this database: give each Hooklake a broker, or a number of it, of its own."
        yield Concern(tone="warn", title="The broker is shared", text=said)


def _of_webhook(worst: WorstOff, now: datetime) -> Concern | None:
    path = f"/dashboard/webhooks/{worst.id}"
    reason, waits = _sentence(worst.state_reason), _waits(worst, now)
    if worst.status is Status.ERROR:
        since = (
            "" if worst.halted_since is None else f" since {wording.ago(worst.halted_since, now)}".replace(" ago", "")
        )
        said = f"Too much failed, so it is not sent to{_for(since)}. {reason}{waits} Mend the receiver, then verify it."
        return Concern(tone="bad", title=worst.name, text=said, words="Look at it", path=path)
    if worst.status is Status.WARNING:
        said = f"Some deliveries fail, and are tried again by themselves. {reason}{waits}"
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


def _for(since: str) -> str:
    return since.replace(" since ", " for ")


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


def _sentence(text: str) -> str:
    """With a capital letter and an end; empty of nothing."""
    text = text.strip()
    return text and text[0].upper() + text[1:] + ("" if text.endswith((".", "!", "?")) else ".")


def shown(concerns: Sequence[Concern]) -> tuple[Sequence[Concern], int]:
    """The first of them, and how many more there are."""
    return concerns[:MOST], max(0, len(concerns) - MOST)

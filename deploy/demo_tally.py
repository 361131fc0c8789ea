"""The demo's books: what was published and accepted, what arrived and how often, and what that comes to.

Receiving is left to `demo_subscriber.py`, publishing to `demo_publisher.py`.
"""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from deploy.demo_subscriber import Arrival

#: Left out in what is printed, so that a line fits.
PREFIX = "com.hpe.greenlake."
#: Entries of Hooklake's own log are events of this type, as the demo's captured one is.
AUDIT = PREFIX + "audit-log.v1.logs.created"


@dataclass(kw_only=True)
class Story:
    """One event on its way."""

    type: str
    source: str
    #: Seconds of the monotonic clock, at the first try to publish it.
    published_at: float
    #: What has to arrive to the letter; None where Hooklake writes the envelope.
    expected: bytes | None = None
    #: Answered with 202.
    accepted: bool = False
    #: Times that it arrived.
    arrivals: int = 0
    #: Of those, how many the subscriber failed on purpose.
    failed: int = 0
    #: When the subscriber took it for the first time.
    landed_at: float | None = None
    #: It arrived in other words than it was sent.
    altered: bool = False


@dataclass(frozen=True, kw_only=True)
class Figures:
    """The sum of a run, as its last line has it."""

    #: Events answered with 202.
    accepted: int
    #: Of those, the ones that the subscriber verified and took.
    delivered: int
    #: Requests that were sent again because the subscriber had failed the one before on purpose.
    retried: int
    #: Requests beyond those: of events that had been taken already, or whose sender was killed.
    duplicates: int
    #: Accepted and never taken.
    lost: int

    def __str__(self) -> str:
        return " ".join(f"{name}={value}" for name, value in vars(self).items())


class Tally:
    """Written to by publishers and by the subscriber's threads; `say` prints one line."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self.stories: dict[str, Story] = {}
        #: Entries of Hooklake's own audit log.
        self.audited = 0
        #: What arrived and should not have, in words.
        self.wrong: list[str] = []
        self._say = say
        self._lock = threading.Lock()

    def published(self, event_id: str, event_type: str, source: str, *, expected: bytes | None = None) -> None:
        """An event is about to be published for the first time; ids are unique among all sources here."""
        now = time.monotonic()
        with self._lock:
            self.stories[event_id] = Story(type=event_type, source=source, published_at=now, expected=expected)

    def accepted(self, event_id: str) -> None:
        """It was answered with 202."""
        with self._lock:
            self.stories[event_id].accepted = True

    def arrived(self, arrival: Arrival) -> None:
        """A delivery reached the subscriber; prints its line."""
        with self._lock:
            story = self.stories.get(arrival.id)
            if story is None and arrival.status == 204 and arrival.type == AUDIT:
                # What the demo changes here is an audit-log event, too, once it has subscribed to them.
                self.audited += 1
                return
            if arrival.status == 401 or story is None:
                what = (
                    "a request with a wrong signature" if arrival.status == 401 else f"the unknown event {arrival.id}"
                )
                self.wrong.append(f"{what} arrived")
                return
            again = story.landed_at is not None
            story.arrivals += 1
            if arrival.status != 204:
                story.failed += 1
            elif not again:
                story.landed_at = arrival.at
            if story.expected is not None and story.expected != arrival.body:
                story.altered = True
            self._say(_line(story, arrival, again))

    def missing(self) -> list[str]:
        """Ids of the accepted events that were not taken yet."""
        with self._lock:
            return [key for key, story in self.stories.items() if story.accepted and story.landed_at is None]

    def complaints(self) -> list[str]:
        """What is wrong with the run, a sentence each; nothing where all that was published was accepted and arrived."""
        missing = self.missing()
        with self._lock:
            refused = sum(not story.accepted for story in self.stories.values())
            altered = [story.type for story in self.stories.values() if story.altered]
        sentences = [f"{refused} of the published events were not accepted."] if refused else []
        sentences += [
            f"The event {key} ({short(self.stories[key].type)}) was accepted and did not arrive." for key in missing
        ]
        sentences += [f"{event_type} arrived altered." for event_type in altered]
        return sentences + [f"{words[0].upper()}{words[1:]}." for words in self.wrong]

    def figures(self) -> Figures:
        """The sum so far."""
        with self._lock:
            accepted = [story for story in self.stories.values() if story.accepted]
            delivered = sum(story.landed_at is not None for story in accepted)
            repeats = [(max(0, story.arrivals - 1), story.failed) for story in self.stories.values()]
        return Figures(
            accepted=len(accepted),
            delivered=delivered,
            retried=sum(min(again, failed) for again, failed in repeats),
            duplicates=sum(max(0, again - failed) for again, failed in repeats),
            lost=len(accepted) - delivered,
        )

    def table(self) -> str:
        """Events and seconds from publication to landing, by type and of all."""
        waits: dict[str, list[float]] = {}
        with self._lock:
            for story in self.stories.values():
                if story.landed_at is not None:
                    waits.setdefault(story.type, []).append(story.landed_at - story.published_at)
        rows = [(short(event_type), sorted(found)) for event_type, found in sorted(waits.items())]
        rows.append(("all", sorted(wait for found in waits.values() for wait in found)))
        head = f"  {'event type':<42} {'events':>6} {'p50':>8} {'p99':>8}"
        own = (
            [f"  Beside them, entries of Hooklake's own audit log, of what was changed here: {self.audited}."]
            if self.audited
            else []
        )
        return "\n".join([head, *(_row(name, found) for name, found in rows if found), *own])


def short(event_type: str) -> str:
    """The event type without the prefix that all have in common."""
    return event_type.removeprefix(PREFIX)


def _line(story: Story, arrival: Arrival, again: bool) -> str:
    met = {204: "204 duplicate" if again else "204", 503: "503 on purpose", None: "no answer, on purpose"}
    wait = arrival.at - story.published_at
    return f"{wait:8.3f} s  {short(story.type):<42} attempt {story.arrivals}  {met[arrival.status]}"


def _row(name: str, waits: list[float]) -> str:
    return f"  {name:<42} {len(waits):>6} {_percentile(waits, 0.5):>6.3f} s {_percentile(waits, 0.99):>6.3f} s"


def _percentile(waits: list[float], share: float) -> float:
    """The nearest rank: of a single wait, that one."""
    return waits[min(len(waits) - 1, int(share * len(waits)))]

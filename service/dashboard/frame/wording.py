"""Numbers, times and states as people say them.

Where they stand on a page is left to the templates.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from delivery.reports import state_words
from subscriptions.webhooks.subscription_list import Subscription

_JSON_SCHEMA = re.compile(r"https?://json-schema\.org/(?:draft/)?(draft-0[0-9]|20[0-9]{2}-[0-9]{2})/schema#?")
#: Seconds of the units of a duration, the largest first.
UNITS = ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s"))
#: Types that a sentence names.
NAMED = 3
#: How a state is shown: its colour, its symbol in the sprite, its word.
STATES: Mapping[str, tuple[str, str, str]] = {
    # Webhooks.
    "ACTIVE": ("ok", "ok", "Active"),
    "PENDING": ("idle", "waiting", "Pending"),
    "WARNING": ("warn", "warn", "Warning"),
    "ERROR": ("bad", "bad", "Error"),
    # One word for people, whoever paused it: a person, or an answer of its destination.
    "DISABLED": ("idle", "paused", "Paused"),
    # Deliveries.
    "owed": ("idle", "waiting", "Waiting"),
    "retrying": ("warn", "again", "Retrying"),
    "parked": ("idle", "paused", "Parked"),
    "collecting": ("idle", "idle", "Collecting"),
    "bundled": ("idle", "idle", "In a batch"),
    "delivered": ("ok", "ok", "Delivered"),
    "failed": ("bad", "bad", "Failed"),
    "cancelled": ("idle", "off", "Cancelled"),
    "expired": ("idle", "off", "Expired"),
    # Attempts.
    "success": ("ok", "ok", "Success"),
    "retryable": ("warn", "again", "To be tried again"),
    "final": ("bad", "bad", "Final"),
    # Issues.
    "open": ("bad", "bad", "Open"),
    "acknowledged": ("warn", "person", "Acknowledged"),
    "snoozed": ("idle", "paused", "Snoozed"),
    "resolved": ("ok", "ok", "Resolved"),
    # Versions of event APIs and types.
    "current": ("ok", "ok", "Current"),
    "deprecated": ("warn", "warn", "Deprecated"),
    "retired": ("idle", "off", "Retired"),
    # Jobs, and the parts of the stack.
    "counting": ("idle", "waiting", "Counting"),
    "ready": ("idle", "idle", "Ready"),
    "queued": ("idle", "waiting", "Queued"),
    "running": ("info", "play", "Running"),
    "paused": ("idle", "paused", "Paused"),
    "done": ("ok", "ok", "Done"),
    "finished": ("ok", "ok", "Finished"),
    "up": ("ok", "ok", "Up"),
    "down": ("bad", "bad", "Down"),
    "late": ("warn", "warn", "Late"),
    "unknown": ("idle", "idle", "Not known"),
}


def state(name: str) -> tuple[str, str, str]:
    """Colour, symbol and word of a state; one that is not known is shown by its own name."""
    return STATES.get(name) or ("idle", "idle", str(name).replace("_", " ").capitalize())


def number(value: float) -> str:
    """12,345; fractions with at most two digits behind the point."""
    if float(value).is_integer():
        return f"{int(value):,}"
    return f"{value:,.2f}".rstrip("0").rstrip(".")


def short(value: float) -> str:
    """A number for an axis or a tile: 950, 1.2k, 34k, 5.1M."""
    for size, unit in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= size:
            return f"{value / size:.3g}{unit}"
    return number(value) if abs(value) >= 1 or value == 0 else f"{value:.2g}"


def count(value: int, capped: int | None = None) -> str:
    """A count that stopped at `capped`: "10,000+"."""
    return f"{capped:,}+" if capped is not None and value >= capped else number(value)


def percent(share: float | None) -> str:
    """0.9987 as "99.87 %", 0.2174 as "22 %"; what has no share is a dash. What is not all is never rounded up to 100."""
    if share is None:
        return "–"
    given = share * 100
    # Digits behind the point tell something near all and near nothing alone.
    digits = 0 if 1 <= given < 99 else 2
    shown = f"{given:.{digits}f}"
    shown = shown.rstrip("0").rstrip(".") if digits else shown
    if share < 1 and shown == "100":
        shown = "99.99"
    return f"{'0.01' if given > 0 and shown == '0' else shown} %"


def duration(seconds: float | None) -> str:
    """340 ms, 4.2 s, 3 min 20 s, 2 h 5 min, 3 d 4 h; a dash for None."""
    if seconds is None:
        return "–"
    if seconds < 0.9995:
        return f"{max(seconds, 0) * 1000:.0f} ms"
    if seconds < 9.95:
        return f"{seconds:.1f} s".replace(".0 s", " s")
    left = round(seconds)
    said: list[tuple[int, str]] = []
    for size, unit in UNITS:
        whole, left = divmod(left, size)
        if whole or said:
            said.append((whole, unit))
    return " ".join(f"{whole} {unit}" for whole, unit in said[:2] if whole)


def size(bytes_: int) -> str:
    """512 B, 1.2 KB, 3.4 MB."""
    if bytes_ < 1000:
        return f"{bytes_} B"
    return f"{bytes_ / 1000:.3g} KB" if bytes_ < 999_500 else f"{bytes_ / 1e6:.3g} MB"


def moment(at: datetime) -> str:
    """2026-11-28 14:03:05 UTC"""
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def stamp(at: datetime) -> str:
    """For `<time datetime>`, which takes three digits of a fraction at most (HTML 2.3.5.7)."""
    return at.isoformat(timespec="milliseconds")


def ago(at: datetime, now: datetime) -> str:
    """3 min ago, in 2 h, just now."""
    seconds = (now - at).total_seconds()
    if abs(seconds) < 1:
        return "just now"
    # One unit is enough: the moment itself stands beside it.
    said = " ".join(duration(abs(seconds) if abs(seconds) >= 10 else round(abs(seconds))).split(" ")[:2])
    return f"{said} ago" if seconds > 0 else f"in {said}"


def brief(name: str) -> str:
    """An event type as lists have it: without what nearly all of them begin with."""
    return name.removeprefix("com.hpe.greenlake.")


def dialect(name: str) -> str:
    """A schema language by its short name: of JSON Schema its draft, of others what the document says."""
    found = _JSON_SCHEMA.fullmatch(name)
    return f"JSON Schema {found[1]}" if found else name


def plain(name: str) -> str:
    """The name of a field as people write it: secondarySecret is "secondary secret"."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|_", " ", name).lower()


def unbroken(text: str) -> str:
    """A text that no line breaks within: "26 s"."""
    return text.replace(" ", "\u00a0")


FILTERS: Mapping[str, Callable[..., Any]] = {
    "state": state,
    "number": number,
    "short": short,
    "capped": count,
    "percent": percent,
    "duration": duration,
    "size": size,
    "moment": moment,
    "stamp": stamp,
    "why": state_words.sentence,
    "ago": ago,
    "brief": brief,
    "dialect": dialect,
    "plain": plain,
    "unbroken": unbroken,
}


def starving(found: Sequence[Subscription]) -> str:
    """What is said of subscriptions that get nothing."""
    named = ", ".join(f"{each.friendly_name} (version {each.version})" for each in found[:NAMED])
    more = f" and {len(found) - NAMED:,} more" if len(found) > NAMED else ""
    one = len(found) == 1
    return (
        f"{'A pinned subscription gets' if one else f'{len(found):,} pinned subscriptions get'} nothing: {named}{more}. No event "
        f"can be told to be of {'that version' if one else 'those versions'}. Choose another version, or any."
    )

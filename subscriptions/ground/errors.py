"""The family of errors that Hooklake raises on purpose; each carries facts.

Wording for people and HTTP status codes are left to `service/problems.py`.
"""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Issue:
    """One thing that is wrong with an input."""

    #: Where: a JSON path such as `data.id`, `[3].event`, a header or a query parameter.
    subject: str
    #: What is wrong there and what would be right, as one sentence.
    description: str
    #: `field`, `header` or `query.parameter`, as GreenLake's error details name them.
    source: str = "field"


class HooklakeError(Exception):
    """The root. Everything below is expected by someone; anything else is a defect."""


class Refused(HooklakeError):
    """The input breaks a rule; nothing was changed."""

    def __init__(self, *issues: Issue) -> None:
        super().__init__("; ".join(f"{issue.subject}: {issue.description}" for issue in issues))
        self.issues = issues


class Malformed(Refused):
    """The input cannot be read at all: not JSON, not UTF-8, not a CloudEvent."""


class Unprocessable(Refused):
    """The input is readable, but its shape is not the documented one (an unknown or a mistyped field)."""


class TooLarge(Refused):
    """The input is larger than a limit that the description names."""


class Conflicting(Refused):
    """The input contradicts what is already kept: an id with another occurrence, a name in use."""


class LimitReached(Refused):
    """A limit of the workspace is used up; the description names it."""


class Forbidden(Refused):
    """The caller is known, and may not do this."""


class Absent(HooklakeError):
    """What was asked for does not exist in the caller's workspace."""

    def __init__(self, kind: str, identifier: str, *, hint: str = "") -> None:
        super().__init__(f"{kind} {identifier} does not exist")
        self.kind = kind
        self.identifier = identifier
        #: Where to look instead; "" where nothing can be said.
        self.hint = hint


class Unauthorized(HooklakeError):
    """The caller could not be identified."""

    def __init__(self, message: str, *, named: bool = True) -> None:
        super().__init__(message)
        #: Whether it named itself at all.
        self.named = named


class Unmatched(HooklakeError):
    """The request holds under a condition, which does not hold; nothing was changed."""


class Unavailable(HooklakeError):
    """Something that Hooklake stands on does not answer within its bounded wait."""

    def __init__(self, dependency: str, cause: str) -> None:
        super().__init__(f"{dependency} is not available: {cause}")
        self.dependency = dependency
        self.cause = cause


class Contended(Unavailable):
    """Others held what a transaction needs, or clashed with it: nothing was changed, and made again it will go through."""


class Overloaded(Unavailable):
    """The process had too much else to do: what it asked of others may have been answered, and it did not come to hear it."""

    def __init__(self, cause: str) -> None:
        super().__init__("This process", cause)


class Busy(HooklakeError):
    """Others have all that there is of something just now; nothing was changed."""


class TooSoon(HooklakeError):
    """Whoever asks has to wait: there is a limit in time, which the message names; nothing was changed."""

    def __init__(self, message: str, *, limit: int, seconds: float) -> None:
        super().__init__(message)
        #: How many there may be at once, or in the time.
        self.limit = limit
        #: Until asking again makes sense.
        self.seconds = seconds


class Misconfigured(HooklakeError):
    """A setting is missing or wrong; raised by process roots before anything starts."""


class Sealed(HooklakeError):
    """A secret cannot be unsealed: its key is missing, or the bytes were changed."""

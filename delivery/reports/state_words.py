"""Why a webhook is not sent to, in people's words: what its `stateReason` says in the wire's literal forms (greenlake.md 1.3).

The forms are the API's; who reads a page, why a delivery waits, or an issue reads these.
"""

from delivery.judgement.breaker import DISABLED_BY, FAILING, LAST
from delivery.judgement.outcome import DISABLED
from delivery.wire.challenge import UNREACHABLE

#: How a webhook stands, wherever that is told.
UNPROVED = "It has not answered the challenge, so nothing is sent to it."
HALTED = "Too much failed, so it is not sent to"
ANSWERED_WRONGLY = "Its last challenge was not answered rightly: it is sent to all the same."
FAILING_NOW = "Some of its deliveries fail, and are tried again by themselves."

_PAUSED_BY = DISABLED_BY.partition("{")[0]
_FAILING, _LAST = FAILING + ". ", LAST.partition("{")[0]
_UNREACHABLE = UNREACHABLE.partition("{")[0]


def words(state_reason: str) -> str:
    """The reason without its literal form, for the middle of a sentence; other reasons are left as they are."""
    text = state_reason.strip().removeprefix(_UNREACHABLE)
    if text.startswith(_LAST):
        return f"the last failure: {text.removeprefix(_LAST)}"
    text = text.removeprefix(_FAILING)
    if text.startswith(_PAUSED_BY):
        # A client is told by its id, a person by the name.
        return f"paused by {text.removeprefix(_PAUSED_BY).removeprefix('user:')}"
    if text.endswith(DISABLED):
        return f"paused by its destination, which answered {text.removesuffix(DISABLED)}"
    return text


def of_challenge(state_reason: str) -> bool:
    """Whether it says what came of a challenge of a webhook that is sent to, and not of a delivery."""
    return bool(state_reason) and not state_reason.startswith(FAILING)


def sentence(state_reason: str) -> str:
    """The same as a sentence; empty of nothing."""
    return as_sentence(words(state_reason))


def as_sentence(text: str) -> str:
    """With a capital letter and an end; empty of nothing."""
    text = text.strip()
    return text and text[0].upper() + text[1:] + ("" if text.endswith((".", "!", "?")) else ".")

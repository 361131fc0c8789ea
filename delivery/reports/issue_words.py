"""Issues in words: one sentence that says what is wrong, and one thing to do, of each kind.

What leads there is left to who shows them.
"""

from collections.abc import Mapping

from delivery.issue_kinds import IssueKind
from delivery.judgement import alike
from delivery.reports import state_words

#: Of each kind its name, what is wrong, and what to do.
WORDS: Mapping[IssueKind, tuple[str, str, str]] = {
    IssueKind.STUCK: (
        "Stuck",
        "Something is owed that nobody takes: {reason}.",
        "See that workers and beat run. If they do, it is a fault of ours: the runbook names the rows (What is stuck).",
    ),
    IssueKind.GIVEN_UP: (
        "Deliveries given up",
        "Of what {webhook} was owed {given_up} given up. The last: {reason}.",
        "Mend the destination, then send them again.",
    ),
    IssueKind.HALTED: (
        "Webhook halted",
        "{webhook} failed for so long that it is halted. What is published is kept, and it is probed. {Reason}.",
        "Mend the destination, then verify the webhook: a right answer starts what was kept.",
    ),
    IssueKind.DISABLED: (
        "Webhook paused",
        "{webhook} was {reason}.",
        "Correct the destination, then resume the webhook. Unregister it if nobody listens any more.",
    ),
    IssueKind.VERIFICATION: (
        "Verification failed",
        "The destination of {webhook} has not proved itself: {reason}.",
        "See that the handler answers the challenge with the webhook's secret, then verify it.",
    ),
    IssueKind.CREDENTIALS: (
        "No token",
        "{attempts} for {webhook} went without a token: {reason}.",
        "See that the token endpoint answers and knows the client, or give the webhook other credentials.",
    ),
    IssueKind.FAILURES: (
        "Deliveries fail",
        "{attempts} for {webhook} failed{cause}.",
        "Look at the newest answer and mend the destination. What waits is tried again by itself.",
    ),
    IssueKind.BACKLOG: (
        "Backlog grows",
        "More comes for {webhook} than goes out: {reason}.",
        "Make the destination answer faster or let it grant a higher rate. Where several webhooks are behind, add workers.",
    ),
    IssueKind.CERTIFICATE: (
        "Certificate ends",
        "A certificate that {webhook} needs is near its end: {reason}.",
        "Give the webhook a new certificate.",
    ),
}

#: When what is no matter of single attempts is over.
OVER: Mapping[IssueKind, str] = {
    IssueKind.STUCK: "It resolves itself once a worker has taken them.",
    IssueKind.GIVEN_UP: "It resolves itself once all of them were sent again.",
    IssueKind.HALTED: "It resolves itself as soon as the webhook is sent to again.",
    IssueKind.DISABLED: "It resolves itself as soon as the webhook is resumed.",
    IssueKind.VERIFICATION: "It resolves itself as soon as the challenge is answered.",
    IssueKind.BACKLOG: "It resolves itself once less waits than ten minutes before.",
    IssueKind.CERTIFICATE: "It resolves itself within a quarter of an hour of a new certificate.",
}


def over(kind: IssueKind) -> str:
    """When it is over, as a sentence; of failed attempts that depends on their webhook, and it is empty."""
    return OVER.get(kind, "")


def name(kind: IssueKind) -> str:
    """The kind in two words."""
    return WORDS[kind][0]


def wrong(kind: IssueKind, *, webhook: str, said: tuple[str, str], attempts: int, given_up: int) -> str:
    """What is wrong, as a sentence; `said` are the reason that was seen last and the cause."""
    reason = state_words.words(said[0]).rstrip(".")
    began = state_words.sentence(said[0]).rstrip(".")
    return WORDS[kind][1].format(
        webhook=webhook or "a webhook that is gone",
        reason=reason,
        Reason=began,
        cause=_together(*said),
        attempts=_counted(attempts, "attempt", "attempts"),
        given_up=lost(given_up),
    )


def lost(given_up: int) -> str:
    """How many deliveries were given up, up to the verb."""
    return _counted(given_up, "delivery was", "deliveries were")


def to_do(kind: IssueKind) -> str:
    """The one thing to do."""
    return WORDS[kind][2]


def _together(reason: str, cause: str) -> str:
    """What failures came to: the sentence of all of them or, where they differ in an address or a number, the last one's."""
    said = latest(reason, cause).rstrip(".")
    return f": {said}" if said == state_words.words(cause).rstrip(".") else f". The last: {said}"


def latest(reason: str, cause: str) -> str:
    """The cause as people read it: where something varies, as it was seen last, with the address and the numbers in it."""
    return state_words.words(reason if alike.VARIES in cause and reason else cause or reason)


def _counted(many: int, one: str, more: str) -> str:
    return f"{many:,} {one if many == 1 else more}"

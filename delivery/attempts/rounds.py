"""The door for attempts, in three parts: claim, attempt, record; one round of a delivery's life.

How many run at once, and for how long outcomes wait to be written together, is left to `workers/engine.py`.
"""

from delivery.attempts.attempting import AttemptMaker
from delivery.attempts.claims import Claims
from delivery.attempts.recording import OutcomeWriter
from delivery.foundation import WiredFoundation
from delivery.judgement import breaker


class Rounds:
    """Deliveries from claim to record."""

    def __init__(self, base: WiredFoundation) -> None:
        self.claims = Claims(base)
        self.attempts = AttemptMaker(base)
        self.outcomes = OutcomeWriter(base.database, base.clock, breaker.rules(base.settings))

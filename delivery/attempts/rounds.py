"""The door for attempts, in three parts: claim, attempt, record; one round of a delivery's life.

How many run at once, and for how long outcomes wait to be written together, is left to `workers/engine.py`.
"""

from delivery.attempts.attempting import AttemptMaker
from delivery.attempts.claims import Claims
from delivery.attempts.recording import OutcomeWriter
from delivery.attempts.tools import RoundTools
from delivery.judgement import breaker


class Rounds:
    """Deliveries from claim to record."""

    def __init__(self, tools: RoundTools) -> None:
        self.claims = Claims(tools)
        self.attempts = AttemptMaker(tools)
        self.outcomes = OutcomeWriter(tools.database, tools.clock, breaker.rules(tools.settings))

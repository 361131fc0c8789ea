"""Situations that lives have to have come through: of one that never arose, the rules that are checked say nothing.

They are marked where they arise, in `world.py`, `watch.py` and `promises.py`.
"""

from enum import StrEnum


class Mark(StrEnum):
    """Which there are."""

    LATE_CHALLENGE = "a challenge answered after its webhook changed"
    LATE_VERIFICATION = "a verification answered after its webhook changed"
    HALTED_WAIT = "a wait for a send time while the webhook was halted"
    HALTED_TRY = "a try begun after its webhook was halted"
    ERASED_TRY = "a try begun after its payload was erased"
    BATCH_BESIDE_RETRY = "a batch closed while a retry waited"
    RETRIED_BATCH = "a batch tried again"
    LATE_SUCCESS = "a success recorded under an old fence"
    LATE_FAILURE = "a failure recorded under an old fence"
    LOST_TRY = "a try lost"
    PARKED_LATE = "a publication parked under a webhook that was activated meanwhile"
    REPLAYED = "a replay that has sent some again"
    REPLAY_PAUSED = "a replay paused with some left"
    REPLAY_TAKEN_OVER = "a replay taken over from a process that died"
    EARNED_PROBE = "a delivery tried since a halted webhook answered its challenge"

"""Outcomes that wait to be recorded, of each workspace how many and how many bytes: they hold slots and memory of the process.

Pure bookkeeping. Which attempts may begin beside them is asked by `slots.py`, in which order they are written by `recorder.py`.
"""

#: A workspace begins nothing while more outcomes of it wait than so many times the free slots ...
OUTCOMES = 9
#: ... or so many bytes of long answers, those included that the webhook's attempts in flight would bring.
BYTES = 4 << 20


class Unrecorded:
    """Of one process, by workspace."""

    def __init__(self) -> None:
        #: How many, and their bytes; only of workspaces that have some.
        self._waiting: dict[str, tuple[int, int]] = {}

    def add(self, workspace: str, size: int) -> None:
        """One more, with an answer of so many bytes."""
        outcomes, held = self._waiting.get(workspace, (0, 0))
        self._waiting[workspace] = outcomes + 1, held + size

    def remove(self, workspace: str, size: int) -> None:
        """It is written."""
        outcomes, held = self._waiting.pop(workspace)
        if outcomes > 1:
            self._waiting[workspace] = outcomes - 1, held - size

    def room(self, workspace: str, free: int, size: int, in_flight: int) -> int:
        """How many attempts one of its webhooks may begin, which has so many in flight and was answered `size` bytes last."""
        outcomes, held = self._waiting.get(workspace, (0, 0))
        room = OUTCOMES * free - outcomes
        if size:
            # One at least where nothing waits, however long its answers are.
            room = min(room, max(not held, (BYTES - held) // size) - in_flight)
        return room

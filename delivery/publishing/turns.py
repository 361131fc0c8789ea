"""Turns: which of the publications that wait make up the next transaction, so that no workspace waits
for another's flood (protocol.md 2.7)."""

from collections import deque
from collections.abc import Collection, Sequence


def turn(waiting: Sequence[tuple[str, int]], served: Collection[str], *, most: int, each: int) -> list[int]:
    """Places of the requests that are next, of at most `most` events in all and `each` of a workspace, in order of arrival.

    A request is (workspace, events). Workspaces take one request in turn, those that are not in `served`, which had theirs in the
    last transaction, before the others. One request goes whole, however large.
    """
    lines: dict[str, deque[int]] = {}
    for place, (workspace, _) in enumerate(waiting):
        lines.setdefault(workspace, deque()).append(place)
    order = deque(sorted(lines, key=lambda workspace: workspace in served))
    taken: list[int] = []
    size, sizes = 0, dict.fromkeys(lines, 0)
    while order:
        workspace = order.popleft()
        events = waiting[lines[workspace][0]][1]
        if taken and size + events > most:
            # It is among the first the next time; smaller ones of others need not wait for that.
            continue
        if sizes[workspace] and sizes[workspace] + events > each:
            continue
        taken.append(lines[workspace].popleft())
        size, sizes[workspace] = size + events, sizes[workspace] + events
        if lines[workspace]:
            order.append(workspace)
    return sorted(taken)

"""What the clock starts, and how often: every job here is safe to run twice.

What the jobs do is left to `tasks.py`; sending them in time, to Celery beat.
"""

from typing import Any

from workers.settings import WorkerSettings

HOUR = 3600.0
#: Seconds after which an entry of the audit log is published, at most.
AUDITED = 5.0

# The queues, by what waits in them: a flood of one kind does not hold up another.
TICKETS = "hooklake.tickets"
DRAINS = "hooklake.drains"
# The name by which brokers of running stacks have it.
JOBS = "hooklake.errands"
CLOCK = "hooklake.clock"
QUEUES = (TICKETS, DRAINS, JOBS, CLOCK)

# The tasks, by the name that their messages carry.
DELIVER = "hooklake.deliver"
DRAIN = "hooklake.drain"
CARRY = "hooklake.carry"
SWEEP = "hooklake.sweep"
MEND = "hooklake.mend"
PARTITION = "hooklake.partition"
PRUNE = "hooklake.prune"
COUNT = "hooklake.count"
AUDIT = "hooklake.audit"

ROUTES = {
    DELIVER: {"queue": TICKETS},
    DRAIN: {"queue": DRAINS},
    CARRY: {"queue": JOBS},
    SWEEP: {"queue": CLOCK},
    MEND: {"queue": CLOCK},
    PARTITION: {"queue": CLOCK},
    PRUNE: {"queue": CLOCK},
    COUNT: {"queue": CLOCK},
    AUDIT: {"queue": CLOCK},
}


def beats(settings: WorkerSettings) -> dict[str, dict[str, Any]]:
    """Celery's beat schedule: the seconds from one message of a task to the next."""
    every = {
        SWEEP: settings.sweep_interval,
        MEND: settings.mend_interval,
        PARTITION: HOUR,
        PRUNE: HOUR / 4,
        COUNT: settings.count_interval,
        AUDIT: AUDITED,
    }
    return {task: {"task": task, "schedule": seconds} for task, seconds in every.items()}

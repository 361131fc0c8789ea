"""What can be set about the carriers: the broker, how much one process holds at once, and the clock's beats.

Reading them is left to process roots (`subscriptions.ground.settings.read`).
"""

import msgspec

from subscriptions.ground.discreet import Discreet


class WorkerSettings(Discreet, msgspec.Struct, frozen=True, kw_only=True):
    """Durations are seconds."""

    #: `redis://`, `rediss://` or `amqp://` (RabbitMQ); it carries tickets only and may be emptied at any time.
    broker_url: str
    #: The longest wait for the broker before it counts as away.
    broker_wait: float = 3.0
    #: Attempts that one worker process has in flight at most.
    in_flight: int = 500
    #: Attempts that one worker process has in flight to one webhook at most; fewer while it does not answer, or slots are short.
    in_flight_per_webhook: int = 64
    #: Between two attempts of one worker process to a destination host that has not answered it 2xx yet; 0: no limit.
    crawl_interval: float = 1.0
    #: How long tickets wait in a worker for a free slot before they are dropped; their rows stay due.
    admission_wait: float = 1.0
    #: Tickets in one message at most.
    tickets_per_message: int = 200
    #: While the broker holds more tickets than this, publications announce none and leave theirs to the sweep.
    tickets_waiting: int = 2000
    #: How long outcomes wait for others to be recorded with.
    record_window: float = 0.05
    #: How long a stopping worker waits for attempts in flight.
    shutdown_grace: float = 20.0
    #: Between two sweeps for due deliveries.
    sweep_interval: float = 0.5
    #: Between two slow sweeps for what races left behind.
    mend_interval: float = 60.0
    #: Between two foldings of what was counted into minutes, hours and days, each with a sample of what waits.
    count_interval: float = 10.0

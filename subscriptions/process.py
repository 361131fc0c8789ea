"""What every long-lived process of ours asks of Python once: how rarely garbage is sought.

How its log is written is left to `logs.py`.
"""

import gc

#: New objects that may be part of cycles until the youngest are looked through, and how many times as many until the older
#: ones are. Python's 700 cost a tenth of a worker's time: each delivery makes hundreds that live until its record.
YOUNG, MIDDLE, OLD = 50_000, 20, 20


def collect_rarely() -> None:
    """What exists by now is looked at no more, what comes later seldom; to be called once a process is complete."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG, MIDDLE, OLD)

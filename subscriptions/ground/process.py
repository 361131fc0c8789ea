"""What every long-lived process of ours asks of Python and the system once: how rarely garbage is sought, how many files it may
have open.

How its log is written is left to `logs.py`.
"""

import gc
import os
import resource
import secrets
import socket

#: New objects that may be part of cycles until the youngest are looked through, and how many times as many until the older
#: ones are. Python's 700 cost a tenth of a worker's time: each delivery makes hundreds that live until its record.
YOUNG, MIDDLE, OLD = 50_000, 20, 20
#: File descriptors of a worker beside those of its destinations: logs, its loop, the database, name servers.
OWN_FILES = 100

#: What it is called where processes are told apart: in containers all have one id, and some share a host name.
NAME = f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"


def collect_rarely() -> None:
    """What exists by now is looked at no more, what comes later seldom; to be called once a process is complete."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG, MIDDLE, OLD)


def room(files: int) -> int:
    """Asks for so many file descriptors, as far as the system allows; answers how many there are then.

    Many systems begin with 256 or 1024.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= files:
        return files
    allowed = files if hard == resource.RLIM_INFINITY else min(files, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))
    return allowed

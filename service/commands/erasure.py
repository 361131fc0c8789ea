"""The command that erases payloads: of one event, or of all that a workspace has published.

What is erased is left to `delivery/upkeep/erasure.py`, how commands are told apart to `cli.py`.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from delivery.assembly import StoreAssembly
from service.commands.running import command, uuid, with_database


def declare(commands: Any) -> None:
    """Adds `erase` to the commands of a parser."""
    words = "erase bodies, headers and answers of events; their metadata stay"
    which = command(commands, "erase", erase, words).add_mutually_exclusive_group(required=True)
    which.add_argument("--event", type=uuid, help="the id that Hooklake made: the webhook-id of its deliveries")
    which.add_argument("--workspace", help="all that it has published up to now; workers carry it out")


def erase(arguments: Any, environ: Mapping[str, str]) -> None:
    """Says what was done; raises Absent for an event that is not there, Refused for what is no workspace."""

    async def erased(stores: StoreAssembly, now: datetime) -> None:
        stores.clock.follow(now)
        erasure = stores.erasure
        if arguments.event is not None:
            await erasure.event(arguments.event)
            print(f"erased: event {arguments.event}")
        else:
            job = await erasure.workspace(arguments.workspace)
            print(f"written down for the workers: job {job}")

    with_database(environ, erased)

"""The vault's command and the check before an API process starts: what is sealed here, and with which keys.

How sealing is done is left to `subscriptions/key_rotation.py`, how commands are told apart to `cli.py`.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from delivery import assembly
from delivery.assembly import StoreAssembly
from service.commands.running import command, with_database
from subscriptions import key_rotation
from subscriptions.ground import schema
from subscriptions.ground.errors import Misconfigured, Sealed, Unavailable
from subscriptions.ground.settings import GroundSettings
from subscriptions.ground.vault import SETTING


def declare(commands: Any) -> None:
    """Adds `vault` to the commands of a parser."""
    vault = commands.add_parser("vault", help="the keys that secrets are sealed with").add_subparsers(required=True)
    command(vault, "reseal", reseal, f"seal all secrets with the first key of {SETTING}, while everything runs")
    lost = command(vault, "forget", forget, "empty what a key that is lost for good has sealed")
    lost.add_argument("key", help="its id")


def reseal(_arguments: Any, environ: Mapping[str, str]) -> None:
    """Prints how many texts were sealed again, and how many each key has sealed now; raises Sealed where some stay shut."""

    async def rotate(stores: StoreAssembly, _now: datetime) -> None:
        vault = stores.base.vault
        done = await key_rotation.reseal(stores.database, vault)
        print(f"sealed again with {vault.sealing}: {done.resealed}")
        for key_id, texts in done.in_use.items():
            print(f"in use: {key_id} ({texts})")
        for key_id in sorted(vault.ids - done.in_use.keys() - {vault.sealing}):
            print(f"no longer in use: {key_id}")
        if done.shut:
            raise Sealed(f"{len(done.shut)} cannot be unsealed, the first of them: {done.shut[0]}")

    with_database(environ, rotate, sealing=True)


def forget(arguments: Any, environ: Mapping[str, str]) -> None:
    """Prints how many texts were emptied; raises Misconfigured for a key that is at hand, and for one that has sealed none."""

    async def empty(stores: StoreAssembly, _now: datetime) -> None:
        if arguments.key in stores.base.vault.ids:
            raise Misconfigured(f"the key {arguments.key} is in {SETTING}, and so is not lost")
        emptied = await key_rotation.forget(stores.database, arguments.key)
        if not emptied:
            async with stores.database.raw() as connection:
                known = ", ".join(await key_rotation.in_use(connection)) or "none"
            raise Misconfigured(f"no secret is sealed with a key {arguments.key}; in use: {known}")
        print(f"emptied: {emptied}")

    with_database(environ, empty, sealing=True)


async def check(settings: GroundSettings) -> None:
    """Raises Misconfigured where something is sealed that this process could not unseal.

    What it sealed itself would be lost on the others. Where PostgreSQL is away or not migrated nothing is known; the
    process starts, and `/health/ready` tells the rest.
    """
    stores = assembly.stores(settings)
    _ = stores.base.vault  # read before the database is asked
    try:
        if not (await schema.look(stores.database)).serves:
            return
        missing = await stores.missing_keys(*key_rotation.SHELVES)
    except Unavailable:
        return
    finally:
        await stores.close()
    if missing:
        raise Misconfigured(
            f"{SETTING} lacks, or has others of, the keys that secrets are sealed with: {', '.join(missing)}"
        )

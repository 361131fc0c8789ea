"""The event type that somebody probably meant, for one that is not in the catalogue.

That it is not there is found by whoever asks.
"""

import difflib
from collections.abc import Collection

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from subscriptions.ground.tables import event_types

#: Types that are compared: neighbours in the alphabet on either side, and those that end alike. However long the catalogue
#: is, a wrong name costs some milliseconds.
BESIDE, ALIKE = 25, 50
#: Longer names are nobody's slip.
LONGEST = 200
#: How alike two names have to be, from 0 to 1.
CUTOFF = 0.7


async def nearest(connection: AsyncConnection, wanted: str) -> str | None:
    """The live type whose name is most like the wanted one; None where none is."""
    if len(wanted) > LONGEST or "\0" in wanted:
        return None
    name = event_types.c.type
    live = select(name).where(event_types.c.retired_at.is_(None))
    tail = "." + wanted.rpartition(".")[2]
    asked = (
        live.where(name > wanted).order_by(name).limit(BESIDE),
        live.where(name < wanted).order_by(name.desc()).limit(BESIDE),
        live.where(name.endswith(tail, autoescape=True)).order_by(name).limit(ALIKE),
    )
    known = {each for statement in asked for each in await connection.scalars(statement)}
    return next(iter(difflib.get_close_matches(wanted, sorted(known), n=1, cutoff=CUTOFF)), None)


async def retired(connection: AsyncConnection, wanted: Collection[str]) -> dict[str, str]:
    """Those of the wanted types that were retired, each with a sentence that says so, and who can change it."""
    table = event_types
    stood = select(table.c.type, table.c.workspace_id).where(table.c.type.in_(wanted), table.c.retired_at.is_not(None))
    return {
        row.type: f"event type {row.type} was retired; {whose(row.workspace_id)} may register it again"
        for row in await connection.execute(stood)
    }


def whose(workspace_id: str | None) -> str:
    """Who may change a type that belongs to this workspace; None: to operators."""
    return "operators" if workspace_id is None else "the workspace that registered it, and operators,"

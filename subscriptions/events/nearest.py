"""The event type that somebody probably meant, for one that is not in the catalogue.

That it is not there is found by whoever asks.
"""

import difflib

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

"""Origins: the scheme, host and port that a URL leads to; a credential is given for some, and goes to no other.

Sealing for them is left to `webhook_store.py`, whether a destination has proved itself to `delivery/verification/challenges.py`.
The rule is greenlake.md 4.3.
"""

from collections.abc import Mapping
from uuid import UUID

from subscriptions.ground.url_origins import host, origin, same

__all__ = ["BOUND", "host", "left_behind", "origin", "places", "same"]

#: The columns of URLs whose origins get to see each credential, or the token that it buys.
BOUND: Mapping[str, tuple[str, ...]] = {"api_key": ("destination",), "client_secret": ("issuer_url", "destination")}


def left_behind(kept: Mapping[str, str], given: Mapping[str, str | bool], needed: tuple[str, ...]) -> dict[str, str]:
    """What is wrong with a change that leads to another origin and does not bring the credential, by its column.

    `kept`: the URLs as they are, by column; `needed`: the credentials of the authType. One that is kept would go to a place that
    it was not given for.
    """
    faults: dict[str, str] = {}
    for credential in (each for each in needed if each in BOUND and each not in given):
        for column in (each for each in BOUND[credential] if given.get(each)):
            before, after = kept[column], str(given[column])
            if not same(before, after):
                faults[credential] = (
                    f"has to be given again: what is kept was given for {origin(before)}, and {origin(after)} would get it"
                )
    return faults


def places(webhook_id: UUID, column: str, urls: Mapping[str, str]) -> tuple[bytes, ...]:
    """What the sealed text in a webhook's column is bound to; `urls` are its destination and `issuer_url`.

    Of credentials their origins are a part; what was sealed before that was so is bound to the last of the answered.
    """
    plain = f"webhook:{webhook_id}:{column}"
    if column not in BOUND:
        return (plain.encode(),)
    bound = " ".join([plain, *(origin(urls[each]) for each in BOUND[column])])
    return bound.encode(), plain.encode()

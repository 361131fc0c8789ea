"""The version of an event type that a subscription understands: which of its events are of it.

What versions there are is said by event APIs (`subscriptions/catalogue/`); how a pin is asked of an event, by `matching.py`.
"""

from collections.abc import Mapping, Sequence

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from subscriptions.catalogue import deprecation, type_rows
from subscriptions.ground.errors import Issue, Refused
from subscriptions.webhooks.subscription_list import SubscriptionRequest

#: Versions that a refusal names.
_NAMED = 10


async def filters(
    connection: AsyncConnection, requests: Sequence[SubscriptionRequest]
) -> Mapping[tuple[str, str], str]:
    """By type and version, the `version_filter` of the subscriptions that pin one.

    Raises Refused for a version that nobody described, and for one whose events cannot be told from those of others.
    """
    pinned = [each for each in requests if each.version]
    if not pinned:
        return {}
    known = await type_rows.versions(connection, {each.event_type for each in pinned})
    found: dict[tuple[str, str], str] = {}
    issues = []
    for each in pinned:
        versions = known.get(each.event_type, [])
        named = sorted({one.version for one in versions})
        if each.version not in named:
            said = (
                f"the versions of {each.event_type} are {', '.join(named[:_NAMED])}" if named else "it has no versions"
            )
            issues.append(
                Issue(subject=f"{each.at}version", description=f"{each.version[:60]!r} is none of its: {said}")
            )
            continue
        accepted = deprecation.accepted(versions, each.version)
        if not accepted:
            said = f"the version {each.version} says no dataschema, so that its events cannot be told from the current version's"
            issues.append(Issue(subject=f"{each.at}version", description=said))
        found[each.event_type, each.version] = msgspec.json.encode(accepted).decode()
    if issues:
        raise Refused(*issues)
    return found

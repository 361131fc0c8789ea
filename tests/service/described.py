"""The shipped catalogues as a deployment has them that has switched all of them on."""

from service.services import Services
from subscriptions.catalogue.builtin.shipped import CATALOGUES, shipped
from subscriptions.catalogue.builtin.switching import switch_on


async def described(services: Services) -> None:
    """All shipped types, each version as it is shipped."""
    every = [shipped(each) for each in CATALOGUES]
    await switch_on(services.database, services.event_apis, every, now=services.clock())

"""Types that nothing can be published under, each with the reason and what to do.

Who publishes is left to the doors; what the catalogue has, to `subscriptions/events/event_types.py`.
"""

from service.api.catalogue import ITSELF
from service.services import Services
from subscriptions.catalogue.builtin import shipped
from subscriptions.events import catalogue

REGISTER = "register it with POST /events/v1beta1/event-types"


async def found(services: Services, types: set[str]) -> dict[str, str]:
    """Those of the types that nothing can be published under, each with a sentence."""
    prefix = services.ground.type_prefix
    wrong = {each: f"{each} is a type that {ITSELF}" for each in types if catalogue.reserved(each, prefix=prefix)}
    unknown = await services.types.unknown(types - wrong.keys() if wrong else types)
    if unknown:
        wrong |= await services.types.retired(unknown)
        said = {each: shipped.known_elsewhere(each, prefix=prefix) for each in unknown - wrong.keys()}
        wrong |= {each: sentence for each, sentence in said.items() if sentence}
    for index, each in enumerate(sorted(unknown - wrong.keys()) if unknown else ()):
        # Of several the first: they mostly share their slip.
        meant = None if index else await services.types.meant(each)
        what = REGISTER if meant is None else f"did you mean {meant}? If not, {REGISTER}"
        wrong[each] = f"event type {each} is not in the catalogue; {what}"
    return wrong

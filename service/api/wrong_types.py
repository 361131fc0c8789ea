"""Types that nothing can be published under, each with the reason and what to do.

Who publishes is left to the doors; what the catalogue has, to `subscriptions/events/event_types.py`.
"""

from service.api.catalogue import ITSELF
from service.services import Services
from subscriptions.catalogue.builtin import shipped
from subscriptions.events import catalogue

REGISTER = "register it with POST /events/v1beta1/event-types"
SWITCHED_OFF = (
    "event type {type} is of the shipped catalogue `{name}`, which this deployment has not switched on; {what}"
)
SWITCH_ON = f"add it to HOOKLAKE_CATALOGUES, or {REGISTER}"


async def found(services: Services, types: set[str]) -> dict[str, str]:
    """Those of the types that nothing can be published under, each with a sentence."""
    prefix = services.ground.type_prefix
    wrong = {each: f"{each} is a type that {ITSELF}" for each in types if catalogue.reserved(each, prefix=prefix)}
    unknown = await services.types.unknown(types - wrong.keys() if wrong else types)
    if unknown:
        wrong |= await services.types.retired(unknown)
        said = {each: _known_elsewhere(services, each) for each in unknown - wrong.keys()}
        wrong |= {each: sentence for each, sentence in said.items() if sentence}
    for index, each in enumerate(sorted(unknown - wrong.keys()) if unknown else ()):
        # Of several the first: they mostly share their slip.
        meant = None if index else await services.types.meant(each)
        what = REGISTER if meant is None else f"did you mean {meant}? If not, {REGISTER}"
        wrong[each] = f"event type {each} is not in the catalogue; {what}"
    return wrong


def _known_elsewhere(services: Services, event_type: str) -> str | None:
    """What to do with a type under another spelling, or of a catalogue that could be switched on."""
    prefix = services.ground.type_prefix
    name = shipped.catalogue_of(event_type, prefix=prefix)
    if name is None or name in services.ground.catalogues:
        return catalogue.misspelt(event_type, prefix=prefix)
    return SWITCHED_OFF.format(type=event_type, name=name, what=SWITCH_ON)

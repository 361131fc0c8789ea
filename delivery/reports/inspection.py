"""The door to deliveries and events as people look at them: found by filters, and shown one by one."""

from delivery.foundation import Foundation
from delivery.reports.delivery_search import Deliveries
from delivery.reports.event_search import Events
from delivery.reports.one_delivery import DeliveryDetails
from delivery.reports.one_event import EventDetails


class Inspection:
    """Reads what became of events; what is asked for a workspace is answered of it alone."""

    def __init__(self, base: Foundation) -> None:
        #: Finds deliveries.
        self.deliveries = Deliveries(base.database)
        #: Finds events.
        self.events = Events(base.database)
        #: Reads one delivery.
        self.delivery = DeliveryDetails(base.database, base.clock, base.webhook_store)
        #: Reads one event, with who it went to and who not.
        self.event = EventDetails(base.database, steps=base.settings.filter_steps)

"""The ground: catalogue, events, who wants what, and the database it all stands on.

Reading order: events, catalogue, codec, registry, journal, access.
"""

"""The ground: catalogue, events, who wants what, and the database it stands on. Reading order: events, catalogue, codec, matching, registry, journal, access."""

"""Events: how they are typed, vetted, read and written, and the catalogue of their types.

Reading order: occurrences, event, cloudevent, http_binding, journal.
"""

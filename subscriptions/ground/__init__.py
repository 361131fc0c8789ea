"""What everything stands on: settings, errors, clock, vault, and the database with its tables.

Reading order: settings, errors, database, tables.
"""

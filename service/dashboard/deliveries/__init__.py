"""Deliveries, events, saved views and replays."""

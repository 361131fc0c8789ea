"""Webhooks from registration to removal, and how destinations prove themselves.

Reading order: webhook_lifecycle, greetings, challenges, settling, probes, system_webhooks.
"""

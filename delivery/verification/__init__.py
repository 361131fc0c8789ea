"""Webhooks from registration to removal, and how destinations prove themselves.

Reading order: webhook_lifecycle, challenge_jobs, challenges, verdicts, probes, system_webhooks.
"""

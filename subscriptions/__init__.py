"""What everything stands on, events, who wants them, and who may call.

Reading order: ground, events, webhooks, access.
"""

"""Who wants which events, and where they go.

Reading order: webhook, webhook_store, subscription_store, matching.
"""

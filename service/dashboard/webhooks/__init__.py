"""The list of webhooks, one webhook, and what can be done with it."""

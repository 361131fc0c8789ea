"""SQL of what is taken for sending. Reading order: claiming, drains, paces."""

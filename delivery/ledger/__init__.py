"""The SQL of what is owed. Reading order: owing, claims, records, webhooks, jobs, upkeep."""

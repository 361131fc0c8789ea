"""The SQL of what is owed. Reading order: owing, claims, drains, records, health, jobs, sweeps."""

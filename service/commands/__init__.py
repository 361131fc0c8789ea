"""What `hooklake` does beside starting processes. Reading order: clients, vault, erasure."""

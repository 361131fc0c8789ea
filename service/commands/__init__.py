"""What `hooklake` does beside starting processes. Reading order: running, clients, people, vault, erasure."""

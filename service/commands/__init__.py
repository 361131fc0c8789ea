"""What `hooklake` does beside starting processes. Reading order: clients, people, vault, erasure."""

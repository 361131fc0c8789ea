"""The clock's work, work in chunks, and erasure. Reading order: sweeping, jobs, erasure."""

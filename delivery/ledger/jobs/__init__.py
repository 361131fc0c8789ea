"""SQL of work in chunks: rows with a fence and a lease. Reading order: job_rows, erasures."""

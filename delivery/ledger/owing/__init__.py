"""SQL of what comes to be owed: deliveries, batches, what is parked. Reading order: deliveries, batches."""

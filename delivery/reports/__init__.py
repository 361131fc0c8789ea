"""What became of events and deliveries, for those who ask. Reading order: recent_deliveries, traces."""

"""SQL of a webhook's status, pace and brakes. Reading order: status, rate_limits."""

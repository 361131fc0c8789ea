"""How much callers may ask for. Reading order: request_quota, publish_quota, throttle."""

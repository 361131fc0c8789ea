"""Whether this process can serve, and whether deliveries are carried. Reading order: readiness, carriers."""

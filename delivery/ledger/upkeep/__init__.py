"""SQL of the clock's work. Reading order: sweeps, retention."""

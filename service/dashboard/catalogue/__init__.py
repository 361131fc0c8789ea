"""Event types, and test events."""

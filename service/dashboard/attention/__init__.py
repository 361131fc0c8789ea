"""What asks for somebody: the overview, its concerns, and issues."""

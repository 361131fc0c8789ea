"""What an attempt came to and what follows from it: values and pure functions, no clock, no wire, no table."""

"""Event filters, from their text to a closure. Reading order: lexer, grammar, event_filter."""

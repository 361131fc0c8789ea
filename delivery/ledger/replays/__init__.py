"""SQL of deliveries that are sent again many at a time. Reading order: replay_rows, finding, turns, opening, settling."""

"""JSON Schema: schemas vetted, payloads judged."""

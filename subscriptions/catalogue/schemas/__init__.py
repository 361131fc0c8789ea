"""JSON Schema: schemas vetted and compared, payloads judged.

jsonschema-rs is known in `compiling.py`, `patterns.py` and `shipped.py` alone.
"""

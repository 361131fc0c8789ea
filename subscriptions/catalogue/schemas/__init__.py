"""JSON Schema: schemas vetted and compared, payloads judged.

jsonschema-rs is known in `compiling.py` and `shipped.py` alone.
"""

"""The catalogue of event APIs: documents that describe event types, and the schemas of their payloads.

Reading order: asyncapi, schemas.
"""

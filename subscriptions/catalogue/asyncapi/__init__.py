"""AsyncAPI documents, from text to the events that they describe.

Reading order: document, messages, naming, references, official, sources, yaml_text.
"""

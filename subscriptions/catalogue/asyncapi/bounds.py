"""How much of a document is taken: it is somebody's text, and costs more to understand than to send."""

from subscriptions.ground.errors import Issue, TooLarge

#: Bytes of a document.
MAX_BYTES = 1024 * 1024
#: Containers within containers, aliases followed.
MAX_DEPTH = 64
#: Values of a document, whatever an alias stands for counted each time.
MAX_NODES = 200_000
#: Values that are written out in a document in YAML, which takes ten times as long to read.
MAX_YAML_NODES = 60_000
#: Aliases of a YAML document, those within what an alias stands for counted each time.
MAX_ALIASES = 10_000
#: Values of one schema with all that it refers to.
MAX_SCHEMA_NODES = 10_000
#: Bytes of one schema as JSON with all that it refers to.
MAX_SCHEMA_BYTES = 1024 * 1024
#: Bytes of all that a document says of its events, what several of them refer to counted for each.
MAX_TOLD = 16 * 1024 * 1024
#: Messages of a document, in every channel that they are sent to.
MAX_MESSAGES = 10_000
#: Faults of a document that are told at once.
MAX_ISSUES = 20


def refuse(pointer: str, what: str, most: int) -> TooLarge:
    """The refusal of more than `most` of something at a place."""
    return TooLarge(
        Issue(subject=pointer or "/", description=f"more than {most:,} {what}, which are the most that are read")
    )

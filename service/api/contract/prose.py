"""What the description says in sentences: for `info.description`, and so for the head of the page.

The sentences stand in `notes.md`; single operations and fields say theirs where they stand.
"""

import re
from importlib import resources

TITLE = "Hooklake"
SUMMARY = "Webhook delivery in the wire protocol of HPE GreenLake."

_LIST_GOES_ON = re.compile(r"\n  (?=\S)")


def description() -> str:
    """All of it as Markdown."""
    return (resources.files("service.api") / "contract" / "notes.md").read_text(encoding="utf-8")


def notes() -> list[tuple[str, str]]:
    """Heading and text of each part; of a list, every item is one line that begins with `- `."""
    parts = description().split("## ")[1:]
    return [
        (heading, _LIST_GOES_ON.sub(" ", text.strip()))
        for heading, _, text in (part.partition("\n\n") for part in parts)
    ]

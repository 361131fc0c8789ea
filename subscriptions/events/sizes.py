"""The length of what is sent, looked at before anything is made of it: what is taken apart only to be refused costs time.

How long what has been made of it may be is left to `event.py`.
"""

from subscriptions.ground.errors import Issue, TooLarge


def bounded(size: int, longest: int | None, *, root: str = "body") -> None:
    """Raises TooLarge, with `root` as its subject, for more than `longest` bytes (None: any number)."""
    if longest is not None and size > longest:
        raise TooLarge(Issue(subject=root, description=f"has {size} bytes as it was sent; at most {longest} are taken"))

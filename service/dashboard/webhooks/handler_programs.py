"""Handlers to copy: whole programs in four languages that answer a challenge and check signatures, with the standard library.

They stand in `handlers`; a test runs each of them. Where they are shown is left to `webhook_handler.py`.
"""

import re
from dataclasses import dataclass
from functools import cache
from importlib import resources
from urllib.parse import urlsplit

#: How a program is called in a list, and the file that it is saved as.
LANGUAGES = (
    ("python", "Python", "handler.py"),
    ("node", "JavaScript (Node)", "handler.mjs"),
    ("go", "Go", "handler.go"),
    ("java", "Java", "Handler.java"),
)
#: What stands in the files, and is put in its place for a webhook.
VARIABLE, PORT = "WEBHOOK_SECRET", 9000


@dataclass(frozen=True, kw_only=True)
class HandlerProgram:
    """A handler for one webhook in one language."""

    #: The name of its file here.
    language: str
    title: str
    file: str
    text: str


def programs(name: str, destination: str) -> list[HandlerProgram]:
    """The handlers of a webhook: its secret is read from a variable of its own, and it listens at the destination's port."""
    port = _port(destination)
    return [
        HandlerProgram(language=language, title=title, file=file, text=_written(language, variable(name), port))
        for language, title, file in LANGUAGES
    ]


def variable(name: str) -> str:
    """The environment's variable for the secret of a webhook of this name."""
    plain = re.sub(r"[^A-Z0-9]+", "_", name.upper()).strip("_")
    return f"{plain}_SECRET" if plain[:1].isalpha() else VARIABLE


def _port(destination: str) -> int:
    """The destination's, where it is not that of a proxy in front of it."""
    try:
        return urlsplit(destination).port or PORT
    except ValueError:
        return PORT


def _written(language: str, named: str, port: int) -> str:
    return _text(language).replace(VARIABLE, named).replace(str(PORT), str(port))


@cache
def _text(language: str) -> str:
    return (resources.files(__package__) / "handlers" / f"{language}.txt").read_text(encoding="utf-8")

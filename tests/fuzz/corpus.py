"""The inputs that are kept: one file each, as they are, in a folder for each target.

Those with a name were written by hand; those named by a digest were found.
"""

import hashlib
from pathlib import Path

FOLDER = Path(__file__).with_name("corpus")


def files(target: str) -> list[Path]:
    """The target's inputs, in order of their names."""
    return sorted((FOLDER / target).glob("*.txt"))


def inputs(target: str) -> list[bytes]:
    return [file.read_bytes() for file in files(target)]


def keep(target: str, found: bytes) -> Path:
    """Writes an input to the target's folder."""
    folder = FOLDER / target
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"{hashlib.sha256(found).hexdigest()[:12]}.txt"
    file.write_bytes(found)
    return file

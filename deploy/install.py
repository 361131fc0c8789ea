"""Installs what requirements.lock has with pip, and says meanwhile which package it is at; a script of its own.

Nothing but the standard library: it runs before anything is installed.
"""

import re
import subprocess
import sys
from collections.abc import Iterator

PIP = (
    "-m",
    "pip",
    "install",
    "--disable-pip-version-check",
    "--no-input",
    "--progress-bar",
    "off",
    "--require-hashes",
    "-r",
)
#: What pip says when it comes to a package, and when it has all of them.
COMES_TO = re.compile(r"(?:Collecting|Requirement already satisfied:) ([\w.-]+)(?:==(\S+))?")
LAST = "Installing collected packages"
#: Packages between two lines where nobody watches a terminal.
STEP = 20


def main(lock: str) -> int:
    """pip's exit status; what it says of an error goes to standard error as it is."""
    with open(lock) as file:
        total = len(re.findall(r"^[\w.-]+==", file.read(), re.MULTILINE))
    process = subprocess.Popen((sys.executable, *PIP, lock), stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    for line in progress(process.stdout, total, watched=sys.stdout.isatty()):
        print(line, end="", flush=True)
    return process.wait()


def progress(lines: Iterator[str], total: int, *, watched: bool) -> Iterator[str]:
    """What to print: on a terminal one line that is written over, else a line now and then."""
    count = 0
    for line in lines:
        if found := COMES_TO.match(line):
            count += 1
            text = f"  {count} of up to {total}: {found[1]} {found[2] or ''}".rstrip()
            if watched:
                yield f"\r\x1b[K{text}"
            elif count % STEP == 0:
                yield f"{text}\n"
        elif line.startswith(LAST):
            text = f"  all {count} are here, and are being unpacked"
            yield f"\r\x1b[K{text}\n" if watched else f"{text}\n"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))

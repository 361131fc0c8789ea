"""What the installation says while it goes on, and that its failure is pip's."""

import subprocess
import sys
from pathlib import Path

from deploy import install

SAID = [
    "Collecting alembic==1.20.1 (from -r requirements.lock (line 2))\n",
    "  Downloading alembic-1.20.1-py3-none-any.whl (250 kB)\n",
    "Requirement already satisfied: idna==3.20 in somewhere\n",
    "Installing collected packages: idna, alembic\n",
]


def test_a_terminal_shows_where_it_is() -> None:
    """One line, written over, and one when all is there."""
    told = list(install.progress(iter(SAID), 9, watched=True))

    assert told == [
        "\r\x1b[K  1 of up to 9: alembic 1.20.1",
        "\r\x1b[K  2 of up to 9: idna 3.20",
        "\r\x1b[K  all 2 are here, and are being unpacked\n",
    ]


def test_a_log_gets_a_line_now_and_then() -> None:
    """Not one per package."""
    told = list(install.progress(iter(SAID[:1] * 40), 40, watched=False))

    assert told == ["  20 of up to 40: alembic 1.20.1\n", "  40 of up to 40: alembic 1.20.1\n"]


def test_a_package_that_is_not_what_was_locked(tmp_path: Path) -> None:
    """pip's own words, and a status that ends `make`."""
    lock = tmp_path / "requirements.lock"
    lock.write_text(
        "no-such-package @ file:///nowhere/no_such_package-1-py3-none-any.whl --hash=sha256:" + "0" * 64 + "\n"
    )

    done = subprocess.run([sys.executable, install.__file__, lock], capture_output=True, text=True, check=False)

    assert done.returncode != 0
    assert "ERROR" in done.stderr

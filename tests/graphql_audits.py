"""The GraphQL Foundation's audits of servers, run by node. They are installed from npm once, into a folder of their own."""

import json
import shutil
import subprocess
import tempfile
from functools import cache
from pathlib import Path

import pytest

AUDITS = ("graphql-http@1.23.1", "graphql@16.11.0")
_FOLDER = Path(tempfile.gettempdir()) / "hooklake-graphql-audits-1.23.1"
_SCRIPT = """
const { auditServer } = require('graphql-http');
const [url, token] = JSON.parse(require('node:fs').readFileSync(0, 'utf8'));
const fetchFn = (to, asked) => fetch(to, { ...asked, headers: { ...asked?.headers, authorization: token } });
auditServer({ url, fetchFn }).then((results) =>
  process.stdout.write(JSON.stringify(results.map(({ id, name, status, reason }) => ({ id, name, status, reason })))));
"""


def audited(url: str, authorization: str) -> list[dict[str, str]]:
    """Of each audit its `id`, `name`, `status` (ok, notice, warn, error) and `reason`; skips where it cannot be run."""
    folder = installed()
    asked = json.dumps([url, authorization])
    ran = subprocess.run(
        ["node", "-e", _SCRIPT], cwd=folder, input=asked, capture_output=True, text=True, check=False, timeout=120
    )
    assert ran.returncode == 0, ran.stderr
    found: list[dict[str, str]] = json.loads(ran.stdout)
    return found


@cache
def installed() -> Path:
    """Where they are; skips where they cannot be."""
    if not (shutil.which("node") and shutil.which("npm")):
        pytest.skip(
            "node and npm are not here: the audits of GraphQL over HTTP cannot be run (apt-get install nodejs npm)"
        )
    if not (_FOLDER / "installed").exists():
        # Beside it, and moved when it is whole: several test processes may come at once.
        with tempfile.TemporaryDirectory(dir=_FOLDER.parent) as beside:
            named = ["npm", "install", "--no-audit", "--no-fund", "--ignore-scripts", "--prefix", beside, *AUDITS]
            ran = subprocess.run(named, capture_output=True, text=True, check=False, timeout=300)
            if ran.returncode:
                pytest.skip(f"npm cannot install {AUDITS}: {ran.stderr.strip().splitlines()[-1:]}")
            (Path(beside) / "installed").touch()
            if not _FOLDER.exists():
                shutil.copytree(beside, _FOLDER, symlinks=True, dirs_exist_ok=True)
    return _FOLDER

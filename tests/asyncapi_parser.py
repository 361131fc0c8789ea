"""AsyncAPI's official parser, run by node on documents of ours. It is installed from npm once, into a folder of its own."""

import json
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import pytest

PARSER = "@asyncapi/parser@3.6.6"
_FOLDER = Path(tempfile.gettempdir()) / "hooklake-asyncapi-parser-3.6.6"
_SCRIPT = """
const { Parser } = require('@asyncapi/parser');
const { readFileSync } = require('node:fs');
(async () => {
  const said = [];
  for (const text of JSON.parse(readFileSync(0, 'utf8'))) {
    const { document, diagnostics } = await new Parser().parse(text);
    said.push({
      faults: diagnostics.filter((each) => each.severity <= 1).map((each) => `${each.path.join('/')}: ${each.message}`),
      messages: document ? document.messages().all().map((each) => each.name() ?? each.id()) : null,
    });
  }
  process.stdout.write(JSON.stringify(said));
})();
"""


def parsed(documents: Sequence[bytes]) -> list[dict[str, list[str] | None]]:
    """Of each document its `faults` (errors and warnings) and the names of its `messages`; skips where there is no parser."""
    folder = _installed()
    asked = json.dumps([each.decode() for each in documents])
    ran = subprocess.run(
        ["node", "-e", _SCRIPT], cwd=folder, input=asked, capture_output=True, text=True, check=True, timeout=120
    )
    found: list[dict[str, list[str] | None]] = json.loads(ran.stdout)
    return found


@cache
def _installed() -> Path:
    if not (shutil.which("node") and shutil.which("npm")):
        pytest.skip(
            "node and npm are not here: AsyncAPI's official parser cannot be asked (apt-get install nodejs npm)"
        )
    if not (_FOLDER / "installed").exists():
        # Beside it, and moved when it is whole: several test processes may come at once.
        with tempfile.TemporaryDirectory(dir=_FOLDER.parent) as beside:
            named = ["npm", "install", "--no-audit", "--no-fund", "--ignore-scripts", "--prefix", beside, PARSER]
            ran = subprocess.run(named, capture_output=True, text=True, check=False, timeout=300)
            if ran.returncode:
                pytest.skip(f"npm cannot install {PARSER}: {ran.stderr.strip().splitlines()[-1:]}")
            (Path(beside) / "installed").touch()
            if not _FOLDER.exists():
                shutil.copytree(beside, _FOLDER, symlinks=True, dirs_exist_ok=True)
    return _FOLDER

"""What is vendored is what its maker published: version, licence and the hash of every file stand in the manifest."""

import hashlib
import json
from pathlib import Path

from service.dashboard.frame import assets

VENDOR = Path(assets.__file__).parents[1] / "static" / "vendor"
MANIFEST = json.loads((VENDOR / "manifest.json").read_text())


def test_every_file_is_as_it_was_published() -> None:
    """Each file has the hash that the manifest has, and no file is without one."""
    named = {name: file["sha256"] for package in MANIFEST for name, file in package["files"].items()}
    there = {
        str(path.relative_to(VENDOR)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in VENDOR.rglob("*")
        if path.is_file() and path.name != "manifest.json"
    }

    assert there == named


def test_every_package_comes_with_its_licence() -> None:
    """Its text stands beside its files, in a folder that names the version."""
    for package in MANIFEST:
        folders = {name.partition("/")[0] for name in package["files"]}
        assert all(folder.endswith("-" + package["version"]) for folder in folders)
        assert any(name.endswith("/LICENSE") for name in package["files"]), package["name"]

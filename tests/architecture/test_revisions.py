"""Migrations stand in one line: two that took the same number would leave a new database without a newest one."""

import re

from subscriptions.ground import schema
from tests.architecture.sources import ROOT

VERSIONS = ROOT / "deploy" / "migrations" / "versions"
NUMBER = re.compile(r'^(revision|down_revision) = "?(\w+)"?$', re.MULTILINE)


def test_each_migration_follows_the_one_before() -> None:
    """Each is called by its number, names the one before as its own, and the last is what the code asks for."""
    files = sorted(VERSIONS.glob("[0-9]*.py"))

    chain = [(path.name[:4], dict(NUMBER.findall(path.read_text()))) for path in files]

    numbers = [f"{n:04}" for n in range(1, len(files) + 1)]
    assert [name for name, _ in chain] == numbers
    assert [each["revision"] for _, each in chain] == numbers
    assert [each["down_revision"] for _, each in chain] == ["None", *numbers[:-1]]
    assert numbers[-1] == schema.REVISION

"""Processes whose wall clocks show other times than the machine's, and can be set while they run.

What should come of it is left to the tests; how it is done inside the processes, to `wall/sitecustomize.py`.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path

from deploy.local import StackProcess, hooklake

WALL = Path(__file__).with_name("wall")


class Clocks:
    """How far each part of a stack is ahead, in seconds; `program` is what the stack runs."""

    def __init__(self, directory: Path, parts: Iterable[str]) -> None:
        self._files = {part: directory / f"{part}.ahead" for part in parts}
        self.set({})

    def set(self, ahead: Mapping[str, float]) -> None:
        """From their next look on; the others show the true time."""
        for part, file in self._files.items():
            new = file.with_suffix(".new")
            new.write_text(str(ahead.get(part, 0.0)))
            # In one step: a process looks at any moment.
            new.rename(file)

    def program(self, environ: Mapping[str, str]) -> StackProcess:
        """Hooklake, with a clock of its own in each of the parts."""
        plain = hooklake(environ)
        groups = tuple(
            tuple(replace(part, environ={**part.environ, **self._told(part.name)}) for part in group)
            for group in plain.groups
        )
        return StackProcess(chores=plain.chores, groups=groups)

    def _told(self, part: str) -> Mapping[str, str]:
        return {"PYTHONPATH": str(WALL), "WALL_CLOCK_AHEAD": str(self._files[part])}

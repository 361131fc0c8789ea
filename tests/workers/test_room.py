"""File descriptors of a worker: as many as its attempts need, or no more attempts than there are."""

import resource
import subprocess
import sys

import pytest

PROGRAM = """
import resource, sys
soft, hard = map(int, sys.argv[1:])
resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
from workers import main
from workers.settings import WorkerSettings
settings, connections = main._within(WorkerSettings(broker_url="redis://nowhere", in_flight=500))
print(settings.in_flight, connections, resource.getrlimit(resource.RLIMIT_NOFILE)[0])
"""


@pytest.mark.parametrize(
    ("soft", "hard", "told"),
    [(256, 4096, "500 1000 1100"), (256, 700, "500 600 700"), (256, 300, "200 200 300"), (4096, 4096, "500 1000 4096")],
)
def test_as_many_as_the_system_allows(soft: int, hard: int, told: str) -> None:
    """The limit is raised, as the API raises its own; where it may not be, a worker has fewer attempts in flight and says so."""
    if resource.getrlimit(resource.RLIMIT_NOFILE)[1] < hard:
        pytest.skip(f"the system allows fewer than {hard} file descriptors")
    environ = {"HOOKLAKE_BROKER_URL": "redis://127.0.0.1:9/0", "HOOKLAKE_DATABASE_URL": "postgresql://nowhere/none"}
    run = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(soft), str(hard)], env=environ, capture_output=True, text=True, check=False
    )

    assert run.stdout.strip() == told, run.stderr
    assert ("worker.short_of_files in_flight=200 of=500 open_files=300" in run.stderr) == told.startswith("200")

"""The patience of the system's resolver, as the C library has it in a process of ours."""

import os
import platform
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import VAULT_KEYS

ROOT = Path(__file__).parents[3]
# Of the resolver's state the first two numbers are the seconds per server and the rounds (resolv.h).
TELL = """
import ctypes
library = ctypes.CDLL(None)
library.__res_init()
library.__res_state.restype = ctypes.POINTER(ctypes.c_int * 2)
print(*library.__res_state().contents)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="another C library")
@pytest.mark.parametrize("root", ["service.asgi", "workers.main"])
@pytest.mark.parametrize(("given", "told"), [({}, "1 2"), ({"RES_OPTIONS": "timeout:3"}, "3 ")], ids=["ours", "given"])
def test_a_dead_name_server_is_soon_passed_by(root: str, given: dict[str, str], told: str) -> None:
    """Both process roots give each name server a second, twice, unless the environment says otherwise."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("HOOKLAKE_", "RES_OPTIONS"))}
    urls = {"HOOKLAKE_DATABASE_URL": "postgresql://a:b@127.0.0.1:1/c", "HOOKLAKE_BROKER_URL": "redis://127.0.0.1:1/0"}
    environ = kept | urls | {"HOOKLAKE_VAULT_KEYS": VAULT_KEYS} | given
    run = subprocess.run(
        [sys.executable, "-c", f"import {root}\n{TELL}"],
        cwd=ROOT,
        env=environ,
        capture_output=True,
        text=True,
        timeout=60,
    )

    assert (run.returncode, run.stdout.startswith(told)) == (0, True), run.stdout + run.stderr

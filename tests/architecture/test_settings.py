"""`deploy/env.example` is what can be set, with the defaults that there are."""

import re

import msgspec
import pytest

from delivery.settings import DeliverySettings
from service.settings import ServiceSettings
from subscriptions.ground.logs import LogSettings
from subscriptions.ground.settings import PREFIX, GroundSettings, read
from tests.architecture.sources import ROOT
from workers.settings import WorkerSettings

ROOMS = (ServiceSettings, WorkerSettings, DeliverySettings, GroundSettings, LogSettings)
#: Read by the embedded stack alone.
STACK = {"HOOKLAKE_DATA_DIR"}
EXAMPLE = (ROOT / "deploy" / "env.example").read_text()
LINES = re.findall(r"^(#?)(HOOKLAKE_\w+)=(.*)$", EXAMPLE, re.MULTILINE)


def test_every_setting_stands_there_once() -> None:
    """The file names every setting of every room, and no other."""
    names = [PREFIX + field.name.upper() for room in ROOMS for field in msgspec.structs.fields(room)]

    assert sorted(name for _, name, _ in LINES) == sorted([*names, *STACK])


@pytest.mark.parametrize("room", ROOMS, ids=lambda room: room.__module__)
def test_defaults(room: type[msgspec.Struct]) -> None:
    """What is commented out shows the default; what is not has none and must be set."""
    required = {PREFIX + field.name.upper() for field in msgspec.structs.fields(room) if field.required}
    shown = {name: value for _, name, value in LINES}

    assert {name for hidden, name, _ in LINES if not hidden} >= required
    assert read(room, shown | dict.fromkeys(required, "x")) == read(room, dict.fromkeys(required, "x"))


def test_every_setting_is_explained() -> None:
    """Above each setting, or above the one right before it, stands a sentence."""
    unexplained = re.findall(r"(?:\A|\n)\n#?(HOOKLAKE_\w+)=", EXAMPLE)

    assert unexplained == []

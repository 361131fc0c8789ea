"""`deploy/env.example` is what can be set, with the defaults that there are."""

import re
from collections import Counter
from typing import Any

import msgspec

from delivery.settings import DeliverySettings
from service.settings import ServiceSettings
from subscriptions.ground.logs import LogSettings
from subscriptions.ground.settings import PREFIX, GroundSettings, read
from tests.architecture.sources import ROOT, fail_on
from workers.settings import WorkerSettings

ROOMS = (ServiceSettings, WorkerSettings, DeliverySettings, GroundSettings, LogSettings)
#: Read by the embedded stack alone.
STACK = {"HOOKLAKE_DATA_DIR"}
EXAMPLE = (ROOT / "deploy" / "env.example").read_text()
LINES = re.findall(r"^(#?)(HOOKLAKE_\w+)=(.*)$", EXAMPLE, re.MULTILINE)


def test_every_setting_stands_there_once() -> None:
    """The file names every setting of every room, and no other."""
    names = [PREFIX + field.name.upper() for room in ROOMS for field in msgspec.structs.fields(room)]
    wanted, there = Counter([*names, *STACK]), Counter(name for _, name, _ in LINES)

    fail_on(
        f"{name} stands there {there[name]} times, not {wanted[name]}"
        for name in sorted(wanted | there)
        if wanted[name] != there[name]
    )


def test_what_is_commented_out_shows_the_default() -> None:
    """What is commented out shows the default; what is not has none and must be set."""
    shown = {name: value for _, name, value in LINES}
    open_names = {name for hidden, name, _ in LINES if not hidden}
    wrong = []
    for room in ROOMS:
        required = {PREFIX + field.name.upper() for field in msgspec.structs.fields(room) if field.required}
        given = dict.fromkeys(required, "x")
        wrong += [f"{name} has no default and is commented out" for name in sorted(required - open_names)]
        pairs = zip(_values(read(room, shown | given)), _values(read(room, given)), strict=True)
        wrong += [
            f"{name}: {is_shown!r} is shown, {is_read!r} is the default"
            for (name, is_shown), (_, is_read) in pairs
            if is_shown != is_read
        ]

    fail_on(wrong)


def test_every_setting_is_explained() -> None:
    """Above each setting, or above the one right before it, stands a sentence."""
    unexplained = re.findall(r"(?:\A|\n)\n#?(HOOKLAKE_\w+)=", EXAMPLE)

    fail_on(unexplained)


def _values(settings: msgspec.Struct) -> list[tuple[str, Any]]:
    return [(PREFIX + name.upper(), getattr(settings, name)) for name in settings.__struct_fields__]

"""How settings are read: what is wrong is told by name, with what it takes; what nobody knows is told too."""

from typing import Annotated, Literal

import msgspec
import pytest

from subscriptions.ground import settings
from subscriptions.ground.errors import Misconfigured


class Room(msgspec.Struct, frozen=True, kw_only=True):
    """One setting of each kind."""

    wait: float = 1.0
    waits: tuple[float, ...] = ()
    share: Annotated[float, settings.SHARE] = 0.5
    many: int = 1
    switch: bool = False
    level: Literal["low", "high"] = "low"
    names: tuple[str, ...] = ()


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("WAIT", "soon", "HOOKLAKE_WAIT takes a duration: seconds, or a number with a unit (500ms, 90s, 15m, 12h, 3d)"),
        ("WAIT", "5 parsecs", "it is '5 parsecs'"),
        ("WAIT", "nan", "it is 'nan'"),
        ("WAIT", "inf", "it is 'inf'"),
        ("WAITS", "3,8x", "HOOKLAKE_WAITS takes durations, comma-separated: seconds, or numbers with a unit ("),
        ("WAITS", "3,8x", "it is '3,8x'"),
        ("SHARE", "a tenth", "HOOKLAKE_SHARE takes a number; it is 'a tenth'"),
        ("MANY", "1.5", "HOOKLAKE_MANY takes a whole number; it is '1.5'"),
        ("MANY", "ten", "HOOKLAKE_MANY takes a whole number; it is 'ten'"),
        ("SWITCH", "perhaps", "HOOKLAKE_SWITCH takes true or false; it is 'perhaps'"),
        ("LEVEL", "middle", "HOOKLAKE_LEVEL takes low or high; it is 'middle'"),
    ],
)  # fmt: skip
def test_what_is_wrong_says_what_it_takes(name: str, value: str, said: str) -> None:
    """A value that cannot be read is answered with the setting, what it takes, and what it was."""
    with pytest.raises(Misconfigured) as raised:
        settings.read(Room, {f"HOOKLAKE_{name}": value})

    assert said in str(raised.value)


@pytest.mark.parametrize("text", ["true", "True", "1", "yes", "on"])
def test_switches_take_the_usual_words(text: str) -> None:
    """What people write for yes is yes, and its opposite no."""
    no = {"true": "false", "True": "FALSE", "1": "0", "yes": "no", "on": "off"}[text]

    assert settings.read(Room, {"HOOKLAKE_SWITCH": text}).switch
    assert not settings.read(Room, {"HOOKLAKE_SWITCH": no}).switch


def test_what_nobody_knows_is_told_with_the_nearest() -> None:
    """A name that no room has is told, beside the one that was meant; those of other programs are not ours to judge."""
    environ = {
        "HOOKLAKE_WAlT": "1",
        "HOOKLAKE_WAITSZ": "1",
        "HOOKLAKE_MANY": "2",
        "HOOKLAKE_QQQQ": "",
        "HOOKLAKE_FOO": "1",
        "PATH": "/bin",
    }

    told = settings.unknown(environ, {"HOOKLAKE_WAIT", "HOOKLAKE_WAITS", "HOOKLAKE_MANY", "HOOKLAKE_PORT"})

    assert told == [
        "HOOKLAKE_FOO is not a setting, and changes nothing; deploy/env.example has them all",
        "HOOKLAKE_QQQQ is not a setting, and changes nothing; deploy/env.example has them all",
        "HOOKLAKE_WAITSZ is not a setting, and changes nothing; did you mean HOOKLAKE_WAITS?",
        "HOOKLAKE_WAlT is not a setting, and changes nothing; did you mean HOOKLAKE_WAIT?",
    ]

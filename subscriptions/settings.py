"""What can be set about the ground: database, vault, catalogue and limits; and how every room reads its settings.

Only process roots read the environment; everybody else is handed the values.
"""

import re
from collections.abc import Mapping
from typing import TypeVar, get_args

import msgspec

from subscriptions.discreet import Discreet
from subscriptions.errors import Misconfigured

PREFIX = "HOOKLAKE_"
UNITS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400}
DURATION = re.compile(r"^(\d+(?:\.\d+)?)(ms|s|m|h|d)$")

S = TypeVar("S", bound=msgspec.Struct)


class Settings(Discreet, msgspec.Struct, frozen=True, kw_only=True):
    """Durations are seconds; in the environment `90`, `90s`, `15m`, `12h` and `3d` all work."""

    #: `postgresql://user:password@host:port/name`; one database for all processes.
    database_url: str
    #: Connections that one process may hold at once.
    database_connections: int = 10
    #: The longest wait for a connection or an answer from the database before the caller is told it is away.
    database_wait: float = 5.0
    #: `id:base64(32 bytes)`, comma-separated; the first seals, all unseal. API and workers do not start without.
    vault_keys: str = ""
    #: What event types begin with.
    type_prefix: str = "com.hpe.greenlake"
    #: The host in a `source` made here: `//<region>.<host>/<api group>`.
    source_host: str = "api.greenlake.hpe.com"
    #: Whole days that the id of an occurrence is remembered for idempotency.
    idempotency_days: int = 7
    #: GreenLake's limits (greenlake.md D.9).
    max_webhooks_per_workspace: int = 5
    max_subscriptions_per_webhook: int = 5
    max_event_bytes: int = 65536


def read(kind: type[S], environ: Mapping[str, str]) -> S:
    """The settings of one room from `HOOKLAKE_*`; raises Misconfigured naming the variable and the value it needs."""
    given: dict[str, object] = {}
    for field in msgspec.structs.fields(kind):
        text = environ.get(PREFIX + field.name.upper())
        if text is None or text == "":
            continue
        given[field.name] = _value(field.type, text.strip())
    try:
        return msgspec.convert(given, kind, strict=False)
    except msgspec.ValidationError as error:
        raise Misconfigured(_sentence(str(error))) from None


def _value(kind: object, text: str) -> object:
    if kind in (tuple[float, ...], tuple[str, ...]):
        return [_value(get_args(kind)[0], part.strip()) for part in text.split(",") if part.strip()]
    return _seconds(text) if kind is float else text


def _seconds(text: str) -> object:
    match = DURATION.match(text)
    return float(match[1]) * UNITS[match[2]] if match else text


def _sentence(error: str) -> str:
    missing = re.search(r"missing required field `(\w+)`", error)
    if missing:
        return f"{PREFIX}{missing[1].upper()} is not set"
    named = re.search(r"^(.*) - at `\$\.(\w+)", error)
    return f"{PREFIX}{named[2].upper()}: {named[1]}" if named else error

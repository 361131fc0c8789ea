"""What can be set about the ground: database, vault, catalogue and limits; and how every room reads its settings.

Only process roots read the environment; everybody else is handed the values.
"""

import difflib
import math
import re
from collections.abc import Collection, Mapping
from typing import Annotated, Any, Literal, TypeVar, get_args, get_origin

import msgspec

from subscriptions.ground.discreet import Discreet
from subscriptions.ground.errors import Misconfigured

PREFIX = "HOOKLAKE_"
UNITS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400}
DURATION = re.compile(r"^(\d+(?:\.\d+)?)(ms|s|m|h|d)$")
SWITCHES = {"true": True, "1": True, "yes": True, "on": True, "false": False, "0": False, "no": False, "off": False}
#: Marks a number that is none of seconds: `Annotated[float, SHARE]`.
SHARE = "a share"
#: What is told of a value that cannot be read, by kind.
_UNITS = "(500ms, 90s, 15m, 12h, 3d)"
TAKES: Mapping[Any, str] = {
    float: f"a duration: seconds, or a number with a unit {_UNITS}",
    tuple[float, ...]: f"durations, comma-separated: seconds, or numbers with a unit {_UNITS}",
    Annotated[float, SHARE]: "a number",
    int: "a whole number",
    bool: "true or false",
}

#: What may be asked of secrets: GreenLake's least, and what is short of those that are made here.
LEAST_SECRETS = (4, 40)

#: The catalogues that are shipped.
CATALOGUES = ("greenlake", "acm", "onap")

S = TypeVar("S", bound=msgspec.Struct)


class GroundSettings(Discreet, msgspec.Struct, frozen=True, kw_only=True):
    """Durations are seconds; in the environment `90`, `90s`, `15m`, `12h` and `3d` all work."""

    #: `postgresql://user:password@host:port/name?sslmode=verify-full`: PostgreSQL's connection URI (`database_url.py`).
    database_url: str
    #: What stands between: nothing, or a pooler such as PgBouncer in this mode.
    database_pooling: Literal["none", "session", "transaction"] = "none"
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
    #: Event types that belong to one workspace, retired ones included; operators' own are not counted.
    max_event_types_per_workspace: int = 200
    #: Applications, which are named publishers, of one workspace.
    max_applications_per_workspace: int = 100
    #: AsyncAPI documents that belong to one workspace; operators' own are not counted.
    max_event_apis_per_workspace: int = 100
    #: Bytes of documents, and of schemas and examples of event types, that belong to one workspace.
    max_schema_bytes_per_workspace: int = 64 * 1024 * 1024
    max_event_bytes: int = 65536
    #: Shipped catalogues whose types and subscription sets this deployment has: greenlake, acm, onap.
    catalogues: tuple[str, ...] = ()
    #: Conditions that the event filter of a subscription may have, looked at when it is made or changed.
    max_filter_conditions: int = 32
    #: Characters that a webhook's secret has at least; GreenLake's.
    least_secret: int = LEAST_SECRETS[0]
    #: When somebody who is signed in to the dashboard is signed out: after so long without a request ...
    session_idle: float = 12 * 3600.0
    #: ... and after so long in any case.
    session_lifetime: float = 7 * 86400.0
    #: Bytes beyond what an API or worker process began with, from which it gives free memory back; 0: never.
    memory_slack: int = 64 << 20

    def __post_init__(self) -> None:
        least, most = LEAST_SECRETS
        if not least <= self.least_secret <= most:
            raise Misconfigured(f"{PREFIX}LEAST_SECRET has to be from {least} to {most}")
        if strange := sorted(set(self.catalogues) - set(CATALOGUES)):
            raise Misconfigured(
                f"{PREFIX}CATALOGUES names {', '.join(strange)}: those shipped are {', '.join(CATALOGUES)}"
            )
        # It is noted to the minute when a session was last used.
        if not 300 <= self.session_idle <= self.session_lifetime:
            said = f"has to be at least 5 minutes, and {PREFIX}SESSION_LIFETIME at most"
            raise Misconfigured(f"{PREFIX}SESSION_IDLE {said}")


def read(kind: type[S], environ: Mapping[str, str]) -> S:
    """The settings of one room from `HOOKLAKE_*`; raises Misconfigured naming the variable, what it takes, and what it was."""
    given: dict[str, object] = {}
    for field in msgspec.structs.fields(kind):
        name = PREFIX + field.name.upper()
        text = environ.get(name, "").strip()
        if not text:
            if field.required:
                raise Misconfigured(f"{name} is not set")
            continue
        try:
            given[field.name] = _value(field.type, text)
        except ValueError:
            # The value is shown: what holds a secret is a text, and any text can be read.
            raise Misconfigured(f"{name} takes {_takes(field.type)}; it is {text!r}") from None
    return kind(**given)


def names(*kinds: type[msgspec.Struct]) -> set[str]:
    """The variables that these rooms read."""
    return {PREFIX + field.name.upper() for kind in kinds for field in msgspec.structs.fields(kind)}


def unknown(environ: Mapping[str, str], known: Collection[str]) -> list[str]:
    """A sentence for each `HOOKLAKE_*` that is none of the known, with the one that was probably meant."""
    sentences = []
    for name in sorted(environ):
        if not name.startswith(PREFIX) or name in known:
            continue
        # Without what all have in common, which would make any of them near.
        rests = [each.removeprefix(PREFIX) for each in known]
        near = [PREFIX + each for each in difflib.get_close_matches(name.removeprefix(PREFIX), rests, n=1, cutoff=0.7)]
        hint = f"did you mean {near[0]}?" if near else "deploy/env.example has them all"
        sentences.append(f"{name} is not a setting, and changes nothing; {hint}")
    return sentences


def _value(kind: Any, text: str) -> object:
    """Raises ValueError for what the kind does not take."""
    if get_origin(kind) is tuple:
        return tuple(_value(get_args(kind)[0], part.strip()) for part in text.split(",") if part.strip())
    if kind is bool:
        return _one_of(SWITCHES, text.lower())
    if get_origin(kind) is Literal:
        return _one_of({word: word for word in get_args(kind)}, text)
    if kind is float:
        return _seconds(text)
    if get_origin(kind) is Annotated:
        return _finite(text)
    return int(text) if kind is int else text


def _one_of(words: Mapping[str, object], text: str) -> object:
    if text not in words:
        raise ValueError(text)
    return words[text]


def _seconds(text: str) -> float:
    match = DURATION.match(text)
    return float(match[1]) * UNITS[match[2]] if match else _finite(text)


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(text)
    return number


def _takes(kind: Any) -> str:
    if get_origin(kind) is Literal:
        return " or ".join(get_args(kind))
    return TAKES[kind]

"""What HOOKLAKE_DATABASE_URL says: PostgreSQL's connection URI, as libpq has it, read once into an address.

libpq's environment, password file and service file count for nothing here: every process is told the same by one setting.
Dialling is left to `sessions.py`.
"""

import getpass
import re
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, unquote

from subscriptions.ground.errors import Misconfigured

NAME = "HOOKLAKE_DATABASE_URL"
FORM = f"{NAME} is not of the form postgresql://user:password@host:port/name"
PORT = 5432
SCHEMES = ("postgresql", "postgres", "postgresql+asyncpg")
MODES = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")
#: Of `target_session_attrs`: everything of ours writes.
TARGETS = ("any", "primary", "read-write")
VERSIONS = {"TLSv1.2": ssl.TLSVersion.TLSv1_2, "TLSv1.3": ssl.TLSVersion.TLSv1_3}
#: What is taken after the question mark. Of those with words, these say nothing but what is done anyway.
TAKEN: Mapping[str, tuple[str, ...]] = {
    **dict.fromkeys(("host", "port", "user", "password", "dbname", "application_name", "options"), ()),
    **dict.fromkeys(("sslrootcert", "sslcert", "sslkey", "sslpassword", "sslcrl"), ()),
    "sslmode": MODES,
    "sslnegotiation": ("postgres", "direct"),
    "ssl_min_protocol_version": tuple(VERSIONS),
    "target_session_attrs": TARGETS,
    "gssencmode": ("disable", "prefer"),
    "channel_binding": ("disable", "prefer"),
    "load_balance_hosts": ("disable",),
}
#: All that `options` may hold: a schema of one's own.
OPTIONS = re.compile(r"^(?:-c\s*|--)search_path=(\S+)$")


@dataclass(frozen=True, kw_only=True)
class Address:
    """Where the database is, and how it is spoken to."""

    #: (host or directory of sockets, port), in the order in which they are tried.
    hosts: tuple[tuple[str, int], ...]
    user: str
    password: str = field(repr=False)
    database: str
    application_name: str
    #: Where the tables are, and new ones are made.
    search_path: str
    #: `target_session_attrs`: one of TARGETS.
    target: str
    #: `sslmode`: one of MODES.
    mode: str
    #: The TLS handshake comes first (`sslnegotiation=direct`).
    direct: bool
    #: None where nothing is said of TLS but `disable`.
    tls: ssl.SSLContext | None = field(repr=False)


def parse(text: str) -> Address:
    """The address that the URI names; raises Misconfigured with one sentence, which shows no password."""
    scheme, separator, rest = text.partition("://")
    if not separator:
        raise Misconfigured(FORM)
    if scheme not in SCHEMES:
        raise Misconfigured(f"{NAME} names {scheme}; Hooklake stands on PostgreSQL")
    place, _, query = rest.partition("?")
    authority, _, database = place.partition("/")
    login, _, hosts = authority.rpartition("@")
    user, _, password = login.partition(":")
    asked = _asked(query)
    named = {"host": unquote(hosts), "user": unquote(user), "password": unquote(password), "dbname": unquote(database)}
    given = {name: value for name, value in named.items() if value} | asked
    name = given.get("user") or getpass.getuser()
    return Address(
        hosts=_hosts(given.get("host", ""), given.get("port", "")),
        user=name,
        password=given.get("password", ""),
        database=given.get("dbname") or name,
        application_name=given.get("application_name", "hooklake"),
        search_path=_search_path(given.get("options", "")),
        target=given.get("target_session_attrs", "any"),
        mode=given.get("sslmode", "prefer"),
        direct=given.get("sslnegotiation") == "direct",
        tls=_tls(given),
    )


def _asked(query: str) -> dict[str, str]:
    """What stands behind the question mark; PostgreSQL takes no plus sign for a space there."""
    given = dict(parse_qsl(query.replace("+", "%2B"), keep_blank_values=True))
    for name, value in given.items():
        if name not in TAKEN:
            raise Misconfigured(f"{NAME} has {name!r}, which Hooklake does not take; it takes {', '.join(TAKEN)}")
        if TAKEN[name] and value not in TAKEN[name]:
            raise Misconfigured(f"{NAME} has {name}={value}; Hooklake takes {' or '.join(TAKEN[name])} there")
    if given.get("sslnegotiation") == "direct" and given.get("sslmode", "prefer") not in MODES[3:]:
        raise Misconfigured(f"{NAME} has sslnegotiation=direct, which needs sslmode={' or '.join(MODES[3:])}")
    return given


def _hosts(hosts: str, ports: str) -> tuple[tuple[str, int], ...]:
    if not hosts:
        raise Misconfigured(f"{NAME} names no host; a directory of sockets is named by ?host=/run/postgresql")
    found = [re.match(r"^(?:\[([^\]]+)\]|(/.*|[^:]*))(?::(\d*))?$", each) for each in hosts.split(",")]
    beside = ports.split(",") if ports else []
    if len(beside) not in (0, 1, len(found)) or any(each is None for each in found):
        raise Misconfigured(FORM)
    beside = beside * len(found) if len(beside) == 1 else beside
    texts = [beside[n] if beside else (match[3] or "") for n, match in enumerate(found) if match]
    if not all(text == "" or (text.isascii() and text.isdigit() and 0 < int(text) < 65536) for text in texts):
        raise Misconfigured(FORM)
    names = [(match[1] or match[2] or "localhost") for match in found if match]
    return tuple((name, int(text or PORT)) for name, text in zip(names, texts, strict=True))


def _search_path(options: str) -> str:
    if not options:
        return "public"
    match = OPTIONS.match(options.strip())
    if match is None:
        raise Misconfigured(
            f"{NAME} has options={options!r}; Hooklake takes -csearch_path=<schema> there, and sets the rest"
        )
    return match[1]


def _tls(given: Mapping[str, str]) -> ssl.SSLContext | None:
    """As libpq has it, but that a server is verified by this system's authorities where `sslrootcert` names none."""
    mode = given.get("sslmode", "prefer")
    if mode == "disable":
        return None
    root = given.get("sslrootcert", "")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = mode == "verify-full"
    if mode in ("allow", "prefer") or (mode == "require" and not root):
        context.verify_mode = ssl.CERT_NONE
    elif root in ("", "system"):
        context.load_default_certs()
    else:
        _read("sslrootcert", root, lambda: context.load_verify_locations(cafile=root))
    if crl := given.get("sslcrl"):
        _read("sslcrl", crl, lambda: context.load_verify_locations(cafile=crl))
        context.verify_flags |= ssl.VERIFY_CRL_CHECK_CHAIN
    if certificate := given.get("sslcert"):
        key, password = given.get("sslkey"), given.get("sslpassword", "")
        _read("sslcert", certificate, lambda: context.load_cert_chain(certificate, key, lambda: password))
    context.minimum_version = VERSIONS[given.get("ssl_min_protocol_version", "TLSv1.2")]
    context.set_alpn_protocols(["postgresql"])
    return context


def _read(name: str, path: str, load: Callable[[], None]) -> None:
    try:
        load()
    except (OSError, ValueError) as error:
        raise Misconfigured(f"{NAME}: {name}={path} cannot be read: {error}") from None

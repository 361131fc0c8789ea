"""What can be set about the entrance: where it listens, what it calls itself, and how much a publication may hold.

Reading them is left to process roots (`subscriptions.ground.settings.read`), what the other rooms need to their own settings.
"""

import msgspec

from subscriptions.ground.discreet import Discreet
from subscriptions.ground.errors import Misconfigured


class ServiceSettings(Discreet, msgspec.Struct, frozen=True, kw_only=True):
    """How the API is reached; what cannot work raises Misconfigured."""

    #: The address to listen on; 0.0.0.0 or :: for all.
    host: str = "127.0.0.1"
    port: int = 8080
    #: What clients call the API, without a trailing slash; empty: `http://<host>:<port>`.
    base_url: str = ""
    #: The `iss` of tokens; empty: the base URL.
    token_issuer: str = ""
    #: Another OpenID Connect issuer whose tokens are taken beside our own, as its `iss` has it; empty: none.
    oidc_issuer: str = ""
    #: What the `aud` of its tokens has to hold; needed with an issuer.
    oidc_audience: str = ""
    #: Its claim that names the caller's workspace, as 32 hexadecimal digits or a UUID; a dot leads into an object.
    oidc_workspace_claim: str = "workspace_id"
    #: Its claim that lists the caller's roles (publisher, subscriber, viewer, operator).
    oidc_roles_claim: str = "roles"
    #: By which it knows the dashboard, whose people it signs in then; empty: it signs in nobody.
    oidc_client_id: str = ""
    #: Empty: a public client, which proves nothing but that it began the sign-in (PKCE).
    oidc_client_secret: str = ""
    #: What it is asked for beside who somebody is; its two claims have to come of it.
    oidc_scopes: str = "openid profile email"
    #: Addresses and networks of proxies whose X-Forwarded-For and X-Forwarded-Proto are believed; empty: nobody's are.
    trusted_proxies: tuple[str, ...] = ()
    #: Connections that one process keeps open; for one more the one that has rested longest goes.
    connections: int = 900
    #: Bytes of bodies that are under way in one process; where there is no room for one more, it is answered 503.
    bodies_bytes: int = 64 * 1024 * 1024
    #: What part of the connections one address (of IPv6 one /64) has while others want them, trusted proxies apart; and what
    #: part of the bytes under way one client has.
    client_share: float = 0.25
    #: The longest that a whole request may take to arrive, and that its answer may wait to be read, in seconds.
    request_timeout: float = 30.0
    #: Processes behind the one port.
    api_processes: int = 1
    #: Bytes of one publication, whatever it holds.
    publish_body_bytes: int = 5 * 1024 * 1024
    #: CloudEvents senders that may register the publishing paths as their webhook, by the WebHook-Request-Origin that they
    #: send; `*` is any. Where there are any, publications may name their token as `?access_token=`.
    publish_origins: tuple[str, ...] = ()
    #: Occurrences or CloudEvents of one publication.
    publish_items: int = 1000
    #: Requests of an hour that each API client may make of the management API (all but publishing), and each person of the
    #: dashboard; 0: any number. Each process counts to its share, this divided by `api_processes`; an API on several machines
    #: multiplies it.
    requests_per_hour: int = 0
    #: Changes of an hour, each an entry of the audit log, that those of a workspace may make who are no operators; 0: any
    #: number. Shared by processes as the requests are.
    changes_per_hour: int = 5000
    #: Events of a minute that each workspace may publish, counted over all processes and machines; 0: any number.
    publish_per_minute: int = 60_000
    #: Whether anybody may read the event types and their schemas, at /docs/events.
    public_catalogue: bool = False
    #: Bytes of what `/asyncapi.json` says of one workspace; it says what it leaves out.
    asyncapi_bytes: int = 8 * 1024 * 1024
    #: Pages of the dashboard that one person may have live at once in one process; 0: none is.
    live_streams: int = 10
    #: Levels of fields in a request to /graphql.
    graphql_depth: int = 15
    #: What it may come to: an object counts 1, ten plain fields 1, a change 100, and a page as many times what is in it as
    #: `first` says.
    graphql_cost: int = 1000
    #: Whether /graphql tells its schema to those who ask for it.
    graphql_introspection: bool = True

    def __post_init__(self) -> None:
        _require(0 < self.port < 65536, "port", "has to be from 1 to 65535")
        for name in ("api_processes", "publish_body_bytes", "publish_items", "connections", "request_timeout"):
            _require(getattr(self, name) > 0, name, "has to be more than 0")
        _require(
            self.bodies_bytes >= max(self.publish_body_bytes, 1 << 20),
            "bodies_bytes",
            "has to be at least HOOKLAKE_PUBLISH_BODY_BYTES, and 1048576",
        )
        # What it says of itself, and of one webhook.
        _require(self.asyncapi_bytes >= 256 * 1024, "asyncapi_bytes", "has to be at least 262144")
        _require(0 < self.client_share <= 1, "client_share", "has to be more than 0, and 1 at most")
        for name in ("graphql_depth", "graphql_cost"):
            _require(getattr(self, name) > 0, name, "has to be more than 0")
        for name in ("requests_per_hour", "changes_per_hour"):
            given = getattr(self, name)
            said = "has to be 0 (any number), or at least HOOKLAKE_API_PROCESSES"
            _require(given == 0 or given >= self.api_processes, name, said)
        _require(
            self.publish_per_minute == 0 or self.publish_per_minute >= self.publish_items,
            "publish_per_minute",
            "has to be 0 (any number), or at least HOOKLAKE_PUBLISH_ITEMS: a larger array could never be taken",
        )
        whole = self.base_url.startswith(("http://", "https://")) and not self.base_url.endswith("/")
        _require(whole or not self.base_url, "base_url", "is of the form https://host, without a slash at its end")
        _require(
            bool(self.oidc_issuer) or not self.oidc_client_id, "oidc_issuer", "is needed with HOOKLAKE_OIDC_CLIENT_ID"
        )
        _require(not self.oidc_client_id or "openid" in self.oidc_scopes.split(), "oidc_scopes", "has to name openid")
        if self.oidc_issuer:
            _require(self.oidc_issuer.startswith(("http://", "https://")), "oidc_issuer", "is of the form https://host")
            _require(self.oidc_issuer != self.issuer, "oidc_issuer", "may not be the issuer of our own tokens")
            for name in ("oidc_audience", "oidc_workspace_claim", "oidc_roles_claim"):
                _require(bool(getattr(self, name)), name, "is needed with HOOKLAKE_OIDC_ISSUER")

    @property
    def url(self) -> str:
        """Where clients find the API."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return self.base_url or f"http://{host}:{self.port}"

    @property
    def requests_per_process(self) -> int:
        """The share of `requests_per_hour` that one process counts to; 0: any number."""
        return self.requests_per_hour // self.api_processes

    @property
    def changes_per_process(self) -> int:
        """The same of `changes_per_hour`."""
        return self.changes_per_hour // self.api_processes

    @property
    def issuer(self) -> str:
        """The `iss` of tokens made and accepted here."""
        return self.token_issuer or self.url


def _require(holds: bool, name: str, rule: str) -> None:
    if not holds:
        raise Misconfigured(f"HOOKLAKE_{name.upper()} {rule}")

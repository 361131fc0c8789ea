"""The ground's tables: catalogue, clients, people, webhooks, subscriptions, events and receipts.

Deliveries and everything owed live in `delivery/tables.py`. `deploy/migrations` creates what stands here; a test
holds the two together.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Double,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY

metadata = MetaData()

Moment = DateTime(timezone=True)

event_types = Table(
    "event_types",
    metadata,
    Column("type", Text, primary_key=True),
    Column("service_manager", Text, nullable=False),
    Column("api_group", Text, nullable=False),
    Column("friendly_name", Text, nullable=False),
    Column("description", Text, nullable=False),
    Column("generation", Integer, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("updated_at", Moment, nullable=False),
    #: Whose it is; null: the operators'.
    Column("workspace_id", Text),
    #: Since when it takes neither publications nor subscriptions.
    Column("retired_at", Moment),
    #: By `dataschema` (empty: of the others) what events get, as JSON; null: nothing (`catalogue/deprecation.py`).
    Column("deprecation", Text),
    #: `off`, `warn` or `reject`: what becomes of events that do not fit the type's schema.
    Column("validation", Text, nullable=False, server_default="off"),
    #: `registered`, or `published`: an event of it was, and nobody has registered it.
    Column("origin", Text, nullable=False, server_default="registered"),
    Index("event_types_of_workspace", "workspace_id"),
)

clients = Table(
    "clients",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("workspace_id", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("roles", ARRAY(Text), nullable=False),
    Column("any_workspace", Boolean, nullable=False),
    #: SHA-256 of the secret: it is 256 random bits, so that a slow hash would protect nothing.
    Column("secret_hash", LargeBinary, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("revoked_at", Moment),
    Index("clients_of_workspace", "workspace_id"),
)

#: People who sign in to the dashboard: with a password of ours, or as another issuer names them.
people = Table(
    "people",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("workspace_id", Text, nullable=False),
    #: Case-folded where it is signed in with.
    Column("name", Text, nullable=False),
    Column("roles", ARRAY(Text), nullable=False),
    #: Who vouches for them, with the `sub` it knows them by; empty: their password does.
    Column("issuer", Text, nullable=False, server_default=""),
    Column("subject", Text, nullable=False, server_default=""),
    #: Argon2id, as its own text has it; null: none was set.
    Column("password", Text),
    Column("created_at", Moment, nullable=False),
    Column("signed_in_at", Moment),
    Column("removed_at", Moment),
    Index("people_name", "name", unique=True, postgresql_where=text("removed_at IS NULL AND issuer = ''")),
    Index("people_subject", "issuer", "subject", unique=True, postgresql_where=text("issuer <> ''")),
    Index("people_listed", "created_at", "id"),
)

#: Filters of a list that a person has given a name.
saved_views = Table(
    "saved_views",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("person", Uuid, ForeignKey("people.id"), nullable=False),
    #: The path of the list.
    Column("page", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("query", Text, nullable=False),
    Column("created_at", Moment, nullable=False),
    Index("saved_views_named", "person", "page", "name", unique=True),
)

#: Who is signed in, from where; ended ones are deleted.
sessions = Table(
    "sessions",
    metadata,
    Column("id", Uuid, primary_key=True),
    #: SHA-256 of the 256 random bits in the cookie.
    Column("token_hash", LargeBinary, nullable=False),
    Column("person", Uuid, ForeignKey("people.id"), nullable=False),
    Column("created_at", Moment, nullable=False),
    #: To the minute.
    Column("seen_at", Moment, nullable=False),
    #: Where it was begun from, and the browser that said so.
    Column("address", Text, nullable=False),
    Column("agent", Text, nullable=False),
    Index("sessions_token", "token_hash", unique=True),
    Index("sessions_of_person", "person"),
    Index("sessions_listed", "created_at", "id"),
)

#: Links that sign a person in once; a used one is deleted.
sign_in_links = Table(
    "sign_in_links",
    metadata,
    Column("token_hash", LargeBinary, primary_key=True),
    Column("person", Uuid, ForeignKey("people.id"), nullable=False),
    Column("expires_at", Moment, nullable=False),
    Index("sign_in_links_of_person", "person"),
)

#: Who changed what: written with the change (`audit.py`).
audit_entries = Table(
    "audit_entries",
    metadata,
    #: A uuid7: its order is that of the changes.
    Column("id", Uuid, primary_key=True),
    #: Whose the changed thing is; null: nobody's in particular.
    Column("workspace_id", Text),
    Column("action", Text, nullable=False),
    #: The changed thing's id and name.
    Column("subject", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("actor_kind", Text, nullable=False),
    Column("actor", Text, nullable=False),
    Column("actor_name", Text, nullable=False),
    Column("actor_workspace", Text, nullable=False),
    Column("roles", ARRAY(Text), nullable=False),
    Column("address", Text, nullable=False),
    #: JSON objects.
    Column("before", Text, nullable=False),
    Column("after", Text, nullable=False),
    #: Whether it was published as an event, or nobody had subscribed to it.
    Column("told", Boolean, nullable=False, server_default="false"),
    Index("audit_entries_of_workspace", "workspace_id", "id"),
    Index("audit_entries_of_subject", "subject", "id"),
    Index("audit_entries_untold", "id", postgresql_where=text("NOT told")),
)

#: How much of a workspace's minute was drawn by the processes that take publications; `introductions:` with its id: of the
#: minute's registrations, `verifications:` of its verifications, `fetches:` of its fetches of documents.
publish_quotas = Table(
    "publish_quotas",
    metadata,
    Column("workspace_id", Text, primary_key=True),
    #: Minutes since 1970.
    Column("minute", BigInteger, nullable=False),
    Column("taken", BigInteger, nullable=False),
    #: What the last process got.
    Column("portion", BigInteger, nullable=False),
)

signing_keys = Table(
    "signing_keys",
    metadata,
    Column("kid", Text, primary_key=True),
    #: PEM, sealed by the vault.
    Column("private_key", LargeBinary, nullable=False),
    #: The public half as a JWK, for people: what is believed follows from the sealed half.
    Column("public_jwk", Text, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("retired_at", Moment),
)

webhooks = Table(
    "webhooks",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("workspace_id", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("description", Text, nullable=False),
    Column("destination", Text, nullable=False),
    Column("secret", LargeBinary, nullable=False),
    Column("secondary_secret", LargeBinary),
    # Since when each is what it is; null of those from before that was kept.
    Column("secret_since", Moment),
    Column("secondary_secret_since", Moment),
    Column("auth_type", Text, nullable=False),
    Column("client_id", Text, nullable=False),
    Column("client_secret", LargeBinary),
    Column("issuer_url", Text, nullable=False),
    Column("api_key", LargeBinary),
    Column("batching", Boolean, nullable=False),
    Column("challenge_request_enabled", Boolean, nullable=False),
    Column("content_mode", Text, nullable=False),
    # What its TLS connections need beside what all have, PEM; the key is sealed.
    Column("ca_bundle", Text, nullable=False, server_default=""),
    Column("client_certificate", Text, nullable=False, server_default=""),
    Column("client_key", LargeBinary),
    Column("paused", Boolean, nullable=False),
    Column("status", Text, nullable=False),
    Column("state_reason", Text, nullable=False, server_default=""),
    #: Requests per minute the destination grants: -1 unlimited, null none stated.
    Column("endpoint_rate_limit", Integer),
    #: When the next delivery may go out, where the destination grants a rate (protocol.md 4.7).
    Column("next_at", Moment),
    #: The origin that its OPTIONS answer allowed, repeated on deliveries (cloudevents.md W8); empty before a handshake.
    Column("request_origin", Text, nullable=False, server_default=""),
    #: Rises with each change that makes earlier challenges and claims stale (protocol.md 6.1).
    Column("epoch", Integer, nullable=False, server_default="1"),
    Column("generation", Integer, nullable=False, server_default="1"),
    Column("hpe_principal", Text, nullable=False),
    Column("created_by", Text, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("updated_at", Moment, nullable=False),
    Column("deleted_at", Moment),
    # Health, written by delivery's breaker.
    Column("failures", Integer, nullable=False, server_default="0"),
    Column("first_failure_at", Moment),
    Column("last_failure_at", Moment),
    #: Seconds it was not sendable, up to `halted_since`; since then it is halted, if that is set.
    Column("halted_seconds", Double, nullable=False, server_default="0"),
    Column("halted_since", Moment),
    Index("webhooks_name", "workspace_id", "name", unique=True, postgresql_where=text("deleted_at IS NULL")),
    Index("webhooks_paced", "next_at", postgresql_where=text("endpoint_rate_limit > 0")),
    Index("webhooks_batching", "id", postgresql_where=text("batching")),
    Index("webhooks_listed", "workspace_id", "created_at", postgresql_where=text("deleted_at IS NULL")),
)

subscriptions = Table(
    "subscriptions",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("workspace_id", Text, nullable=False),
    Column("webhook", Uuid, ForeignKey("webhooks.id"), nullable=False),
    Column("event_type", Text, ForeignKey("event_types.type"), nullable=False),
    Column("event_filter", Text, nullable=False, server_default=""),
    #: The version of the type that is understood, and the filter that tells its events; empty: every one.
    Column("version", Text, nullable=False, server_default=""),
    Column("version_filter", Text, nullable=False, server_default=""),
    #: The subscription set that it is of, which counts as one; empty: of none.
    Column("subscription_set", Text, nullable=False, server_default=""),
    Column("description", Text, nullable=False, server_default=""),
    Column("generation", Integer, nullable=False, server_default="1"),
    Column("hpe_principal", Text, nullable=False),
    Column("created_by", Text, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("updated_by", Text, nullable=False),
    Column("updated_at", Moment, nullable=False),
    # Matching asks by (workspace, type) and a spread goes on in order of webhook id.
    Index("subscriptions_matched", "workspace_id", "event_type", "webhook", unique=True),
    Index("subscriptions_of_webhook", "webhook"),
)

#: The webhooks that were registered by the system API (greenlake.md 1.9).
system_webhooks = Table(
    "system_webhooks",
    metadata,
    Column("webhook", Uuid, ForeignKey("webhooks.id", ondelete="CASCADE"), primary_key=True),
    Column("updated_by", Text, nullable=False),
)

#: Partitioned by day on `key`, a uuid7.
events = Table(
    "events",
    metadata,
    Column("key", Uuid, primary_key=True),
    Column("id", Text, nullable=False),
    Column("source", Text, nullable=False),
    Column("type", Text, nullable=False),
    Column("workspace_id", Text, nullable=False),
    #: The structured JSON, exactly as it is sent; null once erased.
    Column("body", LargeBinary),
    postgresql_partition_by="RANGE (key)",
)

#: What makes a publication idempotent: not partitioned, for (workspace, source, id) is unique over time.
receipts = Table(
    "receipts",
    metadata,
    #: 16 bytes of BLAKE2b over workspace, source and id.
    Column("key", LargeBinary, primary_key=True),
    #: SHA-256 of the occurrence as it was given.
    Column("digest", LargeBinary, nullable=False),
    Column("event", Uuid, nullable=False),
    Column("accepted_at", Moment, nullable=False),
    Index("receipts_age", "accepted_at"),
)

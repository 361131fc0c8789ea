"""The first tables, and the event types that GreenLake documents.

Written out and frozen: later revisions change what stands here, and `tables.py` says what has become of it.
Partitions are not made here but ahead of time, by every process (`subscriptions/ground/partitions.py`).
"""

from alembic import context, op
from sqlalchemy import text

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

GROUND = (
    """
    CREATE TABLE event_types (
        type text NOT NULL,
        service_manager text NOT NULL,
        api_group text NOT NULL,
        friendly_name text NOT NULL,
        description text NOT NULL,
        generation integer NOT NULL,
        created_at timestamptz NOT NULL,
        updated_at timestamptz NOT NULL,
        PRIMARY KEY (type)
    )
    """,
    """
    CREATE TABLE clients (
        id uuid NOT NULL,
        workspace_id text NOT NULL,
        name text NOT NULL,
        roles text[] NOT NULL,
        any_workspace boolean NOT NULL,
        secret_hash bytea NOT NULL,
        created_at timestamptz NOT NULL,
        revoked_at timestamptz,
        PRIMARY KEY (id)
    )
    """,
    "CREATE INDEX clients_of_workspace ON clients (workspace_id)",
    """
    CREATE TABLE signing_keys (
        kid text NOT NULL,
        private_key bytea NOT NULL,
        public_jwk text NOT NULL,
        created_at timestamptz NOT NULL,
        retired_at timestamptz,
        PRIMARY KEY (kid)
    )
    """,
    """
    CREATE TABLE webhooks (
        id uuid NOT NULL,
        workspace_id text NOT NULL,
        name text NOT NULL,
        description text NOT NULL,
        destination text NOT NULL,
        secret bytea NOT NULL,
        secondary_secret bytea,
        auth_type text NOT NULL,
        client_id text NOT NULL,
        client_secret bytea,
        issuer_url text NOT NULL,
        api_key bytea,
        batching boolean NOT NULL,
        challenge_request_enabled boolean NOT NULL,
        content_mode text NOT NULL,
        paused boolean NOT NULL,
        status text NOT NULL,
        state_reason text NOT NULL DEFAULT '',
        endpoint_rate_limit integer,
        epoch integer NOT NULL DEFAULT 1,
        generation integer NOT NULL DEFAULT 1,
        hpe_principal text NOT NULL,
        created_by text NOT NULL,
        created_at timestamptz NOT NULL,
        updated_at timestamptz NOT NULL,
        deleted_at timestamptz,
        failures integer NOT NULL DEFAULT 0,
        first_failure_at timestamptz,
        last_failure_at timestamptz,
        halted_seconds double precision NOT NULL DEFAULT '0',
        halted_since timestamptz,
        PRIMARY KEY (id)
    )
    """,
    "CREATE INDEX webhooks_listed ON webhooks (workspace_id, created_at) WHERE deleted_at IS NULL",
    "CREATE UNIQUE INDEX webhooks_name ON webhooks (workspace_id, name) WHERE deleted_at IS NULL",
    """
    CREATE TABLE subscriptions (
        id uuid NOT NULL,
        workspace_id text NOT NULL,
        webhook uuid NOT NULL,
        event_type text NOT NULL,
        event_filter text NOT NULL DEFAULT '',
        description text NOT NULL DEFAULT '',
        generation integer NOT NULL DEFAULT 1,
        hpe_principal text NOT NULL,
        created_by text NOT NULL,
        created_at timestamptz NOT NULL,
        updated_by text NOT NULL,
        updated_at timestamptz NOT NULL,
        PRIMARY KEY (id),
        FOREIGN KEY (webhook) REFERENCES webhooks (id),
        FOREIGN KEY (event_type) REFERENCES event_types (type)
    )
    """,
    "CREATE UNIQUE INDEX subscriptions_matched ON subscriptions (workspace_id, event_type, webhook)",
    "CREATE INDEX subscriptions_of_webhook ON subscriptions (webhook)",
    """
    CREATE TABLE events (
        key uuid NOT NULL,
        id text NOT NULL,
        source text NOT NULL,
        type text NOT NULL,
        workspace_id text NOT NULL,
        body bytea,
        PRIMARY KEY (key)
    ) PARTITION BY RANGE (key)
    """,
    """
    CREATE TABLE receipts (
        key bytea NOT NULL,
        digest bytea NOT NULL,
        event uuid NOT NULL,
        accepted_at timestamptz NOT NULL,
        PRIMARY KEY (key)
    )
    """,
    "CREATE INDEX receipts_age ON receipts (accepted_at)",
)

DELIVERY = (
    """
    CREATE TABLE deliveries (
        event uuid NOT NULL,
        webhook uuid NOT NULL,
        round smallint NOT NULL,
        state text NOT NULL,
        due_at timestamptz,
        leased_until timestamptz,
        fence integer NOT NULL,
        attempts smallint NOT NULL,
        lost smallint NOT NULL,
        first_try_at timestamptz,
        halted_before double precision,
        status smallint,
        reason text,
        ended_at timestamptz,
        PRIMARY KEY (event, webhook, round)
    ) PARTITION BY RANGE (event)
    """,
    "CREATE INDEX deliveries_due ON deliveries (due_at) WHERE state = 'owed'",
    "CREATE INDEX deliveries_lanes ON deliveries (webhook, due_at) WHERE state = 'owed'",
    "CREATE INDEX deliveries_parked ON deliveries (webhook, event) WHERE state = 'parked'",
    """
    CREATE TABLE attempts (
        webhook uuid NOT NULL,
        event uuid NOT NULL,
        round smallint NOT NULL,
        fence integer NOT NULL,
        started_at timestamptz NOT NULL,
        milliseconds integer NOT NULL,
        success boolean NOT NULL,
        status smallint,
        reason text NOT NULL,
        request_headers bytea NOT NULL,
        response_headers bytea,
        response_body bytea,
        PRIMARY KEY (webhook, event, round, fence)
    ) PARTITION BY RANGE (event)
    """,
    """
    CREATE TABLE spreads (
        event uuid NOT NULL,
        workspace_id text NOT NULL,
        type text NOT NULL,
        cursor uuid,
        due_at timestamptz NOT NULL,
        leased_until timestamptz,
        fence integer NOT NULL,
        PRIMARY KEY (event)
    )
    """,
    "CREATE INDEX spreads_due ON spreads (due_at)",
    """
    CREATE TABLE challenges (
        webhook uuid NOT NULL,
        epoch integer NOT NULL,
        purpose text NOT NULL,
        tries smallint NOT NULL,
        due_at timestamptz NOT NULL,
        leased_until timestamptz,
        fence integer NOT NULL,
        PRIMARY KEY (webhook)
    )
    """,
    "CREATE INDEX challenges_due ON challenges (due_at)",
    """
    CREATE TABLE jobs (
        id uuid NOT NULL,
        kind text NOT NULL,
        webhook uuid NOT NULL,
        event uuid,
        round smallint,
        due_at timestamptz NOT NULL,
        leased_until timestamptz,
        fence integer NOT NULL,
        PRIMARY KEY (id)
    )
    """,
    "CREATE INDEX jobs_due ON jobs (due_at)",
    """
    CREATE TABLE workers (
        name text NOT NULL,
        slots integer NOT NULL,
        free integer NOT NULL,
        seen_at timestamptz NOT NULL,
        PRIMARY KEY (name)
    )
    """,
)

SAMPLE = "A sample of GreenLake's documentation."
TRANSFER = "A service provision moves to another workspace; documented as not raised."

#: Type without its prefix, friendly name, description; the first part of the type is its API group.
DOCUMENTED = (
    ("audit-log.v1.logs.created", "Audit log created", "An audit log entry was written."),
    (
        "subscriptions.v1.expiring-subscriptions",
        "Expiring subscriptions",
        "A subscription expires in 1, 30, 60 or 90 days.",
    ),
    ("service-provision.v1.serviceprovision.provisioned", "Service provisioned", "A service was provisioned."),
    ("service-provision.v1.serviceprovision.unprovision", "Service unprovisioned", "A service was unprovisioned."),
    ("service-provision.v1.serviceprovision.workspace.transfer", "Service provision transferred", TRANSFER),
    ("service-registry.v1.serviceoffer.onboarded", "Service offer onboarded", "A service offer was onboarded."),
    ("service-registry.v1.serviceoffer.delete", "Service offer deleted", "A service offer was deleted."),
    (
        "service-registry.v1.serviceofferregion.onboarded",
        "Service offer region onboarded",
        "A service offer was onboarded in a region.",
    ),
    (
        "service-registry.v1.serviceofferregion.delete",
        "Service offer region deleted",
        "A service offer was deleted in a region.",
    ),
    ("sample-publisher.v1beta1.sample-event1", "Sample event 1", SAMPLE),
    ("sample-publisher.v1beta1.sample-event2", "Sample event 2", SAMPLE),
    ("sample-publisher.v1beta1.sample-event3", "Sample event 3", SAMPLE),
    ("sample-publisher.v1beta1.sample-event4", "Sample event 4", SAMPLE),
    ("audit-logs.v1beta1.created", "Audit log created (sample)", SAMPLE),
    ("data.v1.volumes.created", "Volume created", SAMPLE),
    ("identity.v1.users.created", "User created", SAMPLE),
    ("compute-ops.v1.servers.rebooted", "Server rebooted", SAMPLE),
    ("data-services.v1.service-offline", "Service offline", SAMPLE),
    ("workspaces.v1beta1.tenants.deleted", "Tenant deleted", SAMPLE),
    ("devices.v2alpha2.devices.updated", "Device updated", SAMPLE),
    (
        "events.v1beta1.webhooks.delivery-failed",
        "Webhook delivery failed",
        "The delivery of an event to a webhook was given up.",
    ),
)

REGISTER = text(
    "INSERT INTO event_types"
    " (type, service_manager, api_group, friendly_name, description, generation, created_at, updated_at)"
    " VALUES (:type, 'HPE GreenLake Platform', :api_group, :friendly_name, :description, 1, now(), now())"
)


def upgrade() -> None:
    """Makes everything."""
    for statement in (*GROUND, *DELIVERY):
        op.execute(statement)
    prefix = context.config.attributes["settings"].type_prefix
    for rest, friendly_name, description in DOCUMENTED:
        values = {"api_group": rest.partition(".")[0], "friendly_name": friendly_name, "description": description}
        op.get_bind().execute(REGISTER, {"type": f"{prefix}.{rest}", **values})


def downgrade() -> None:
    """There is nothing before this."""
    raise NotImplementedError("the first revision is not taken back: drop the database instead")

"""The tables of applications, of event APIs and of the versions of event types; they stand beside the ground's once this is
imported."""

from sqlalchemy import BigInteger, Boolean, Column, ForeignKey, Index, Integer, LargeBinary, Table, Text, Uuid, text

from subscriptions.ground.tables import Moment, metadata

#: The named publishers of workspaces.
applications = Table(
    "applications",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("workspace_id", Text, nullable=False),
    #: The `source` of its events, and the first segment of the path that it posts them to.
    Column("name", Text, nullable=False),
    Column("description", Text, nullable=False, server_default=""),
    #: Its own webhook, which is told where it posts its events; null: none. One that was deleted counts as none.
    Column("webhook", Uuid),
    Column("generation", Integer, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("updated_at", Moment, nullable=False),
    Index("applications_name", "workspace_id", "name", unique=True),
)

event_apis = Table(
    "event_apis",
    metadata,
    Column("id", Uuid, primary_key=True),
    #: Whose it is; null: the operators'.
    Column("workspace_id", Text),
    #: The publisher within the workspace that it describes; empty where nobody said.
    Column("application", Text, nullable=False, server_default=""),
    Column("name", Text, nullable=False),
    Column("description", Text, nullable=False, server_default=""),
    #: What versions of one API have in common; empty: it stands alone.
    Column("api_group", Text, nullable=False, server_default=""),
    Column("version", Text, nullable=False),
    Column("deprecated", Boolean, nullable=False, server_default=text("false")),
    Column("deprecated_since", Moment),
    #: Since which version, where somebody says it so.
    Column("deprecated_in", Text, nullable=False, server_default=""),
    #: When it goes, and where to go instead.
    Column("sunset", Moment),
    Column("migration", Text, nullable=False, server_default=""),
    Column("for_removal", Boolean, nullable=False, server_default=text("false")),
    #: As it was given, empty where none came yet; `JSON` or `YAML`, and the version of AsyncAPI, empty where it is none.
    Column("document", LargeBinary, nullable=False),
    Column("format", Text, nullable=False),
    Column("asyncapi", Text, nullable=False),
    #: Servers, security and what else the document says of itself, as JSON.
    Column("details", Text, nullable=False),
    #: How it came here: `api`, `builtin`, `kyma`.
    Column("origin", Text, nullable=False),
    #: How one authenticates, external buses, where the document is fetched from: as JSON with `***` for secrets; and sealed.
    Column("access", Text, nullable=False, server_default="{}"),
    Column("access_sealed", LargeBinary),
    #: `INITIAL`, `SUCCEEDED`, `FAILED`, and why; empty where nothing is fetched.
    Column("fetch_condition", Text, nullable=False, server_default=""),
    Column("fetch_message", Text, nullable=False, server_default=""),
    Column("fetched_at", Moment),
    #: Why the text is no AsyncAPI document; empty where it is one, or there is none.
    Column("error", Text, nullable=False, server_default=""),
    Column("generation", Integer, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("updated_at", Moment, nullable=False),
    Index("event_apis_of_workspace", "workspace_id", "name"),
    Index("event_apis_of_group", "api_group"),
)

#: What an event API, or somebody by hand, says of one event type in one version.
event_type_versions = Table(
    "event_type_versions",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("event_type", Text, ForeignKey("event_types.type"), nullable=False),
    #: Null: the type was described by itself.
    Column("event_api", Uuid, ForeignKey("event_apis.id", ondelete="CASCADE")),
    Column("version", Text, nullable=False),
    #: Counts what was said of the type, from 1.
    Column("revision", Integer, nullable=False),
    #: What events of this version have as `dataschema`; empty: nothing.
    Column("dataschema", Text, nullable=False, server_default=""),
    Column("content_type", Text, nullable=False, server_default=""),
    #: `draft-04` to `2020-12`, or another schema language's own name.
    Column("dialect", Text, nullable=False, server_default=""),
    #: JSON Schemas as JSON, complete in themselves.
    Column("payload", Text),
    Column("headers", Text),
    #: Arrays and an object of JSON: examples of the data, rules for attributes, and what else the document says of the event.
    Column("examples", Text, nullable=False, server_default="[]"),
    Column("attributes", Text, nullable=False, server_default="[]"),
    Column("details", Text, nullable=False, server_default="{}"),
    Column("deprecated", Boolean, nullable=False, server_default=text("false")),
    Column("deprecated_since", Moment),
    #: Whether the type was made for this, and goes with it.
    Column("made_type", Boolean, nullable=False, server_default=text("false")),
    Column("created_at", Moment, nullable=False),
    Index("event_type_versions_of_type", "event_type", "event_api", unique=True),
    Index("event_type_versions_of_api", "event_api"),
    Index("event_type_versions_of_dataschema", "dataschema"),
)

#: Events that did not fit the schema of their type, since it was changed, by the workspace that published them.
schema_misfits = Table(
    "schema_misfits",
    metadata,
    Column("event_type", Text, ForeignKey("event_types.type"), primary_key=True),
    Column("workspace_id", Text, primary_key=True),
    Column("warned", BigInteger, nullable=False),
    Column("rejected", BigInteger, nullable=False),
    Column("since", Moment, nullable=False),
    Column("last_at", Moment, nullable=False),
    #: What was wrong with one of the newest, as JSON.
    Column("sample", Text, nullable=False),
)

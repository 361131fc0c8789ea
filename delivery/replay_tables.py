"""Replays, and what each has found and not settled (protocol.md 11.1). All other tables of deliveries stand in `tables.py`."""

from sqlalchemy import Boolean, Column, Double, Index, Integer, SmallInteger, Table, Text, Uuid, text

from subscriptions.ground.tables import Moment, metadata

#: Deliveries of a workspace that are sent again many at a time, and how far that is; claimed and leased as jobs are.
replays = Table(
    "replays",
    metadata,
    #: A uuid7: in order of their making.
    Column("id", Uuid, primary_key=True),
    Column("workspace_id", Text, nullable=False),
    Column("created_by", Text, nullable=False),
    #: `running`, `paused`, `cancelled` or `finished`.
    Column("state", Text, nullable=False),
    #: Of what was never owed, though its webhook is subscribed now.
    Column("missing", Boolean, nullable=False),
    #: A `DeliveryFilter` as JSON.
    Column("wanted", Text, nullable=False),
    Column("per_second", Double, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("updated_at", Moment, nullable=False),
    Column("ended_at", Moment),
    #: The last delivery that was looked at, as `<event>.<webhook>.<round>`.
    Column("cursor", Text),
    Column("found_all", Boolean, nullable=False),
    #: It has found as many as a replay may have, and left off there.
    Column("full_up", Boolean, nullable=False),
    #: When the next delivery may become due.
    Column("next_at", Moment, nullable=False),
    #: Counts, as JSON.
    Column("progress", Text, nullable=False),
    #: Null where there is nothing to do until somebody acts.
    Column("due_at", Moment),
    Column("leased_until", Moment),
    Column("fence", Integer, nullable=False),
    Index("replays_due", "due_at"),
    Index("replays_of_workspace", "workspace_id", "id"),
)

#: What a replay has found and not settled: written by the chunk that finds it, gone with the one that sees how it ended.
replay_items = Table(
    "replay_items",
    metadata,
    Column("replay", Uuid, primary_key=True),
    Column("webhook", Uuid, primary_key=True),
    Column("event", Uuid, primary_key=True),
    #: That it was opened in; null while it waits.
    Column("round", SmallInteger),
    #: 0: waits to be opened, 1: opened, and not tried so far, 2: tried, or parked.
    Column("stage", SmallInteger, nullable=False),
    #: When to look what has become of it; null while it waits.
    Column("look_at", Moment),
    Index("replay_items_waiting", "replay", "webhook", "event", postgresql_where=text("stage = 0")),
    Index("replay_items_open", "replay", "webhook", postgresql_where=text("stage = 1")),
    Index("replay_items_look", "replay", "look_at", postgresql_where=text("stage > 0")),
)

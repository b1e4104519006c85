"""The tables of the records. Names are a saved format: tables and columns are added, never renamed."""

from typing import Any

from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    Float,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
    TypeDecorator,
    text,
)

VERSION = 4

metadata = MetaData()


class Prose(TypeDecorator[str]):
    """Text from outside. NUL and lone surrogates, which JSON may hold and databases refuse, become U+FFFD."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Any) -> str | None:  # noqa: ARG002
        if value is None:
            return None
        return value.replace("\0", "\ufffd").encode("utf-16", "surrogatepass").decode("utf-16", "replace")


schema = Table("nango_agent_schema", metadata, Column("version", Integer, primary_key=True))

turns = Table(
    "nango_agent_turns",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("tenant", String(255), nullable=False),
    Column("requester", String(255), nullable=False),
    Column("organization", String(255), nullable=False),
    Column("thread_id", String(255), nullable=False, index=True),
    Column("assistant_id", String(255), nullable=False),
    Column("message_id", Prose, nullable=False),
    Column("started_at", Float, nullable=False),
    Column("finished_at", Float),
    Column("graph_id", String(255)),
    Column("settings", JSON),
    Column("model_calls", Integer),
    Column("tokens", Integer),
    Column("seconds", Float),
)

waits = Table(
    "nango_agent_waits",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("tenant", String(255), nullable=False),
    Column("requester", String(255), nullable=False),
    Column("organization", String(255), nullable=False),
    Column("thread_id", String(255), nullable=False, index=True),
    Column("assistant_id", String(255), nullable=False),
    Column("integration", String(255), nullable=False),
    Column("reason", String(32), nullable=False),
    Column("connection_id", String(255)),
    Column("deadline", Float, nullable=False),
    Column("state", String(16), nullable=False, index=True),
    Column("created_at", Float, nullable=False),
    Column("changed_at", Float, nullable=False),
    Column("turn_id", String(64)),
    Column("look_at", Float),
    Column("looks", Integer),
    Column("unverified", Boolean),
    Column("found_id", String(255)),
    Column("checked_by", Prose),
    Index("nango_agent_waits_due", "state", "look_at"),
    Index("nango_agent_waits_fresh", "state", "looks", "look_at"),
    Index("nango_agent_waits_requester", "integration", "requester", "state"),
    Index("nango_agent_waits_connection", "connection_id"),
    Index(
        "nango_agent_waits_open",
        "thread_id",
        "tenant",
        "requester",
        "integration",
        unique=True,
        sqlite_where=text("state = 'open'"),
        postgresql_where=text("state = 'open'"),
    ),
)

plans = Table(
    "nango_agent_plans",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("tenant", String(255), nullable=False),
    Column("thread_id", String(255), nullable=False, index=True),
    Column("turn_id", String(64), nullable=False),
    Column("ordinal", Integer, nullable=False),
    Column("state", String(16), nullable=False),
    Column("steps", JSON, nullable=False),
    Column("created_at", Float, nullable=False),
    Column("seen", JSON),
    Column("plan_again", Boolean),
)

decisions = Table(
    "nango_agent_decisions",
    metadata,
    Column("plan_id", String(64), nullable=False),
    Column("step", String(64), nullable=False),
    Column("item", String(64), nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("tenant", String(255), nullable=False),
    Column("thread_id", String(255), nullable=False),
    Column("verdict", String(16), nullable=False),
    Column("digest", String(64), nullable=False),
    Column("arguments", JSON, nullable=False),
    Column("asked_id", String(64), nullable=False),
    Column("actor", String(255), nullable=False),
    Column("message", Prose, nullable=False),
    Column("decided_at", Float, nullable=False),
    Column("fingerprint", String(64)),
    Column("access", String(16)),
    PrimaryKeyConstraint("plan_id", "step", "item", "attempt"),
)

calls = Table(
    "nango_agent_calls",
    metadata,
    Column("plan_id", String(64), nullable=False),
    Column("step", String(64), nullable=False),
    Column("item", String(64), nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("tenant", String(255), nullable=False),
    Column("thread_id", String(255), nullable=False),
    Column("tool", String(512), nullable=False),
    Column("connection_id", String(255), nullable=False),
    Column("access", String(16), nullable=False),
    Column("digest", String(64), nullable=False),
    Column("arguments", JSON, nullable=False),
    Column("state", String(16), nullable=False),
    Column("worker", String(64), nullable=False),
    Column("lease_until", Float, nullable=False),
    Column("output", JSON),
    Column("error", Prose),
    Column("started_at", Float, nullable=False),
    Column("finished_at", Float),
    PrimaryKeyConstraint("plan_id", "step", "item", "attempt"),
    Column("cause", String(32)),
    Column("async_id", String(255)),
    Column("artifact", String(64)),
    Column("position", Integer),
    Index("nango_agent_calls_thread", "thread_id", "tenant"),
    Index("nango_agent_calls_digest", "digest", "tenant"),
)

artifacts = Table(
    "nango_agent_artifacts",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("tenant", String(255), nullable=False),
    Column("thread_id", String(255), nullable=False, index=True),
    Column("size", Integer, nullable=False),
    Column("shape", Prose, nullable=False),
    Column("preview", Prose, nullable=False),
    Column("content", LargeBinary, nullable=False),
    Column("created_at", Float, nullable=False),
)

finished_actions = Table(
    "nango_agent_finished_actions",
    metadata,
    Column("id", String(255), primary_key=True),
    Column("finished_at", Float, nullable=False),
)

accounts = Table(
    "nango_agent_accounts",
    metadata,
    Column("tenant", String(255), nullable=False),
    Column("requester", String(255), nullable=False),
    Column("integration", String(255), nullable=False),
    Column("connection_id", String(255), nullable=False),
    Column("preferred_at", Float),
    Column("trusted", Boolean),
    Column("trusted_wait", String(64)),
    PrimaryKeyConstraint("tenant", "requester", "integration", "connection_id"),
)

definitions = Table(
    "nango_agent_definitions",
    metadata,
    Column("environment", Text, nullable=False),
    Column("integration", String(255), nullable=False),
    Column("name", String(255), nullable=False),
    Column("source", String(16), nullable=False),
    Column("fingerprint", String(64), nullable=False),
    Column("definition", JSON, nullable=False),
    Column("version", Prose),
    Column("seen_at", Float, nullable=False),
    Column("accepted_by", Prose),
    Column("changed_fingerprint", String(64)),
    Column("changed_definition", JSON),
    Column("changed_version", Prose),
    Column("changed_at", Float),
    PrimaryKeyConstraint("environment", "integration", "name", "source"),
)

threads = Table(
    "nango_agent_threads",
    metadata,
    Column("thread_id", String(255), primary_key=True),
    Column("owner", Text, nullable=False),
)

leases = Table(
    "nango_agent_leases",
    metadata,
    Column("name", String(600), primary_key=True),
    Column("kind", String(16), nullable=False, index=True),
    Column("thread_id", String(255), nullable=False),
    Column("worker", String(255), nullable=False),
    Column("fence", Integer, nullable=False),
    Column("until", Float, nullable=False),
)

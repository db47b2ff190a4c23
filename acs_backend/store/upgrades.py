"""From any earlier schema to the present one, in numbered steps.

Theory of operation
-------------------
A store carries the number of its schema in a table of one row. A new store is made as `schema` says, and gets the
present number. An older one goes through one step for each number between: `STEPS` has them by the number that they
lead to. All of it is one write transaction, so a process that is killed half way leaves the old schema, and of two
that open an old store at once, one upgrades it and the other waits and finds nothing to do.

A step is written down in SQL and never changed once it was released: it must lead from what that schema was to what
the next one was, whatever `schema` says by then. The tests compare a store that was upgraded from the first schema
with a new one.

A step may add, never take away or rename what the version before still uses: its processes may be running meanwhile.
They cannot open the store again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from sqlalchemy import insert, inspect, select, text, update
from sqlalchemy.engine import Connection

from acs_backend.store import schema
from twilio_compat.errors import ConfigurationError

VARIABLE = "TWILIO_COMPAT_DATABASE_URL"


def bring_up_to_date(connection: Connection) -> None:
    """Make the schema where there is none, or upgrade it, within the transaction of *connection*.

    `ConfigurationError` for a store of a newer version, and for a database that holds something else.
    """
    found = _version(connection)
    if found is None:
        schema.metadata.create_all(connection, checkfirst=False)
        connection.execute(insert(schema.versions).values(version=schema.VERSION))
    elif found > schema.VERSION:
        raise ConfigurationError(
            f"The database in {VARIABLE} was made by a newer version of twilio-acs-compat (schema {found}, "
            f"this one knows {schema.VERSION}); upgrade the package or name another database"
        )
    elif found < schema.VERSION:
        for number in range(found + 1, schema.VERSION + 1):
            STEPS[number](connection)
        connection.execute(update(schema.versions).values(version=schema.VERSION))


def _version(connection: Connection) -> int | None:
    """Return the number of the schema; None in an empty database."""
    tables = inspect(connection).get_table_names()
    if schema.versions.name in tables:
        number: int = connection.execute(select(schema.versions.c.version)).scalar_one()
        return number
    if taken := sorted(schema.metadata.tables.keys() & set(tables)):
        raise ConfigurationError(
            f"The database in {VARIABLE} has tables of something else ({', '.join(taken)}); "
            "give the store a database of its own"
        )
    return None


def _to_2(connection: Connection) -> None:
    """Room for what the whole client surface keeps, and the change feed."""
    _run(
        connection,
        "ALTER TABLE identities ADD COLUMN updated_at BIGINT",
        "ALTER TABLE identities ADD COLUMN role_sid VARCHAR(34)",
        "ALTER TABLE conversations ADD COLUMN next_topic TEXT",
        "ALTER TABLE participants ADD COLUMN role_sid VARCHAR(34)",
        "ALTER TABLE participants ADD COLUMN last_read_index INTEGER",
        "ALTER TABLE participants ADD COLUMN last_read_at BIGINT",
        "ALTER TABLE participants ADD COLUMN notification_level VARCHAR(16)",
        f"""
        CREATE TABLE changes (
            change_id {_NUMBERED[connection.dialect.name]},
            changed_at BIGINT NOT NULL,
            kind VARCHAR(32) NOT NULL,
            thread_id VARCHAR(256),
            acs_id VARCHAR(128),
            content TEXT NOT NULL
        )
        """,
        "CREATE INDEX ix_changes_changed_at ON changes (changed_at)",
        """
        CREATE TABLE push_registrations (
            identity VARCHAR(256) NOT NULL,
            channel VARCHAR(8) NOT NULL,
            registration_id VARCHAR(512) NOT NULL,
            created_at BIGINT NOT NULL,
            PRIMARY KEY (identity, channel, registration_id)
        )
        """,
        """
        CREATE TABLE presences (
            session VARCHAR(32) NOT NULL PRIMARY KEY,
            acs_id VARCHAR(128) NOT NULL,
            until BIGINT NOT NULL
        )
        """,
        "CREATE INDEX ix_presences_acs_id ON presences (acs_id)",
        """
        CREATE TABLE content_templates (
            sid VARCHAR(34) NOT NULL PRIMARY KEY,
            friendly_name TEXT NOT NULL,
            variables TEXT NOT NULL,
            types TEXT NOT NULL,
            created_at BIGINT NOT NULL,
            updated_at BIGINT NOT NULL
        )
        """,
    )


def _to_3(connection: Connection) -> None:
    """Room for what an account keeps: timers, imported dates, roles, documents and errands."""
    _run(
        connection,
        "ALTER TABLE identities ADD COLUMN deleted_at BIGINT",
        "CREATE INDEX ix_identities_created_at_sid ON identities (created_at, sid)",
        "ALTER TABLE conversations ADD COLUMN inactive_after VARCHAR(64)",
        "ALTER TABLE conversations ADD COLUMN closed_after VARCHAR(64)",
        "ALTER TABLE conversations ADD COLUMN due_at BIGINT",
        "ALTER TABLE conversations ADD COLUMN extras TEXT NOT NULL DEFAULT '{}'",
        "ALTER TABLE conversations ADD COLUMN date_updated BIGINT",
        "ALTER TABLE conversations ADD COLUMN active_at BIGINT",
        "ALTER TABLE conversations ADD COLUMN quiet_after BIGINT",
        "ALTER TABLE conversations ADD COLUMN untold TEXT",
        "CREATE INDEX ix_conversations_due_at ON conversations (due_at)",
        "CREATE INDEX ix_conversations_created_at_sid ON conversations (created_at, sid)",
        "ALTER TABLE participants ADD COLUMN date_created BIGINT",
        "ALTER TABLE participants ADD COLUMN date_updated BIGINT",
        "ALTER TABLE media ADD COLUMN mutation_id VARCHAR(64)",
        """
        CREATE TABLE roles (
            sid VARCHAR(34) NOT NULL PRIMARY KEY,
            friendly_name VARCHAR(64) NOT NULL,
            type VARCHAR(16) NOT NULL,
            permissions TEXT NOT NULL,
            created_at BIGINT NOT NULL,
            updated_at BIGINT NOT NULL
        )
        """,
        """
        CREATE TABLE documents (
            kind VARCHAR(64) NOT NULL,
            name VARCHAR(512) NOT NULL,
            content TEXT NOT NULL,
            created_at BIGINT NOT NULL,
            updated_at BIGINT NOT NULL,
            PRIMARY KEY (kind, name)
        )
        """,
        "CREATE INDEX ix_documents_kind_created_at ON documents (kind, created_at)",
        f"""
        CREATE TABLE errands (
            errand_id {_NUMBERED[connection.dialect.name]},
            queue VARCHAR(64) NOT NULL,
            line VARCHAR(256) NOT NULL,
            key VARCHAR(256) NOT NULL,
            content TEXT NOT NULL,
            created_at BIGINT NOT NULL,
            due_at BIGINT NOT NULL,
            attempts INTEGER NOT NULL,
            state VARCHAR(16) NOT NULL,
            last_error TEXT,
            UNIQUE (queue, key)
        )
        """,
        "CREATE INDEX ix_errands_queue_state_due_at ON errands (queue, state, due_at)",
        "CREATE INDEX ix_errands_queue_line_state_errand_id ON errands (queue, line, state, errand_id)",
        """
        CREATE TABLE errand_lines (
            queue VARCHAR(64) NOT NULL,
            line VARCHAR(256) NOT NULL,
            ready_at BIGINT NOT NULL,
            held_errand BIGINT,
            PRIMARY KEY (queue, line)
        )
        """,
        "CREATE INDEX ix_errand_lines_queue_ready_at ON errand_lines (queue, ready_at)",
        """
        CREATE TABLE leases (
            name VARCHAR(64) NOT NULL PRIMARY KEY,
            holder VARCHAR(64) NOT NULL,
            until BIGINT NOT NULL
        )
        """,
    )


def _to_4(connection: Connection) -> None:
    """Room for what messages from elsewhere keep."""
    _run(
        connection,
        "ALTER TABLE messages ADD COLUMN written_at BIGINT",
        """
        CREATE TABLE adoptions (
            thread_id VARCHAR(256) NOT NULL,
            mutation_id VARCHAR(64) NOT NULL,
            sid VARCHAR(34),
            "index" INTEGER,
            written_at BIGINT,
            PRIMARY KEY (thread_id, mutation_id),
            UNIQUE (sid),
            UNIQUE (thread_id, "index")
        )
        """,
    )


_NUMBERED: Mapping[str, str] = MappingProxyType(
    {
        "sqlite": "INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT",
        "postgresql": "BIGSERIAL PRIMARY KEY",
    }
)
"""A column that numbers the rows of its table, never the same number twice."""

STEPS: Mapping[int, Callable[[Connection], None]] = MappingProxyType({2: _to_2, 3: _to_3, 4: _to_4})
"""What leads to each schema from the one before."""


def _run(connection: Connection, *statements: str) -> None:
    for statement in statements:
        connection.execute(text(statement))

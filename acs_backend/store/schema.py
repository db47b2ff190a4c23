"""The tables of the store: what ACS has no place for, and what maps its ids to Twilio's.

Times are UTC epoch milliseconds in integers, since that is what ACS's message ids and versions are; JSON is text.
``thread_id`` and ``acs_id`` are ACS's, ``sid`` and ``identity`` Twilio's.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
)

VERSION = 4
"""Number of this schema; a store with a higher one is refused."""

metadata = MetaData()

versions = Table(
    "schema_version",
    metadata,
    Column("version", Integer, primary_key=True),
)

identities = Table(
    "identities",
    metadata,
    Column("identity", String(256), primary_key=True),
    Column("acs_id", String(128), nullable=False, unique=True),
    Column("sid", String(34), nullable=False, unique=True),
    Column("friendly_name", Text),
    Column("attributes", Text, nullable=False, default="{}"),
    Column("native", Boolean, nullable=False, default=False),
    Column("created_at", BigInteger, nullable=False),
    Column("updated_at", BigInteger),
    Column("role_sid", String(34)),
    Column("deleted_at", BigInteger),
    Index("ix_identities_created_at_sid", "created_at", "sid"),
)
"""Who is who. ``native``: the ACS user was told to somebody, so this user may write past the shim. ``deleted_at``: since
when they are no user of the service; the row stays, since what they wrote does."""

conversations = Table(
    "conversations",
    metadata,
    Column("sid", String(34), primary_key=True),
    Column("thread_id", String(256), nullable=False, unique=True),
    Column("unique_name", String(256), unique=True),
    Column("friendly_name", Text),
    Column("topic", Text, nullable=False),
    Column("next_topic", Text),
    Column("attributes", Text, nullable=False, default="{}"),
    Column("created_by", String(256), nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("updated_at", BigInteger, nullable=False),
    Column("state", String(16), nullable=False, default="active"),
    Column("state_updated_at", BigInteger, nullable=False),
    Column("native", Boolean, nullable=False, default=False),
    Column("synced_sequence", BigInteger, nullable=False, default=0),
    Column("deleted_at", BigInteger),
    Column("inactive_after", String(64)),
    Column("closed_after", String(64)),
    Column("due_at", BigInteger, index=True),
    Column("extras", Text, nullable=False, default="{}", server_default="{}"),
    Column("date_updated", BigInteger),
    Column("active_at", BigInteger),
    Column("quiet_after", BigInteger),
    Column("untold", Text),
    Index("ix_conversations_created_at_sid", "created_at", "sid"),
)
"""``topic`` is what the thread was last seen to carry, ``next_topic`` the friendly name that it is about to stand for
(none: the empty text; NULL: nothing is under way). ``native``: a writer past the shim was seen or is possible.
``synced_sequence``: the ledger below is complete up to this ACS sequence id. ``inactive_after`` and ``closed_after`` are
its timers, ISO 8601 durations, and ``due_at`` is the earliest time at which one of them can have run out: it is looked at
then, and put off if somebody has written since. ``extras`` is JSON that the account has kept with it.
``date_updated`` is what the account wants shown instead of ``updated_at``, until the next change. ``active_at``: since
when it is active, or last was (NULL: ``state_updated_at`` says so). ``quiet_after``: the newest message there was when it
became inactive; one that is newer makes it active. ``untold``: JSON, the moves that nobody was told who asks for them;
`acs_backend.movements` says more of these."""

participants = Table(
    "participants",
    metadata,
    Column("thread_id", String(256), primary_key=True),
    Column("acs_id", String(128), primary_key=True),
    Column("sid", String(34), nullable=False, unique=True),
    Column("attributes", Text, nullable=False, default="{}"),
    Column("created_at", BigInteger, nullable=False),
    Column("updated_at", BigInteger, nullable=False),
    Column("role_sid", String(34)),
    Column("last_read_index", Integer),
    Column("last_read_at", BigInteger),
    Column("notification_level", String(16)),
    Column("date_created", BigInteger),
    Column("date_updated", BigInteger),
)
"""What a member has beyond ACS's record of them. Who is a member, ACS alone decides. ``date_created`` and
``date_updated`` are what the account wants shown of a member who is imported; ``created_at`` is when they came here."""

messages = Table(
    "messages",
    metadata,
    Column("thread_id", String(256), primary_key=True),
    Column("message_id", BigInteger, primary_key=True),
    Column("index", Integer),
    Column("sid", String(34), nullable=False, unique=True),
    Column("mutation_id", String(64)),
    Column("deleted", Boolean, nullable=False, default=False),
    Column("written_at", BigInteger),
    UniqueConstraint("thread_id", "index"),
    UniqueConstraint("thread_id", "mutation_id"),
)
"""The ledger: each user message of a thread and its index. No index: a second copy of a message that was sent
twice after an unclear answer, hidden from everyone. ``written_at``: when one that is imported was written."""

adoptions = Table(
    "adoptions",
    metadata,
    Column("thread_id", String(256), primary_key=True),
    Column("mutation_id", String(64), primary_key=True),
    Column("sid", String(34), unique=True),
    Column("index", Integer),
    Column("written_at", BigInteger),
    UniqueConstraint("thread_id", "index"),
)
"""What a message from elsewhere is to keep, from before it is sent until the ledger has it (`acs_backend.store.adoptions`)."""

writers = Table(
    "writers",
    metadata,
    Column("writer", String(32), primary_key=True),
    Column("until", BigInteger, nullable=False),
)
"""The processes that may be sending, each until a time it keeps moving on; see `acs_backend.ledger.writer_lease`."""

overflows = Table(
    "overflows",
    metadata,
    Column("thread_id", String(256), primary_key=True),
    Column("overflow_id", String(64), primary_key=True),
    Column("content", Text, nullable=False),
)
"""What did not fit into a message's ACS metadata; the message names it by ``overflow_id``."""

media = Table(
    "media",
    metadata,
    Column("sid", String(34), primary_key=True),
    Column("blob_name", Text, nullable=False),
    Column("content_type", Text, nullable=False),
    Column("filename", Text),
    Column("size", BigInteger, nullable=False),
    Column("category", String(16), nullable=False, default="media"),
    Column("author", String(256), nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("thread_id", String(256), ForeignKey("conversations.thread_id")),
    Column("message_id", BigInteger),
    Column("mutation_id", String(64)),
)
"""Uploaded files; ``thread_id`` and ``message_id`` once a message names them, ``mutation_id`` from when it is about to."""

changes = Table(
    "changes",
    metadata,
    Column("change_id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    Column("changed_at", BigInteger, nullable=False, index=True),
    Column("kind", String(32), nullable=False),
    Column("thread_id", String(256)),
    Column("acs_id", String(128)),
    Column("content", Text, nullable=False),
    sqlite_autoincrement=True,
)
"""The change feed: what the store's other tables have come to hold, in the order of the transactions that wrote it.
``content`` is JSON; `acs_backend.store.changes` has the kinds."""

push_registrations = Table(
    "push_registrations",
    metadata,
    Column("identity", String(256), primary_key=True),
    Column("channel", String(8), primary_key=True),
    Column("registration_id", String(512), primary_key=True),
    Column("created_at", BigInteger, nullable=False),
)
"""Devices that can be notified."""

presences = Table(
    "presences",
    metadata,
    Column("session", String(32), primary_key=True),
    Column("acs_id", String(128), nullable=False, index=True),
    Column("until", BigInteger, nullable=False),
)
"""Who is connected, each connection until a time it keeps moving on."""

content_templates = Table(
    "content_templates",
    metadata,
    Column("sid", String(34), primary_key=True),
    Column("friendly_name", Text, nullable=False),
    Column("variables", Text, nullable=False),
    Column("types", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("updated_at", BigInteger, nullable=False),
)
"""Prepared messages, as Twilio's Content API words them."""

roles = Table(
    "roles",
    metadata,
    Column("sid", String(34), primary_key=True),
    Column("friendly_name", String(64), nullable=False),
    Column("type", String(16), nullable=False),
    Column("permissions", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("updated_at", BigInteger, nullable=False),
)
"""Roles; the four default ones are here once the account has looked at them."""

documents = Table(
    "documents",
    metadata,
    Column("kind", String(64), primary_key=True),
    Column("name", String(512), primary_key=True),
    Column("content", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("updated_at", BigInteger, nullable=False),
    Index("ix_documents_kind_created_at", "kind", "created_at"),
)
"""JSON objects that are kept for the account: services, configurations, webhooks."""

errands = Table(
    "errands",
    metadata,
    Column("errand_id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    Column("queue", String(64), nullable=False),
    Column("line", String(256), nullable=False),
    Column("key", String(256), nullable=False),
    Column("content", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("due_at", BigInteger, nullable=False),
    Column("attempts", Integer, nullable=False, default=0),
    Column("state", String(16), nullable=False),
    Column("last_error", Text),
    UniqueConstraint("queue", "key"),
    Index("ix_errands_queue_state_due_at", "queue", "state", "due_at"),
    Index("ix_errands_queue_line_state_errand_id", "queue", "line", "state", "errand_id"),
    sqlite_autoincrement=True,
)
"""What is to be done later, once each: ``waiting``, ``done`` or ``dead``. Those of a line in the order of their ids.
One that is over stays for a while, so that its key is known; ``due_at`` is then when it came to its end."""

errand_lines = Table(
    "errand_lines",
    metadata,
    Column("queue", String(64), primary_key=True),
    Column("line", String(256), primary_key=True),
    Column("ready_at", BigInteger, nullable=False),
    Column("held_errand", BigInteger),
    Index("ix_errand_lines_queue_ready_at", "queue", "ready_at"),
)
"""The lines in which something waits. ``ready_at``: from when on the first of it can be taken; where ``held_errand`` was
taken, until when whoever did has it alone."""

leases = Table(
    "leases",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("holder", String(64), nullable=False),
    Column("until", BigInteger, nullable=False),
)
"""What only one process does at a time, and which one that is."""

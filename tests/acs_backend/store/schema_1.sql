-- A store as the first version of the library made and filled it.
CREATE TABLE schema_version (version INTEGER NOT NULL, PRIMARY KEY (version));
CREATE TABLE identities (
    identity VARCHAR(256) NOT NULL,
    acs_id VARCHAR(128) NOT NULL,
    sid VARCHAR(34) NOT NULL,
    friendly_name TEXT,
    attributes TEXT NOT NULL,
    native BOOLEAN NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (identity),
    UNIQUE (acs_id),
    UNIQUE (sid)
);
CREATE TABLE conversations (
    sid VARCHAR(34) NOT NULL,
    thread_id VARCHAR(256) NOT NULL,
    unique_name VARCHAR(256),
    friendly_name TEXT,
    topic TEXT NOT NULL,
    attributes TEXT NOT NULL,
    created_by VARCHAR(256) NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    state VARCHAR(16) NOT NULL,
    state_updated_at BIGINT NOT NULL,
    native BOOLEAN NOT NULL,
    synced_sequence BIGINT NOT NULL,
    deleted_at BIGINT,
    PRIMARY KEY (sid),
    UNIQUE (thread_id),
    UNIQUE (unique_name)
);
CREATE TABLE participants (
    thread_id VARCHAR(256) NOT NULL,
    acs_id VARCHAR(128) NOT NULL,
    sid VARCHAR(34) NOT NULL,
    attributes TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    PRIMARY KEY (thread_id, acs_id),
    UNIQUE (sid)
);
CREATE TABLE messages (
    thread_id VARCHAR(256) NOT NULL,
    message_id BIGINT NOT NULL,
    "index" INTEGER,
    sid VARCHAR(34) NOT NULL,
    mutation_id VARCHAR(64),
    deleted BOOLEAN NOT NULL,
    PRIMARY KEY (thread_id, message_id),
    UNIQUE (thread_id, "index"),
    UNIQUE (thread_id, mutation_id),
    UNIQUE (sid)
);
CREATE TABLE writers (writer VARCHAR(32) NOT NULL, until BIGINT NOT NULL, PRIMARY KEY (writer));
CREATE TABLE overflows (
    thread_id VARCHAR(256) NOT NULL,
    overflow_id VARCHAR(64) NOT NULL,
    content TEXT NOT NULL,
    PRIMARY KEY (thread_id, overflow_id)
);
CREATE TABLE media (
    sid VARCHAR(34) NOT NULL,
    blob_name TEXT NOT NULL,
    content_type TEXT NOT NULL,
    filename TEXT,
    size BIGINT NOT NULL,
    category VARCHAR(16) NOT NULL,
    author VARCHAR(256) NOT NULL,
    created_at BIGINT NOT NULL,
    thread_id VARCHAR(256),
    message_id BIGINT,
    PRIMARY KEY (sid),
    FOREIGN KEY (thread_id) REFERENCES conversations (thread_id)
);
INSERT INTO schema_version VALUES (1);
INSERT INTO identities VALUES ('alice', '8:acs:alice', 'US1', 'Alice', '{"mood": "good"}', true, 11);
INSERT INTO conversations VALUES ('CH1', '19:room', 'room', 'Room', 'Topic', '{"n": 1}', 'alice', 12, 13, 'active', 14, false, 15, NULL);
INSERT INTO participants VALUES ('19:room', '8:acs:alice', 'MB1', '{"seat": 2}', 16, 17);
INSERT INTO messages VALUES ('19:room', 1800000000000, 0, 'IM1', 'mutation', false);
INSERT INTO messages VALUES ('19:room', 1800000000001, NULL, 'IM2', NULL, true);
INSERT INTO writers VALUES ('writer', 18);
INSERT INTO overflows VALUES ('19:room', 'overflow', 'a long text');
INSERT INTO media VALUES ('ME1', 'blob', 'image/png', 'a.png', 19, 'media', 'alice', 20, '19:room', 1800000000000);

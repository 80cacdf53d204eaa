CREATE TABLE rooms (
    room_id        TEXT   NOT NULL PRIMARY KEY,
    version        TEXT   NOT NULL,
    creator        TEXT   NOT NULL,
    created_ts     BIGINT NOT NULL,
    state          BYTEA  NOT NULL,           -- root of the current state, in state_nodes
    joined_members BIGINT NOT NULL DEFAULT 0,
    invited_members BIGINT NOT NULL DEFAULT 0,
    position       BIGINT NOT NULL DEFAULT 0  -- of the newest event in the stream
);

-- Everything we know of an event. The JSON is the PDU in canonical form, already redacted once a redaction took effect.
CREATE TABLE events (
    event_id         TEXT   NOT NULL UNIQUE,
    room_id          TEXT   NOT NULL,
    position         BIGINT,                  -- in the stream; negative if backfilled, NULL if not part of the timeline
    depth            BIGINT NOT NULL,
    type             TEXT   NOT NULL,
    state_key        TEXT,
    sender           TEXT   NOT NULL,
    origin_server_ts BIGINT NOT NULL,
    received_ts      BIGINT NOT NULL,
    json             BYTEA  NOT NULL,
    state_before     BYTEA,                   -- roots in state_nodes; NULL while the state at the event is not known
    state_after      BYTEA,
    room_state       BYTEA,                   -- the room's state once this event was processed, where forks made it differ
    auth_chain       BYTEA,                   -- of state events: the set of their auth chain, a root in state_nodes
    replaces         TEXT,                    -- the state event that was current before this one
    redacted_by      TEXT,
    rejected         TEXT,                    -- why the authorisation rules refuse it
    soft_failed      BOOLEAN NOT NULL DEFAULT FALSE,
    device_id        TEXT,                    -- of the local sender, and its transaction ID, for `unsigned`
    txn_id           TEXT
);
CREATE UNIQUE INDEX events_position ON events (position) WHERE position IS NOT NULL;
CREATE INDEX events_by_room ON events (room_id, depth, position) WHERE position IS NOT NULL;
CREATE INDEX events_in_stream ON events (room_id, position) WHERE position IS NOT NULL;
CREATE INDEX events_of_member ON events (room_id, state_key, position) WHERE type = 'm.room.member';
CREATE INDEX events_by_time ON events (room_id, origin_server_ts) WHERE position IS NOT NULL;

-- The newest events, which the next one will have as its prev_events.
CREATE TABLE forward_extremities (
    room_id  TEXT NOT NULL,
    event_id TEXT NOT NULL,
    PRIMARY KEY (room_id, event_id)
);

-- Which state events name which others in their auth_events.
CREATE TABLE auth_citations (
    cited  TEXT NOT NULL,
    citing TEXT NOT NULL,
    PRIMARY KEY (cited, citing)
);

-- Where a room's timeline has holes: events of it, and those of their prev_events that are not known.
CREATE TABLE timeline_gaps (
    room_id  TEXT NOT NULL,
    event_id TEXT NOT NULL,
    missing  TEXT NOT NULL,
    PRIMARY KEY (room_id, event_id, missing)
);
CREATE INDEX timeline_gaps_by_missing ON timeline_gaps (missing);

-- The last position that was given to a backfilled event. One row.
CREATE TABLE backfill_position (
    position BIGINT NOT NULL
);
INSERT INTO backfill_position (position) VALUES (0);

-- State as a content-addressed persistent map: nodes of hash tries, shared by all states of all rooms.
CREATE TABLE state_nodes (
    hash BYTEA NOT NULL PRIMARY KEY,
    node BYTEA NOT NULL
);

-- The m.room.member events of the current state of each room, for questions about one user or all members.
CREATE TABLE memberships (
    room_id    TEXT   NOT NULL,
    user_id    TEXT   NOT NULL,
    membership TEXT   NOT NULL,
    event_id   TEXT   NOT NULL,
    sender     TEXT   NOT NULL,
    position   BIGINT NOT NULL,               -- of the stream when this became current
    forgotten  BOOLEAN NOT NULL DEFAULT FALSE,
    PRIMARY KEY (room_id, user_id)
);
CREATE INDEX memberships_of_user ON memberships (user_id, membership);
CREATE INDEX memberships_in_room ON memberships (room_id, membership, position);

-- Which event a client's transaction made. Kept for a day or so.
CREATE TABLE sent_transactions (
    user_id    TEXT   NOT NULL,
    device_id  TEXT   NOT NULL,
    room_id    TEXT   NOT NULL,
    txn_id     TEXT   NOT NULL,
    event_id   TEXT   NOT NULL,
    created_ts BIGINT NOT NULL,
    PRIMARY KEY (user_id, device_id, room_id, txn_id)
);
CREATE INDEX sent_transactions_by_age ON sent_transactions (created_ts);

-- `m.relates_to` of accepted events ("Event relationships").
CREATE TABLE relations (
    event_id TEXT   NOT NULL PRIMARY KEY,
    room_id  TEXT   NOT NULL,
    parent   TEXT   NOT NULL,
    rel_type TEXT   NOT NULL,
    type     TEXT   NOT NULL,
    sender   TEXT   NOT NULL,
    depth    BIGINT NOT NULL,
    position BIGINT NOT NULL
);
CREATE INDEX relations_of_parent ON relations (parent, rel_type, depth, position);
CREATE INDEX relations_in_room ON relations (room_id, rel_type, depth, position);

-- Events that redactions which arrived first will redact.
CREATE TABLE pending_redactions (
    redacts  TEXT NOT NULL,
    event_id TEXT NOT NULL,
    PRIMARY KEY (redacts, event_id)
);

-- Purges of history that were asked for.
CREATE TABLE purges (
    purge_id    TEXT   NOT NULL PRIMARY KEY,
    room_id     TEXT   NOT NULL,
    depth       BIGINT NOT NULL,              -- the place up to which the timeline is purged
    position    BIGINT NOT NULL,
    started_ts  BIGINT NOT NULL,
    purged      BIGINT NOT NULL,              -- events that are gone
    finished_ts BIGINT
);
CREATE INDEX purges_unfinished ON purges (started_ts) WHERE finished_ts IS NULL;

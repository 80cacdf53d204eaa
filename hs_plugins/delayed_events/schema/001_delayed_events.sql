CREATE TABLE delayed_events (
    delay_id         TEXT   NOT NULL PRIMARY KEY,
    user_id          TEXT   NOT NULL,
    device_id        TEXT,
    txn_id           TEXT,
    room_id          TEXT   NOT NULL,
    type             TEXT   NOT NULL,
    state_key        TEXT,
    content          BYTEA  NOT NULL,             -- a JSON object
    origin_server_ts BIGINT,                      -- an application service's own
    delay_ms         BIGINT NOT NULL,
    running_since    BIGINT NOT NULL,
    due_ts           BIGINT NOT NULL,             -- running_since + delay_ms
    claimed_until    BIGINT NOT NULL DEFAULT 0,   -- until then, whoever claimed it is sending it
    outcome          TEXT,                        -- NULL: it is scheduled still; else 'send', 'cancel' or 'error'
    reason           TEXT,                        -- of the outcome: 'action' or 'delay'
    finalised_ts     BIGINT,
    event_id         TEXT,
    error            BYTEA                        -- JSON: the standard error response
);
CREATE INDEX delayed_events_due ON delayed_events (due_ts) WHERE outcome IS NULL;
CREATE INDEX delayed_events_of_user ON delayed_events (user_id, due_ts);
CREATE INDEX delayed_events_finalised ON delayed_events (finalised_ts) WHERE outcome IS NOT NULL;
CREATE UNIQUE INDEX delayed_events_by_transaction ON delayed_events (user_id, device_id, room_id, txn_id)
    WHERE txn_id IS NOT NULL;

-- Who schedules an event locks the user's row first, so that the number of their events can be limited.
CREATE TABLE delayed_event_users (
    user_id TEXT NOT NULL PRIMARY KEY
);

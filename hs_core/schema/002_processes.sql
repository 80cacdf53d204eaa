-- Counts the changes of ownership of a stream's slots. Whoever changes an owner updates it, and so waits for the lock
-- that writing transactions hold from taking their positions to their commit.
ALTER TABLE stream_positions ADD COLUMN ownership BIGINT NOT NULL DEFAULT 0;

-- The processes of a deployment. A slot is free if its owner is not here.
CREATE TABLE processes (
    id         TEXT    NOT NULL PRIMARY KEY,
    name       TEXT    NOT NULL,
    plugins    TEXT    NOT NULL, -- a JSON list of those that are active
    address    TEXT    NOT NULL, -- where its internal listener is
    leaving    BOOLEAN NOT NULL, -- it hands over what it owns, and takes nothing
    started_ms BIGINT  NOT NULL, -- the database's time, as is the next
    seen_ms    BIGINT  NOT NULL  -- the last heartbeat
);

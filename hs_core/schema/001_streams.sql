-- The last position of each stream. Updating its row is the last thing a writing transaction does: the row's lock makes
-- positions appear in the order of their commits.
CREATE TABLE stream_positions (
    stream   TEXT   NOT NULL PRIMARY KEY,
    position BIGINT NOT NULL
);

-- Who may write which share of a stream. A writing transaction proves its epoch here.
CREATE TABLE stream_slots (
    stream TEXT   NOT NULL,
    slot   BIGINT NOT NULL,
    owner  TEXT   NOT NULL,
    epoch  BIGINT NOT NULL,
    PRIMARY KEY (stream, slot)
);

-- What is searched: the folded words of messages, names and topics, by the position of their events in the stream.
CREATE TABLE search_texts (
    position BIGINT NOT NULL PRIMARY KEY,
    event_id TEXT   NOT NULL UNIQUE,
    room_id  TEXT   NOT NULL,
    sender   TEXT   NOT NULL,
    key      TEXT   NOT NULL,                    -- which of the keys of a search it is: body, name or topic
    room     TEXT   NOT NULL,                    -- the room as one word
    words    TEXT   NOT NULL,
    vector   TSVECTOR GENERATED ALWAYS AS (array_to_tsvector(string_to_array(room || ' ' || words, ' '))) STORED
);
CREATE INDEX search_index ON search_texts USING gin (vector);

-- How far the history has been taken in that came from other servers: down to this position. One row.
CREATE TABLE search_history (
    position BIGINT NOT NULL
);
INSERT INTO search_history (position) VALUES (0);

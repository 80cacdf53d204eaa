-- What is searched: the folded words of messages, names and topics, by the position of their events in the stream.
CREATE TABLE search_texts (
    position INTEGER PRIMARY KEY,
    event_id TEXT NOT NULL UNIQUE,
    room_id  TEXT NOT NULL,
    sender   TEXT NOT NULL,
    key      TEXT NOT NULL,                      -- which of the keys of a search it is: body, name or topic
    room     TEXT NOT NULL,                      -- the room as one word
    words    TEXT NOT NULL
);

-- Words have no ASCII characters but letters and digits, and are folded already.
CREATE VIRTUAL TABLE search_index USING fts5 (
    room, words, content = 'search_texts', content_rowid = 'position', tokenize = 'ascii'
);
CREATE TRIGGER search_texts_come AFTER INSERT ON search_texts BEGIN
    INSERT INTO search_index (rowid, room, words) VALUES (new.position, new.room, new.words);
END;
CREATE TRIGGER search_texts_go AFTER DELETE ON search_texts BEGIN
    INSERT INTO search_index (search_index, rowid, room, words) VALUES ('delete', old.position, old.room, old.words);
END;

-- How far the history has been taken in that came from other servers: down to this position. One row.
CREATE TABLE search_history (
    position BIGINT NOT NULL
);
INSERT INTO search_history (position) VALUES (0);

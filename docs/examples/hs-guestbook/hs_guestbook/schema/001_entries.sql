-- One entry for each author and book; to write again moves it to a new position.
CREATE TABLE guestbook_entries (
    position   BIGINT NOT NULL PRIMARY KEY,
    owner      TEXT   NOT NULL,
    author     TEXT   NOT NULL,
    text       TEXT   NOT NULL,
    written_at BIGINT NOT NULL,
    UNIQUE (owner, author)
);

CREATE INDEX guestbook_entries_of_owner ON guestbook_entries (owner, position);
CREATE INDEX guestbook_entries_by_age ON guestbook_entries (written_at);

-- One row per version that a user ever made: numbers are not used again.
CREATE TABLE key_backups (
    user_id   TEXT    NOT NULL,
    version   BIGINT  NOT NULL,
    algorithm TEXT    NOT NULL,
    auth_data BYTEA   NOT NULL,                   -- JSON
    sessions  BIGINT  NOT NULL DEFAULT 0,         -- how many there are
    etag      BIGINT  NOT NULL DEFAULT 0,         -- counts the changes of sessions
    deleted   BOOLEAN NOT NULL DEFAULT FALSE,
    PRIMARY KEY (user_id, version)
);

-- Who makes a version locks the row first.
CREATE TABLE key_backup_owners (
    user_id TEXT   NOT NULL PRIMARY KEY,
    newest  BIGINT NOT NULL                       -- version
);

CREATE TABLE backed_up_sessions (
    user_id             TEXT    NOT NULL,
    version             BIGINT  NOT NULL,
    room_id             TEXT    NOT NULL,
    session_id          TEXT    NOT NULL,
    first_message_index BIGINT  NOT NULL,
    forwarded_count     BIGINT  NOT NULL,
    is_verified         BOOLEAN NOT NULL,
    session_data        BYTEA   NOT NULL,         -- JSON
    PRIMARY KEY (user_id, version, room_id, session_id)
);

-- Every local user, and everybody who is in a room that this server knows.
CREATE TABLE user_directory_users (
    user_id      TEXT    NOT NULL PRIMARY KEY,
    display_name TEXT,
    avatar_url   TEXT,
    is_local     BOOLEAN NOT NULL,
    from_public  BOOLEAN NOT NULL DEFAULT FALSE, -- of another server: the name and avatar are those of a public room
    deactivated  BOOLEAN NOT NULL DEFAULT FALSE  -- never to be shown again
);

-- What users are found by: words of their ID and name, folded, from each place in them where a part begins.
CREATE TABLE user_directory_terms (
    term    TEXT COLLATE "C" NOT NULL,
    user_id TEXT NOT NULL,
    PRIMARY KEY (term, user_id)
);
CREATE INDEX user_directory_terms_of_user ON user_directory_terms (user_id, term);

-- The state that the members of a room were taken from; empty while they are being taken in for the first time.
CREATE TABLE user_directory_rooms (
    room_id   TEXT    NOT NULL PRIMARY KEY,
    state     BYTEA   NOT NULL,
    is_public BOOLEAN NOT NULL                   -- everybody may find its members
);

CREATE TABLE user_directory_members (
    room_id  TEXT    NOT NULL,
    user_id  TEXT    NOT NULL,
    is_local BOOLEAN NOT NULL,
    PRIMARY KEY (room_id, user_id)
);
CREATE INDEX user_directory_members_of_user ON user_directory_members (user_id, room_id);
CREATE INDEX user_directory_local_members ON user_directory_members (room_id) WHERE is_local;

-- How far the accounts have been taken in that were there before the plugin. One row.
CREATE TABLE user_directory_accounts (
    after TEXT    NOT NULL,
    done  BOOLEAN NOT NULL
);
INSERT INTO user_directory_accounts (after, done) VALUES ('', FALSE);

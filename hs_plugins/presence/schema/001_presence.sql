-- What is known of users over a restart; written some seconds after it changed.
CREATE TABLE presence (
    user_id     TEXT   NOT NULL PRIMARY KEY,
    presence    TEXT   NOT NULL,
    status_msg  TEXT,
    last_active BIGINT NOT NULL                   -- milliseconds since the epoch
);
CREATE INDEX presence_not_offline ON presence (user_id) WHERE presence <> 'offline';

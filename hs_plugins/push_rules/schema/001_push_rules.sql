CREATE TABLE push_rules (
    user_id  TEXT   NOT NULL PRIMARY KEY,
    rules    BYTEA  NOT NULL,                     -- a JSON object: what a user has beyond the default rules
    position BIGINT NOT NULL                      -- of the newest change, in the stream `push_rules`; 0 before any
);
CREATE INDEX push_rules_in_stream ON push_rules (position);

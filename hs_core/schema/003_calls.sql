-- Calls between processes that are done and must not be done again, should their caller not have heard of it. For minutes.
CREATE TABLE calls_done (
    key     TEXT   NOT NULL PRIMARY KEY,
    done_ms BIGINT NOT NULL -- the database's time
);

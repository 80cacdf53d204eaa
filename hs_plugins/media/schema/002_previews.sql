-- What was found behind URLs, and when.
CREATE TABLE media_url_previews (
    url        TEXT   NOT NULL,
    fetched_ts BIGINT NOT NULL,
    answer     BYTEA  NOT NULL,                -- JSON: what clients are told
    media_id   TEXT,                           -- its image
    PRIMARY KEY (url, fetched_ts)
);
CREATE INDEX media_url_previews_by_time ON media_url_previews (fetched_ts);

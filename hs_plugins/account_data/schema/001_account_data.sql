CREATE TABLE account_data (
    user_id  TEXT   NOT NULL,
    room_id  TEXT   NOT NULL,                     -- '' for what is of the whole account
    type     TEXT   NOT NULL,
    content  BYTEA  NOT NULL,                     -- a JSON object
    position BIGINT NOT NULL,                     -- of the newest change, in the stream `account_data`
    PRIMARY KEY (user_id, room_id, type)
);
CREATE UNIQUE INDEX account_data_in_stream ON account_data (position);
CREATE INDEX account_data_of_user ON account_data (user_id, position);

-- How much each user has: the bound on it costs the same however much there is. Changes of a user lock their row.
CREATE TABLE account_data_totals (
    user_id TEXT   NOT NULL PRIMARY KEY,
    bytes   BIGINT NOT NULL
);

CREATE TABLE device_keys (
    user_id   TEXT  NOT NULL,
    device_id TEXT  NOT NULL,
    keys      BYTEA NOT NULL,                     -- a JSON object, as it was uploaded
    PRIMARY KEY (user_id, device_id)
);

CREATE TABLE one_time_keys (
    user_id     TEXT   NOT NULL,
    device_id   TEXT   NOT NULL,
    algorithm   TEXT   NOT NULL,
    key_id      TEXT   NOT NULL,
    key         BYTEA  NOT NULL,                  -- JSON
    uploaded_ts BIGINT NOT NULL,
    PRIMARY KEY (user_id, device_id, algorithm, key_id)
);
CREATE INDEX one_time_keys_in_order ON one_time_keys (user_id, device_id, algorithm, uploaded_ts, key_id);

CREATE TABLE fallback_keys (
    user_id   TEXT  NOT NULL,
    device_id TEXT  NOT NULL,
    algorithm TEXT  NOT NULL,
    key_id    TEXT  NOT NULL,
    key       BYTEA NOT NULL,                     -- JSON
    PRIMARY KEY (user_id, device_id, algorithm)
);

-- What each device is told of its one-time keys. Whoever changes these locks the row first.
CREATE TABLE one_time_key_supplies (
    user_id   TEXT   NOT NULL,
    device_id TEXT   NOT NULL,
    position  BIGINT NOT NULL,                    -- of the newest change, in the stream `one_time_keys`
    supply    BYTEA  NOT NULL,                    -- JSON: unclaimed keys by algorithm, unused fallback algorithms
    PRIMARY KEY (user_id, device_id)
);
CREATE INDEX one_time_key_supplies_in_stream ON one_time_key_supplies (position);

CREATE TABLE cross_signing_keys (
    user_id TEXT  NOT NULL,
    usage   TEXT  NOT NULL,
    key     BYTEA NOT NULL,                       -- a JSON object, as it was uploaded
    PRIMARY KEY (user_id, usage)
);

-- Signatures that came later than what they are for. `target` is a device ID or a public key.
CREATE TABLE key_signatures (
    user_id   TEXT NOT NULL,
    target    TEXT NOT NULL,
    signer    TEXT NOT NULL,
    key_id    TEXT NOT NULL,
    signature TEXT NOT NULL,
    PRIMARY KEY (user_id, target, signer, key_id)
);

-- The newest change of each user's keys. `told` is the one user who may know, or '' if all do who share a room.
CREATE TABLE device_list_changes (
    user_id  TEXT   NOT NULL,
    told     TEXT   NOT NULL,
    position BIGINT NOT NULL,                     -- in the stream `device_lists`
    rooms    TEXT   NOT NULL,                     -- JSON: the rooms that the user was in
    PRIMARY KEY (user_id, told)
);
CREATE UNIQUE INDEX device_list_changes_in_stream ON device_list_changes (position);

-- How far the changes of accounts have been taken in.
CREATE TABLE followed_accounts (
    id       BIGINT NOT NULL PRIMARY KEY,         -- 1
    position BIGINT NOT NULL                      -- in the stream `accounts`
);

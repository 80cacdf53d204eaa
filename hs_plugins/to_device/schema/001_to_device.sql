-- Messages that devices have not been proven to have. `ends` is the weight of all that the device was ever sent, up to
-- and with this message, so that the difference of two tells what lies between them.
CREATE TABLE to_device_messages (
    user_id   TEXT   NOT NULL,
    device_id TEXT   NOT NULL,
    position  BIGINT NOT NULL,                    -- in the stream `to_device`
    sender    TEXT   NOT NULL,
    type      TEXT   NOT NULL,
    content   BYTEA  NOT NULL,                    -- a JSON object
    ends      BIGINT NOT NULL,
    PRIMARY KEY (user_id, device_id, position)
);
CREATE UNIQUE INDEX to_device_messages_in_stream ON to_device_messages (position);

CREATE TABLE to_device_queues (
    user_id   TEXT   NOT NULL,
    device_id TEXT   NOT NULL,
    ends      BIGINT NOT NULL,                    -- that of the newest message, whether it is still there or not
    PRIMARY KEY (user_id, device_id)
);

-- Deliveries that need not be made again, by recipient.
CREATE TABLE to_device_transactions (
    user_id          TEXT   NOT NULL,
    transaction_hash BYTEA  NOT NULL,
    received_ts      BIGINT NOT NULL,
    PRIMARY KEY (user_id, transaction_hash)
);
CREATE INDEX to_device_transactions_by_time ON to_device_transactions (received_ts);

CREATE TABLE receipts (
    room_id        TEXT   NOT NULL,
    user_id        TEXT   NOT NULL,
    type           TEXT   NOT NULL,
    thread_id      TEXT   NOT NULL,               -- empty for an unthreaded receipt
    event_id       TEXT   NOT NULL,
    event_position BIGINT NOT NULL,
    ts             BIGINT NOT NULL,
    position       BIGINT NOT NULL,               -- in the stream `receipts`
    PRIMARY KEY (user_id, room_id, type, thread_id)
);
CREATE UNIQUE INDEX receipts_in_stream ON receipts (position);
CREATE INDEX receipts_of_room ON receipts (room_id, position);

-- Every room that has a receipt, so that the newest of many rooms are found without looking at all of them.
CREATE TABLE receipt_rooms (
    room_id TEXT NOT NULL PRIMARY KEY
);

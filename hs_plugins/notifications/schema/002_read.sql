-- When users last had less to read than before: rows of the stream `notifications` as well, so that badges are updated.
CREATE TABLE notifications_read (
    user_id  TEXT   NOT NULL PRIMARY KEY,
    position BIGINT NOT NULL,                     -- in the stream `notifications`
    ts       BIGINT NOT NULL
);
CREATE INDEX notifications_read_in_stream ON notifications_read (position);

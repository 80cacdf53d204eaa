-- The events that users are notified of. Those of one position are a row of the stream `notifications`.
CREATE TABLE notified_events (
    position       BIGINT NOT NULL,
    event_position BIGINT NOT NULL,               -- in the stream `events`
    room_id        TEXT   NOT NULL,
    event_id       TEXT   NOT NULL,
    thread_id      TEXT   NOT NULL,               -- 'main', or the event at the root of the thread
    ts             BIGINT NOT NULL,
    PRIMARY KEY (position, event_position)
) WITHOUT ROWID;
CREATE INDEX notified_events_by_event ON notified_events (event_position);

-- All that a user is notified of in a row of the stream. One by one they would cost a multiple of that.
CREATE TABLE notifications (
    user_id    TEXT   NOT NULL,
    position   BIGINT NOT NULL,
    first      BIGINT NOT NULL,                   -- of the events, in the stream `events`
    last       BIGINT NOT NULL,
    highlights BIGINT NOT NULL,                   -- how many of them are
    entries    BYTEA  NOT NULL,                   -- JSON: by thread, position, whether highlighted, and actions
    PRIMARY KEY (user_id, position)
) WITHOUT ROWID;
CREATE INDEX notifications_in_stream ON notifications (position);
CREATE INDEX highlights_of_user ON notifications (user_id, position) WHERE highlights > 0;

-- What a user has not read of one thread of a room; nothing for a thread that they have read.
CREATE TABLE unread_counts (
    user_id        TEXT   NOT NULL,
    room_id        TEXT   NOT NULL,
    thread_id      TEXT   NOT NULL,
    notifications  BIGINT NOT NULL,
    highlights     BIGINT NOT NULL,
    first_position BIGINT NOT NULL,               -- of the events that are counted, in the stream `events`
    last_position  BIGINT NOT NULL,
    PRIMARY KEY (user_id, room_id, thread_id)
) WITHOUT ROWID;

-- How far the tables above have come, for the users of each slot of the stream.
CREATE TABLE notification_progress (
    slot     BIGINT NOT NULL PRIMARY KEY,
    events   BIGINT NOT NULL,                     -- positions in these streams
    receipts BIGINT NOT NULL
) WITHOUT ROWID;

-- Whatever happens from here on is counted, whoever comes to write it down.
INSERT INTO notification_progress (slot, events, receipts)
SELECT column1, COALESCE((SELECT position FROM stream_positions WHERE stream = 'events'), 0),
       COALESCE((SELECT position FROM stream_positions WHERE stream = 'receipts'), 0)
FROM (VALUES (0), (1), (2), (3), (4), (5), (6), (7), (8), (9), (10), (11), (12), (13), (14), (15)) AS slots;

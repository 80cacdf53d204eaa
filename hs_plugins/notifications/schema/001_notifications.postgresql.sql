-- An event that somebody is notified of: a row of the stream `notifications`.
CREATE TABLE notified_events (
    position       BIGINT NOT NULL PRIMARY KEY,
    event_position BIGINT NOT NULL,               -- in the stream `events`
    room_id        TEXT   NOT NULL,
    event_id       TEXT   NOT NULL,
    thread_id      TEXT   NOT NULL,               -- 'main', or the event at the root of the thread
    ts             BIGINT NOT NULL
);
CREATE INDEX notified_events_by_event ON notified_events (event_position);

-- Whom, and what to do about it. In the order in which they are written.
CREATE TABLE notifications (
    position       BIGINT  NOT NULL,
    user_id        TEXT    NOT NULL,
    event_position BIGINT  NOT NULL,
    highlight      BOOLEAN NOT NULL,
    actions        TEXT    NOT NULL,              -- a JSON list
    PRIMARY KEY (position, user_id)
);
CREATE INDEX notifications_of_user ON notifications (user_id, event_position);
CREATE INDEX highlights_of_user ON notifications (user_id, event_position) WHERE highlight;

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
);

-- How far the tables above have come, for the users of each slot of the stream.
CREATE TABLE notification_progress (
    slot     BIGINT NOT NULL PRIMARY KEY,
    events   BIGINT NOT NULL,                     -- positions in these streams
    receipts BIGINT NOT NULL
);

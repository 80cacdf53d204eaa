-- Each is a device of the user's in the tables of the login plugin, too. One is current: the user's dehydrated device.
-- Another is coming while it is being made, and going while it is being deleted.
CREATE TABLE dehydrated_devices (
    user_id     TEXT  NOT NULL,
    device_id   TEXT  NOT NULL,
    device_data BYTEA NOT NULL,                   -- a JSON object that only the user's clients can read
    state       TEXT  NOT NULL,                   -- 'coming', 'current' or 'going'
    PRIMARY KEY (user_id, device_id)
);

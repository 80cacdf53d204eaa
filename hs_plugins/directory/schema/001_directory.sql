CREATE TABLE room_aliases (
    alias          TEXT   NOT NULL PRIMARY KEY,
    room_id        TEXT   NOT NULL,
    creator        TEXT   NOT NULL,
    created_ts     BIGINT NOT NULL,
    reserved_until BIGINT                      -- milliseconds; for a room that is being made. NULL once it is there
);
CREATE INDEX room_aliases_of_room ON room_aliases (room_id);

-- A room that is taken off the list keeps its row, so that whoever follows the stream hears of it.
CREATE TABLE published_rooms (
    room_id   TEXT    NOT NULL,
    network   TEXT    NOT NULL,                -- '' for the server's own list, else an instance of a third-party network
    published BOOLEAN NOT NULL,
    position  BIGINT  NOT NULL UNIQUE,
    PRIMARY KEY (room_id, network)
);

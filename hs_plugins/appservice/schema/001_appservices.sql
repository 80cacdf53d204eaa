-- How far each application service has been told, and the transaction that it has not acknowledged yet.
CREATE TABLE appservices (
    id       TEXT   NOT NULL PRIMARY KEY,
    position BIGINT NOT NULL,  -- of the stream of room events: what is not after it has been told, or is in the body
    receipts BIGINT NOT NULL,  -- the same of the stream of receipts
    txn_id   BIGINT NOT NULL,  -- of the newest transaction; each has a greater one than that before it
    body     BYTEA             -- of that, in JSON, as it was sent and will be sent again; NULL once it is acknowledged
);

-- What clients want to be given. The ID is made from the definition, so that saying the same again makes nothing new.
CREATE TABLE filters (
    user_id    TEXT  NOT NULL,
    filter_id  TEXT  NOT NULL,
    definition BYTEA NOT NULL,  -- canonical JSON
    PRIMARY KEY (user_id, filter_id)
);

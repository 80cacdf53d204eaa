CREATE TABLE profiles (
    user_id  TEXT   NOT NULL PRIMARY KEY,
    fields   BYTEA  NOT NULL,                     -- a JSON object
    position BIGINT NOT NULL                      -- of the newest change, in the stream `profiles`
);
CREATE UNIQUE INDEX profiles_in_stream ON profiles (position);

-- Users whose rooms do not know their newest name or avatar. `version` counts the changes; `busy_until` keeps two
-- processes from doing the same.
CREATE TABLE profile_propagations (
    user_id    TEXT   NOT NULL PRIMARY KEY,
    version    BIGINT NOT NULL,
    busy_until BIGINT NOT NULL DEFAULT 0
);
CREATE INDEX profile_propagations_waiting ON profile_propagations (busy_until);

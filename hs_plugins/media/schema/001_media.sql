-- What users of this server have uploaded, or may upload still.
CREATE TABLE local_media (
    media_id     TEXT   NOT NULL PRIMARY KEY,
    user_id      TEXT   NOT NULL,
    created_ts   BIGINT NOT NULL,
    expires_ts   BIGINT,                       -- until then it may be uploaded; NULL once it is
    file_id      TEXT,                         -- NULL: it is not uploaded yet
    size         BIGINT NOT NULL DEFAULT 0,
    content_type TEXT   NOT NULL DEFAULT '',
    filename     TEXT,
    quarantined_by TEXT                        -- the administrator who let nobody have it any more
);
CREATE INDEX local_media_of_user ON local_media (user_id, created_ts, media_id) WHERE file_id IS NOT NULL;
CREATE UNIQUE INDEX local_media_by_file ON local_media (file_id) WHERE file_id IS NOT NULL;
CREATE INDEX local_media_pending ON local_media (user_id, expires_ts) WHERE expires_ts IS NOT NULL;
CREATE INDEX local_media_expiring ON local_media (expires_ts) WHERE expires_ts IS NOT NULL;

-- How much each user has uploaded. Who adds to it, or makes a URI, locks the user's row.
CREATE TABLE media_users (
    user_id TEXT   NOT NULL PRIMARY KEY,
    files   BIGINT NOT NULL,
    bytes   BIGINT NOT NULL
);

-- Thumbnails of files, whoever the files are of.
CREATE TABLE media_thumbnails (
    of_file      TEXT    NOT NULL,
    width        BIGINT  NOT NULL,             -- as asked for, not as it is; 0: the whole image
    height       BIGINT  NOT NULL,
    method       TEXT    NOT NULL,
    animated     BOOLEAN NOT NULL,
    made_ts      BIGINT  NOT NULL,
    file_id      TEXT,                         -- NULL: the image is its own thumbnail, or there is none
    content_type TEXT    NOT NULL,
    problem      TEXT,                         -- why there is none
    PRIMARY KEY (of_file, width, height, method, animated)
);
CREATE INDEX media_thumbnails_problems ON media_thumbnails (made_ts) WHERE problem IS NOT NULL;

-- Files that no row above names: those that are on their way to one, and those that are to be removed. Whoever removes
-- one dooms it first, and from then on nobody may name it.
CREATE TABLE media_loose_files (
    file_id      TEXT    NOT NULL PRIMARY KEY,
    remove_after BIGINT  NOT NULL,
    doomed       BOOLEAN NOT NULL DEFAULT FALSE
);
CREATE INDEX media_loose_files_by_time ON media_loose_files (remove_after);

-- The folder that all files are in, by what its file `folder-id` says: one row.
CREATE TABLE media_folder (
    only_one BIGINT NOT NULL PRIMARY KEY,
    id       TEXT   NOT NULL
);

"""Every SQL statement of the media plugin's tables."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Final

from hs_core.db import Transaction
from hs_core.matrix.identifiers import UserId
from hs_plugins.media.sizes import Wanted
from hs_plugins.media.values import LocalMedia, Stored, Thumbnail

_COLUMNS: Final = LocalMedia.__struct_fields__
_ONE = f"SELECT {', '.join(_COLUMNS)} FROM local_media WHERE media_id = ?"
_LOCK_USER = """
    INSERT INTO media_users (user_id, files, bytes) VALUES (?, ?, ?) ON CONFLICT (user_id) DO UPDATE
    SET files = media_users.files + excluded.files, bytes = media_users.bytes + excluded.bytes RETURNING bytes
"""
_FILES = "SELECT files FROM media_users WHERE user_id = ?"
_OF_USER = f"""
    SELECT {", ".join(_COLUMNS)} FROM local_media WHERE user_id = ? AND file_id IS NOT NULL
    ORDER BY created_ts DESC, media_id DESC LIMIT ? OFFSET ?
"""
_OLDEST_OF_USER = """
    SELECT media_id FROM local_media WHERE user_id = ? AND file_id IS NOT NULL ORDER BY created_ts, media_id LIMIT ?
"""
_DELETE = f"DELETE FROM local_media WHERE media_id = ? RETURNING {', '.join(_COLUMNS)}"
_QUARANTINE = "UPDATE local_media SET quarantined_by = ? WHERE media_id = ?"
_QUARANTINE_OF_USER = """
    UPDATE local_media SET quarantined_by = ? WHERE media_id IN (
        SELECT media_id FROM local_media WHERE user_id = ? AND file_id IS NOT NULL AND quarantined_by IS NULL LIMIT ?
    )
"""
_USED = "SELECT bytes FROM media_users WHERE user_id = ?"
_PENDING = "SELECT COUNT(*), MIN(expires_ts) FROM local_media WHERE user_id = ? AND expires_ts > ?"
_FILL = """
    UPDATE local_media SET file_id = ?, size = ?, content_type = ?, filename = ?, expires_ts = NULL
    WHERE media_id = ? AND file_id IS NULL
"""
_UPLOADED = "SELECT media_id FROM local_media WHERE media_id = ANY(?) AND file_id IS NOT NULL"
_EXPIRED = """
    DELETE FROM local_media WHERE media_id IN (
        SELECT media_id FROM local_media WHERE expires_ts < ? ORDER BY expires_ts LIMIT ?
    )
"""
_LOOSEN = "INSERT INTO media_loose_files (file_id, remove_after) VALUES (?, ?)"
_NAME = "DELETE FROM media_loose_files WHERE file_id = ? AND NOT doomed"
_IS_NAMED = "SELECT 1 FROM local_media WHERE file_id = ? FOR KEY SHARE"
_DOOM = """
    UPDATE media_loose_files SET doomed = TRUE WHERE file_id IN (
        SELECT file_id FROM media_loose_files WHERE remove_after <= ? ORDER BY remove_after LIMIT ?
    ) RETURNING file_id
"""
_GONE = "DELETE FROM media_loose_files WHERE file_id = ANY(?)"
_KEY = "of_file = ? AND width = ? AND height = ? AND method = ? AND animated = ?"
_THUMBNAIL = f"SELECT file_id, content_type, problem FROM media_thumbnails WHERE {_KEY}"
_OLDEST_THUMBNAILS = """
    DELETE FROM media_thumbnails WHERE of_file = ? AND made_ts IN (
        SELECT made_ts FROM media_thumbnails WHERE of_file = ? ORDER BY made_ts DESC LIMIT 100 OFFSET ?
    ) RETURNING file_id
"""
_FORGET_PROBLEMS = "DELETE FROM media_thumbnails WHERE problem IS NOT NULL AND made_ts < ?"
_PREVIEW = """
    SELECT answer FROM media_url_previews WHERE url = ? AND fetched_ts > ? ORDER BY fetched_ts DESC LIMIT 1
"""
_ADD_PREVIEW = """
    INSERT INTO media_url_previews (url, fetched_ts, answer, media_id) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING
"""
_FORGET_PREVIEWS = """
    DELETE FROM media_url_previews WHERE (url, fetched_ts) IN (
        SELECT url, fetched_ts FROM media_url_previews WHERE fetched_ts < ? ORDER BY fetched_ts LIMIT ?
    ) RETURNING media_id
"""
_FOLDER = "SELECT id FROM media_folder WHERE only_one = 1"
_SET_FOLDER = "INSERT INTO media_folder (only_one, id) VALUES (1, ?) ON CONFLICT (only_one) DO NOTHING"


def one(tx: Transaction, media_id: str) -> LocalMedia | None:
    """What is at a URI."""
    row = tx.one(_ONE, (media_id,))
    return None if row is None else LocalMedia(*row)


def used(tx: Transaction, user: UserId) -> int:
    """Bytes that the user has uploaded."""
    return int(tx.value(_USED, (user,)) or 0)


def files_of(tx: Transaction, user: UserId) -> int:
    """How many files the user has uploaded."""
    return int(tx.value(_FILES, (user,)) or 0)


def lock_user(tx: Transaction, user: UserId, files: int = 0, size: int = 0) -> int:
    """Count so many files and bytes more; how many bytes there are now. Nobody else does until the transaction ends."""
    return int(tx.value(_LOCK_USER, (user, files, size)) or 0)


def pending(tx: Transaction, user: UserId, now: int) -> tuple[int, int]:
    """How many URIs the user may upload to still, and when the first of them expires (0 if there is none)."""
    count, first = tx.all(_PENDING, (user, now))[0]
    return count, first or 0


def add(tx: Transaction, media: LocalMedia) -> None:
    """A new URI, with a file or without."""
    tx.insert_many("local_media", _COLUMNS, [tuple(getattr(media, name) for name in _COLUMNS)])


def fill(tx: Transaction, media_id: str, size: int, stored: Stored) -> bool:
    """Put a file where there is none yet; false if there is one, or no such URI any more."""
    described = (stored.file_id, size, stored.content_type, stored.filename, media_id)
    return tx.run(_FILL, described) > 0


def uploaded(tx: Transaction, media_ids: Collection[str]) -> list[str]:
    """Those of a few URIs that have a file."""
    return [row[0] for row in tx.all(_UPLOADED, (list(media_ids),))]


def of_user(tx: Transaction, user: UserId, first: int, limit: int) -> list[LocalMedia]:
    """What the user has uploaded, the newest first."""
    return [LocalMedia(*row) for row in tx.all(_OF_USER, (user, limit, first))]


def oldest_of_user(tx: Transaction, user: UserId, limit: int) -> list[str]:
    """The IDs of the first files that the user has uploaded."""
    return [row[0] for row in tx.all(_OLDEST_OF_USER, (user, limit))]


def delete(tx: Transaction, media_id: str) -> LocalMedia | None:
    """What was there; its file is not named any more."""
    row = tx.one(_DELETE, (media_id,))
    return None if row is None else LocalMedia(*row)


def quarantine(tx: Transaction, media_id: str, by: UserId | None) -> bool:
    """Whether there is such a file."""
    return tx.run(_QUARANTINE, (by, media_id)) > 0


def quarantine_of_user(tx: Transaction, user: UserId, by: UserId, limit: int) -> int:
    """Some of the user's files; how many."""
    return tx.run(_QUARANTINE_OF_USER, (by, user, limit))


def forget_expired(tx: Transaction, before: int, limit: int) -> int:
    """URIs that nobody has uploaded to in time; how many there were."""
    return tx.run(_EXPIRED, (before, limit))


def loosen(tx: Transaction, file_id: str, remove_after: int) -> None:
    """Note that there is a file, or soon will be, that no row names; if none does by then, it is removed."""
    tx.run(_LOOSEN, (file_id, remove_after))


def name(tx: Transaction, file_id: str) -> bool:
    """A row is about to name the file; false if that is too late."""
    return tx.run(_NAME, (file_id,)) > 0


def is_named(tx: Transaction, file_id: str) -> bool:
    """Whether a URI leads to the file; it still does at the end of the transaction."""
    return tx.value(_IS_NAMED, (file_id,)) is not None


def doom(tx: Transaction, now: int, limit: int) -> list[str]:
    """Some files that nobody names and, from now on, nobody can."""
    return [row[0] for row in tx.all(_DOOM, (now, limit))]


def gone(tx: Transaction, file_ids: Sequence[str]) -> None:
    """They are removed."""
    tx.run(_GONE, (list(file_ids),))


def thumbnail(tx: Transaction, of_file: str, wanted: Wanted) -> Thumbnail | None:
    """What became of the wish; `None` if nobody has had it yet."""
    row = tx.one(_THUMBNAIL, (of_file, *wanted))
    return None if row is None else Thumbnail(*row)


def add_thumbnail(tx: Transaction, of_file: str, wanted: Wanted, made: Thumbnail, now: int) -> bool:
    """False if another process was quicker."""
    columns = ("of_file", *Wanted._fields, "made_ts", *Thumbnail.__struct_fields__)
    values = (of_file, *wanted, now, made.file_id, made.content_type, made.problem)
    marks = ", ".join("?" * len(columns))
    sql = f"INSERT INTO media_thumbnails ({', '.join(columns)}) VALUES ({marks}) ON CONFLICT DO NOTHING"
    return tx.run(sql, values) > 0


def limit_thumbnails(tx: Transaction, of_file: str, keep: int, now: int) -> None:
    """Forget the oldest thumbnails of a file that has too many; their files are to be removed."""
    for (file_id,) in tx.all(_OLDEST_THUMBNAILS, (of_file, of_file, keep)):
        if file_id is not None:
            loosen(tx, file_id, now)


def forget_problems(tx: Transaction, before: int) -> None:
    """Try again to make thumbnails that could not be made."""
    tx.run(_FORGET_PROBLEMS, (before,))


def preview(tx: Transaction, url: str, after: int) -> bytes | None:
    """What was found behind a URL, if somebody has looked since a time."""
    found = tx.value(_PREVIEW, (url, after))
    return None if found is None else bytes(found)


def add_preview(tx: Transaction, url: str, now: int, answer: bytes, media_id: str | None) -> None:
    """What is found there now."""
    tx.run(_ADD_PREVIEW, (url, now, answer, media_id))


def forget_previews(tx: Transaction, before: int, limit: int) -> list[str | None]:
    """The images of some that are older, if they have one."""
    return [row[0] for row in tx.all(_FORGET_PREVIEWS, (before, limit))]


def folder_id(tx: Transaction) -> str | None:
    """Which folder the files are in."""
    found: str | None = tx.value(_FOLDER)
    return found


def set_folder_id(tx: Transaction, folder: str) -> str:
    """If nobody else did; the one that counts."""
    tx.run(_SET_FOLDER, (folder,))
    return folder_id(tx) or folder

"""Every SQL statement of the plugin, as functions that take a transaction."""

from hs_core.db import Transaction
from hs_core.matrix.identifiers import UserId
from hs_guestbook.values import Entry

_PUT = """
    INSERT INTO guestbook_entries (position, owner, author, text, written_at) VALUES (?, ?, ?, ?, ?)
    ON CONFLICT (owner, author) DO UPDATE
    SET position = excluded.position, text = excluded.text, written_at = excluded.written_at
"""


def put(tx: Transaction, position: int, entry: Entry) -> None:
    """Write an entry, instead of the one that its author may have in the book."""
    tx.run(_PUT, (position, entry.owner, entry.author, entry.text, entry.written_at))


_COLUMNS = "position, owner, author, text, written_at"
_LOAD = f"""
    SELECT {_COLUMNS} FROM guestbook_entries WHERE position > ? AND position <= ? ORDER BY position LIMIT ?
"""


def load_entries(tx: Transaction, after: int, up_to: int, limit: int) -> list[tuple[int, Entry]]:
    """The rows of the stream, for those who missed them: see `Stream.load`."""
    return [(position, Entry(*columns)) for position, *columns in tx.all(_LOAD, (after, up_to, limit))]


_NEWEST = f"""
    SELECT {_COLUMNS} FROM guestbook_entries WHERE owner = ? AND position > ? AND position <= ?
    ORDER BY position DESC LIMIT ?
"""


def newest(tx: Transaction, owner: UserId, after: int, up_to: int, limit: int) -> list[tuple[int, Entry]]:
    """The newest entries of a book in a stretch of the stream, the newest first."""
    return [(position, Entry(*columns)) for position, *columns in tx.all(_NEWEST, (owner, after, up_to, limit))]


_SIGNED = "SELECT TRUE FROM guestbook_entries WHERE owner = ? AND author = ?"


def has_signed(tx: Transaction, owner: UserId, author: UserId) -> bool:
    """Whether there is an entry of this author in this book."""
    return tx.one(_SIGNED, (owner, author)) is not None


_FORGET = """
    DELETE FROM guestbook_entries WHERE position IN
    (SELECT position FROM guestbook_entries WHERE written_at < ? ORDER BY written_at LIMIT ?)
"""


def forget(tx: Transaction, older_than: int, limit: int) -> int:
    """Delete entries from before a time; how many there were, at most `limit`."""
    return tx.run(_FORGET, (older_than, limit))

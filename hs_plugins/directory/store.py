"""Every SQL statement of the directory's tables."""

from collections.abc import Collection

from hs_core.db import Transaction
from hs_core.matrix.identifiers import RoomAlias, RoomId
from hs_plugins.directory.rows import PublishedRow
from hs_plugins.directory.values import Alias

# Whoever reserved an alias and did not settle it in time has lost it. To reserve it again for the same room is no harm:
# that is a call whose answer got lost.
_PUT = """
    INSERT INTO room_aliases (alias, room_id, creator, created_ts, reserved_until) VALUES (?, ?, ?, ?, ?)
    ON CONFLICT (alias) DO UPDATE SET room_id = excluded.room_id, creator = excluded.creator,
        created_ts = excluded.created_ts, reserved_until = excluded.reserved_until
    WHERE room_aliases.reserved_until < excluded.created_ts OR (
        room_aliases.room_id = excluded.room_id AND room_aliases.creator = excluded.creator
        AND room_aliases.reserved_until IS NOT NULL AND excluded.reserved_until IS NOT NULL
    )
"""
_SETTLE = "UPDATE room_aliases SET reserved_until = NULL WHERE alias = ? AND room_id = ?"
_RELEASE = "DELETE FROM room_aliases WHERE alias = ? AND room_id = ? AND reserved_until IS NOT NULL"
_REMOVE = "DELETE FROM room_aliases WHERE alias = ?"
_MOVE = "UPDATE room_aliases SET room_id = ? WHERE room_id = ? AND reserved_until IS NULL"
_FIND = "SELECT alias, room_id, creator FROM room_aliases WHERE alias = ANY(?) AND reserved_until IS NULL"
_OF_ROOM = """
    SELECT alias FROM room_aliases WHERE room_id = ? AND reserved_until IS NULL ORDER BY created_ts, alias LIMIT ?
"""

_OF_ROOMS = """
    SELECT room_id, alias FROM (
        SELECT room_id, alias, ROW_NUMBER() OVER (PARTITION BY room_id ORDER BY created_ts, alias) AS place
        FROM room_aliases WHERE room_id = ANY(?) AND reserved_until IS NULL
    ) ranked
    WHERE place <= ? ORDER BY room_id, place
"""

_PUBLISH = """
    INSERT INTO published_rooms (room_id, network, published, position) VALUES (?, ?, ?, ?)
    ON CONFLICT (room_id, network) DO UPDATE SET published = excluded.published, position = excluded.position
"""
_IS_PUBLISHED = "SELECT 1 FROM published_rooms WHERE room_id = ? AND network = ? AND published"
_PUBLISHED_AMONG = "SELECT room_id FROM published_rooms WHERE room_id = ANY(?) AND network = '' AND published"
_ALL_PUBLISHED = "SELECT room_id, network FROM published_rooms WHERE published"
_ROWS = """
    SELECT position, room_id, network, published FROM published_rooms
    WHERE position > ? AND position <= ? ORDER BY position LIMIT ?
"""


def put_alias(tx: Transaction, alias: Alias, now: int, reserved_until: int | None) -> bool:
    """Give an alias to a room; whether nobody else has it. Times are in milliseconds."""
    return tx.run(_PUT, (alias.alias, alias.room_id, alias.creator, now, reserved_until)) > 0


def settle_alias(tx: Transaction, alias: RoomAlias, room_id: RoomId) -> bool:
    """The room of a reserved alias is there; whether the alias is still the room's."""
    return tx.run(_SETTLE, (alias, room_id)) > 0


def release_alias(tx: Transaction, alias: RoomAlias, room_id: RoomId) -> None:
    """The room of a reserved alias will not be there."""
    tx.run(_RELEASE, (alias, room_id))


def remove_alias(tx: Transaction, alias: RoomAlias) -> bool:
    """Whether there was such an alias."""
    return tx.run(_REMOVE, (alias,)) > 0


def move_aliases(tx: Transaction, old: RoomId, new: RoomId) -> None:
    """Give all aliases of a room to another."""
    tx.run(_MOVE, (new, old))


def find_aliases(tx: Transaction, aliases: Collection[RoomAlias]) -> dict[RoomAlias, Alias]:
    """Those of the aliases that exist."""
    return {row[0]: Alias(row[0], row[1], row[2]) for row in tx.all(_FIND, (list(aliases),))}


def aliases_of_room(tx: Transaction, room_id: RoomId, limit: int) -> list[RoomAlias]:
    """The oldest first."""
    return [row[0] for row in tx.all(_OF_ROOM, (room_id, limit))]


def aliases_of_rooms(tx: Transaction, room_ids: Collection[RoomId], limit: int) -> dict[RoomId, list[RoomAlias]]:
    """Up to `limit` of each room, the oldest first."""
    found: dict[RoomId, list[RoomAlias]] = {}
    for room_id, alias in tx.all(_OF_ROOMS, (list(room_ids), limit)):
        found.setdefault(room_id, []).append(alias)
    return found


def publish(tx: Transaction, row: PublishedRow, position: int) -> None:
    """Put a room on a list, or take it off."""
    tx.run(_PUBLISH, (row.room_id, row.network, row.published, position))


def is_published(tx: Transaction, room_id: RoomId, network: str) -> bool:
    """Whether the room is on the list."""
    return tx.one(_IS_PUBLISHED, (room_id, network)) is not None


def published_among(tx: Transaction, room_ids: Collection[RoomId]) -> set[RoomId]:
    """Those of the rooms that are on the server's own list."""
    return {row[0] for row in tx.all(_PUBLISHED_AMONG, (list(room_ids),))}


def all_published(tx: Transaction) -> list[tuple[RoomId, str]]:
    """Every room that is on a list, with the list's network. Read once, when a process begins to answer for them."""
    return [(row[0], row[1]) for row in tx.all(_ALL_PUBLISHED)]


def load_rows(tx: Transaction, after: int, up_to: int, limit: int) -> list[tuple[int, PublishedRow]]:
    """Rows of the stream, for followers that missed them."""
    return [(row[0], PublishedRow(row[1], row[2], bool(row[3]))) for row in tx.all(_ROWS, (after, up_to, limit))]

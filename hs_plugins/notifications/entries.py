"""What one user is notified of in a row of the stream, as it is stored: a column of JSON. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

import msgspec

from hs_core.matrix.identifiers import RoomId, UserId
from hs_plugins.notifications.rows import NotificationRow


class Entry(msgspec.Struct, frozen=True, array_like=True):
    """An event that a user is notified of."""

    position: int
    """In the stream of room events."""
    highlight: bool
    actions: str


class ThreadEntries(msgspec.Struct, frozen=True, array_like=True):
    """Those of one thread of a room."""

    room_id: RoomId
    thread_id: str
    entries: list[Entry]


class Chunk(msgspec.Struct, frozen=True):
    """All that a user is notified of in a row of the stream."""

    user_id: UserId
    first: int
    last: int
    highlights: int
    entries: bytes


_encode: Final = msgspec.json.Encoder().encode
decode_entries: Final = msgspec.json.Decoder(list[ThreadEntries]).decode


def chunks_of(row: NotificationRow) -> list[Chunk]:
    """What is stored of a row, for each user."""
    users: dict[UserId, dict[tuple[RoomId, str], list[Entry]]] = {}
    for event in row.events:
        thread = (event.room_id, event.thread_id)
        for told in event.told:
            entry = Entry(event.position, told.highlight, told.actions)
            for user in told.users:
                users.setdefault(user, {}).setdefault(thread, []).append(entry)
    return [chunk(user, threads) for user, threads in users.items()]


def chunk(user: UserId, threads: Mapping[tuple[RoomId, str], list[Entry]]) -> Chunk:
    """What is stored for one user, who is notified of something."""
    entries = [entry for each in threads.values() for entry in each]
    positions = [entry.position for entry in entries]
    return Chunk(
        user,
        min(positions),
        max(positions),
        sum(entry.highlight for entry in entries),
        _encode([ThreadEntries(*thread, each) for thread, each in threads.items()]),
    )


def without(threads: Iterable[ThreadEntries], position: int) -> dict[tuple[RoomId, str], list[Entry]]:
    """What is left when an event is removed."""
    left = {
        (thread.room_id, thread.thread_id): [entry for entry in thread.entries if entry.position != position]
        for thread in threads
    }
    return {thread: entries for thread, entries in left.items() if entries}

"""The door of the typing plugin: say who types, and hear and read who does."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Protocol

from hs_core.matrix.identifiers import RoomId, UserId
from hs_core.plugin import By, Kept, ReadSide, Service, Stream, nothing_stored
from hs_plugins.typing.rows import TypingRow

__all__ = ["MAX_TIMEOUT_MS", "TYPING", "TYPING_CHANGES", "TYPING_READ", "Typing", "TypingRead", "TypingRow"]

MAX_TIMEOUT_MS: Final = 120_000
"""Nobody types for longer without saying so again; clients do every 20 to 30 seconds."""

TYPING_CHANGES = Stream(
    "typing",
    TypingRow,
    nothing_stored,
    shard_by=By.ROOM,
    slots=16,
    kept=Kept(key=lambda row: row.room_id, nothing=lambda room_id: TypingRow(RoomId(room_id), ())),
)
"""Who types, from the moment in which that changes.

In memory: it changes with every message that somebody writes, and is forgotten half a minute later. A transaction for
each change would be a sync of the disk on SQLite, so its rows are in no database (docs/adr/0004). A new owner of a room
takes those for typing who typed when it last heard, and has everybody else forgotten. A row replaces what was said of
its room before.
"""


class Typing(Protocol):
    """Calls run in the process that keeps who types in the room. The caller has checked that the user is in it."""

    async def set(self, room_id: RoomId, user_id: UserId, timeout_ms: int) -> None:
        """The user types in the room, for so long, or until something else is said; 0 if they do not.

        Saying the same again tells nobody anything, it only takes longer until it is over.
        """


class TypingRead(Protocol):
    """Who types, as this process has heard."""

    def typing_in(self, room_id: RoomId) -> Sequence[UserId]:
        """Those who type in the room, in the order in which they began."""


TYPING = Service[Typing]("typing", owner=TYPING_CHANGES)
TYPING_READ = ReadSide[TypingRead]("typing")

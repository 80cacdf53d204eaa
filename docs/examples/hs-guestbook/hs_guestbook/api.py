"""The door: what other plugins may import. The row of the stream, the stream, the service."""

from typing import Protocol

from hs_core.matrix.identifiers import UserId
from hs_core.plugin import By, Service, Stream
from hs_guestbook.store import load_entries
from hs_guestbook.values import Entry

__all__ = ["ENTRIES", "GUESTBOOKS", "Entry", "Guestbooks"]

ENTRIES = Stream("guestbook", Entry, load=load_entries, shard_by=By.USER, slots=16)
"""Every entry, by the position at which it was last written."""


class Guestbooks(Protocol):
    """Calls run in the process that owns their first argument, the user whose book it is."""

    async def sign(self, owner: UserId, author: UserId, text: str) -> int:
        """Write in a book, or replace what the author wrote there; the entry's position in `ENTRIES`.

        To say the same again is harmless: an author has one entry in a book. Raises NotFound if `owner` is no local
        user, InvalidParam if the text is too long.
        """


GUESTBOOKS = Service[Guestbooks]("guestbook", owner=ENTRIES)

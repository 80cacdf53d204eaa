"""The plugin's part of `/sync`: the owner of a book is told of new entries."""

from __future__ import annotations

from dataclasses import dataclass

from hs_core.core import Core
from hs_core.db import Database
from hs_core.plugin import Parts, Section, Window
from hs_guestbook import store
from hs_guestbook.api import ENTRIES
from hs_guestbook.handlers import as_json

KEY = "org.example.guestbook"
"""The top-level key of the response, namespaced as the specification asks of extensions."""
TOLD_AT_ONCE = 20
"""The newest entries; whoever wants more reads the book."""


@dataclass(frozen=True)
class GuestbookSection:
    """Reads what is new to one device."""

    db: Database

    @classmethod
    def of(cls, core: Core) -> GuestbookSection:
        """That of one process, in which a plugin that answers `/sync` is active."""
        return cls(core.db)

    async def collect(self, window: Window) -> Parts | None:
        """The newest entries of the user's book that the device has not been told of."""
        after = window.after or 0
        found = await self.db.read(lambda tx: store.newest(tx, window.user_id, after, window.up_to, TOLD_AT_ONCE))
        if not found:
            return None
        return Parts(fields={KEY: {"entries": [as_json(entry) for _, entry in found]}})


SECTION = Section("guest", ENTRIES, concerns=lambda entry: [entry.owner], open=GuestbookSection.of)

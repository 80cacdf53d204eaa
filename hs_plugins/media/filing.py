"""From a file on disk to a row that names it: whatever fails in between, none is there without the other for long.

Before a file gets its name, a row says that nobody names it yet. The transaction that names it takes that row away; if
it never comes, a task removes the file.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from hs_core.clock import Clock
from hs_core.db import Database
from hs_plugins.media import store
from hs_plugins.media.folder import Folder

ID_LENGTH: Final = 32
UNNAMED_MS: Final = 60 * 60 * 1000
"""How long a file may be without a row that names it."""
UNFINISHED_MS: Final = 24 * 60 * 60 * 1000
"""Nobody goes on with a file that was not written to for so long."""
AT_ONCE: Final = 100


@dataclass(frozen=True)
class Filing:
    """Stores files; `store.name` is for the transaction that has a use for them."""

    folder: Folder
    db: Database
    clock: Clock

    def new_id(self) -> str:
        return self.clock.random_text(ID_LENGTH)

    async def complete(self, file_id: str) -> None:
        """What was written to `Folder.partial` is durable from now on; or else it is discarded. Raises Unavailable."""
        until = self.clock.now_ms() + UNNAMED_MS
        try:
            await self.db.write(lambda tx: store.loosen(tx, file_id, until))
            await self.folder.complete(file_id)
        except BaseException:
            self.folder.discard(file_id)
            raise

    async def tidy(self) -> None:
        """Remove what nobody names."""
        now = self.clock.now_ms()
        await self.folder.remove_partial(now - UNFINISHED_MS)
        doomed = await self.db.write(lambda tx: store.doom(tx, now, AT_ONCE))
        while doomed:
            await self.folder.remove(doomed)
            await self.db.write(lambda tx, gone=doomed: store.gone(tx, gone))  # type: ignore[misc]
            doomed = await self.db.write(lambda tx: store.doom(tx, now, AT_ONCE))

"""Files that must not be seen, or not be kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from hs_core.clock import Clock
from hs_core.db import Database, Transaction
from hs_core.errors import NotFound
from hs_core.matrix.identifiers import UserId
from hs_plugins.media import store
from hs_plugins.media.values import LocalMedia

AT_ONCE: Final = 500


@dataclass(frozen=True)
class Administration:
    """Any process can do it; files themselves are removed by a task."""

    db: Database
    clock: Clock

    async def uploaded_by(self, user: UserId, first: int, limit: int) -> tuple[list[LocalMedia], int]:
        """A page of what a user has uploaded, the newest first, and how much it is in all."""
        return await self.db.read(lambda tx: (store.of_user(tx, user, first, limit), store.files_of(tx, user)))

    async def delete(self, media_id: str) -> list[str]:
        """Returns its ID. Raises NotFound."""
        deleted = await self.db.write(lambda tx: self._delete(tx, [media_id]))
        if not deleted:
            raise NotFound("There is no such file")
        return deleted

    async def delete_of_user(self, user: UserId, limit: int) -> list[str]:
        """The oldest files; their IDs."""
        return await self.db.write(lambda tx: self._delete(tx, store.oldest_of_user(tx, user, limit)))

    async def quarantine(self, media_id: str, by: UserId | None) -> None:
        """Let nobody have a file; or everybody again, if nobody is named. Raises NotFound."""
        if not await self.db.write(lambda tx: store.quarantine(tx, media_id, by)):
            raise NotFound("There is no such file")

    async def quarantine_of_user(self, user: UserId, by: UserId) -> int:
        """Let nobody have any file that a user has uploaded; how many those are."""
        count, more = 0, AT_ONCE
        while more == AT_ONCE:
            more = await self.db.write(lambda tx: store.quarantine_of_user(tx, user, by, AT_ONCE))
            count += more
        return count

    def _delete(self, tx: Transaction, media_ids: Sequence[str]) -> list[str]:
        now = self.clock.now_ms()
        deleted = [media for media_id in media_ids if (media := store.delete(tx, media_id)) is not None]
        for media in deleted:
            if media.file_id is not None:
                store.lock_user(tx, media.user_id, -1, -media.size)
                store.limit_thumbnails(tx, media.file_id, 0, now)
                store.loosen(tx, media.file_id, now)
        return [media.media_id for media in deleted]

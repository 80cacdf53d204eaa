"""What users upload: at once, or later to a URI that they have made before."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from hs_core.clock import Clock
from hs_core.db import Database, Transaction
from hs_core.errors import Forbidden, LimitExceeded, MatrixError, NotFound, Unavailable, UserSuspended
from hs_core.http.requester import Requester
from hs_core.matrix.identifiers import MxcUri, ServerName
from hs_plugins.media import store
from hs_plugins.media.config import MediaConfig
from hs_plugins.media.filing import Filing
from hs_plugins.media.values import LocalMedia, Stored, Upload
from hs_plugins.media.waiting import Waiting

ID_LENGTH: Final = 24
GRACE_MS: Final = 60 * 60 * 1000
"""An upload that began in time may end a little later."""
AT_ONCE: Final = 500


@dataclass(frozen=True)
class Uploads:
    """Any process may take an upload: what is to be agreed on is in the database."""

    server_name: ServerName
    config: MediaConfig
    db: Database
    clock: Clock
    filing: Filing
    waiting: Waiting

    async def add(self, by: Requester, upload: Upload) -> MxcUri:
        """Store a file under a new URI. Raises Forbidden for a quota, TooLarge, UserSuspended."""
        await self._check(by, upload)
        media_id = self.clock.random_text(ID_LENGTH)
        stored, size = await self._receive(upload)
        media = LocalMedia(
            media_id=media_id,
            user_id=by.user_id,
            created_ts=self.clock.now_ms(),
            expires_ts=None,
            file_id=stored.file_id,
            size=size,
            content_type=stored.content_type,
            filename=stored.filename,
        )

        def work(tx: Transaction) -> None:
            self._count(tx, by, stored, size)
            store.add(tx, media)

        await self.db.write(work)
        return MxcUri(self.server_name, media_id)

    async def create(self, by: Requester) -> tuple[MxcUri, int]:
        """A URI to upload to, and until when. Raises LimitExceeded, UserSuspended."""
        _check_suspended(by)
        now = self.clock.now_ms()
        expires = now + round(self.config.unused_expires_after.total_seconds() * 1000)
        media_id = self.clock.random_text(ID_LENGTH)
        media = LocalMedia(media_id, by.user_id, now, expires, None, 0, "", None)

        def work(tx: Transaction) -> None:
            store.lock_user(tx, by.user_id)
            count, first_expires = store.pending(tx, by.user_id, now)
            if count >= self.config.max_pending and by.rate_limited:
                wait = max(first_expires - now, 1000) / 1000
                raise LimitExceeded(wait, "Too many uploads are pending")
            store.add(tx, media)

        await self.db.write(work)
        return MxcUri(self.server_name, media_id), expires

    async def fill(self, by: Requester, server_name: str, media_id: str, upload: Upload) -> None:
        """Upload to a URI. Raises what `add` does, NotFound, Forbidden, 409 `M_CANNOT_OVERWRITE_MEDIA`."""
        await self._check_fillable(by, server_name, media_id)
        await self._check(by, upload)
        stored, size = await self._receive(upload)

        def work(tx: Transaction) -> None:
            self._count(tx, by, stored, size)
            if not store.fill(tx, media_id, size, stored):
                raise NotFound("Unknown media ID") if store.one(tx, media_id) is None else _overwritten()

        await self.db.write(work)
        self.waiting.uploaded(media_id)

    async def forget_expired(self) -> None:
        """Nobody uploads there any more."""
        before = self.clock.now_ms() - GRACE_MS
        while await self.db.write(lambda tx: store.forget_expired(tx, before, AT_ONCE)) == AT_ONCE:
            pass

    async def _check_fillable(self, by: Requester, server_name: str, media_id: str) -> None:
        media = await self.db.read(lambda tx: store.one(tx, media_id), rows=1)
        if server_name != self.server_name or media is None:
            raise NotFound("Unknown media ID")
        if media.user_id != by.user_id:
            raise Forbidden("Somebody else has made this URI")
        if media.expires_ts is None:
            raise _overwritten()
        if media.is_expired(self.clock.now_ms()):
            raise NotFound("The media ID has expired")

    async def _check(self, by: Requester, upload: Upload) -> None:
        _check_suspended(by)
        if self.config.quota is not None and by.rate_limited:
            used = await self.db.read(lambda tx: store.used(tx, by.user_id), rows=1)
            self._check_quota(used + upload.announced)

    async def _receive(self, upload: Upload) -> tuple[Stored, int]:
        file_id = self.filing.new_id()
        size = await self.filing.folder.receive(file_id, upload.body)
        await self.filing.complete(file_id)
        return Stored(file_id, upload.content_type, upload.filename), size

    def _count(self, tx: Transaction, by: Requester, stored: Stored, size: int) -> None:
        """Of the transaction that gives the file to somebody: it counts as theirs, and is not loose any more."""
        used = store.lock_user(tx, by.user_id, 1, size)
        if by.rate_limited:
            self._check_quota(used)
        if not store.name(tx, stored.file_id):
            raise Unavailable("The upload took too long")

    def _check_quota(self, used: int) -> None:
        """ "Homeservers should limit the number and total size of media that can be uploaded by clients" """
        if self.config.quota is not None and used > self.config.quota:
            raise Forbidden("You have uploaded as much as you may")


def _check_suspended(by: Requester) -> None:
    if by.is_suspended:
        raise UserSuspended


def _overwritten() -> MatrixError:
    return MatrixError(409, "M_CANNOT_OVERWRITE_MEDIA", "There is a file at this URI already")

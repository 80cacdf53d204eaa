"""Where the file of a URI is. Whoever has the URI of a file may have the file."""

from __future__ import annotations

from dataclasses import dataclass

from hs_core.clock import Clock
from hs_core.db import Database
from hs_core.errors import MatrixError, NotFound
from hs_core.matrix.errors import ProtocolError
from hs_core.matrix.identifiers import MxcUri, ServerName, parse_mxc_uri
from hs_plugins.media import store
from hs_plugins.media.values import LocalMedia, Stored
from hs_plugins.media.waiting import Waiting


@dataclass(frozen=True)
class Finding:
    """The media of this server; those of others will be fetched here, once there is federation."""

    server_name: ServerName
    db: Database
    clock: Clock
    waiting: Waiting

    async def find(self, server_name: str, media_id: str, wait_ms: int) -> Stored:
        """The file, as soon as it is uploaded. Raises NotFound, 504 `M_NOT_YET_UPLOADED`."""
        try:
            uri = parse_mxc_uri(f"mxc://{server_name}/{media_id}")
        except ProtocolError:
            raise NotFound("That is the URI of no file") from None
        if uri.server_name != self.server_name:
            raise NotFound(f"Files of {uri.server_name} cannot be fetched")
        return await self._local(uri, wait_ms)

    async def _local(self, uri: MxcUri, wait_ms: int) -> Stored:
        media = await self._one(uri.media_id)
        if media.stored is None:
            await self.waiting.wait(uri.media_id, wait_ms / 1000)
            media = await self._one(uri.media_id)
        if media.stored is None:
            raise MatrixError(504, "M_NOT_YET_UPLOADED", "The content has not yet been uploaded")
        return media.stored

    async def _one(self, media_id: str) -> LocalMedia:
        media = await self.db.read(lambda tx: store.one(tx, media_id), rows=1)
        if media is None or media.quarantined_by is not None or media.is_expired(self.clock.now_ms()):
            raise NotFound("There is no such file")
        return media

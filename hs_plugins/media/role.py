"""What runs where the plugin is active."""

from __future__ import annotations

import asyncio
import errno
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

import structlog

from hs_core.clock import Clock
from hs_core.core import Core
from hs_core.db import Database
from hs_core.errors import NotFound
from hs_plugins.media import store
from hs_plugins.media.administration import Administration
from hs_plugins.media.config import MediaConfig
from hs_plugins.media.filing import Filing
from hs_plugins.media.finding import Finding
from hs_plugins.media.folder import ID_FILE, THREADS, Folder, OpenFile
from hs_plugins.media.making import MOST, MOST_OF_ONE, PROBLEMS_KEPT_MS, Thumbnails
from hs_plugins.media.once import Once
from hs_plugins.media.previews import AT_ONCE as PAGES_AT_ONCE
from hs_plugins.media.previews import MOST as MOST_PAGES
from hs_plugins.media.previews import MOST_OF_ONE as PAGES_OF_ONE
from hs_plugins.media.previews import Previews
from hs_plugins.media.turns import Turns
from hs_plugins.media.uploads import Uploads
from hs_plugins.media.values import Stored
from hs_plugins.media.waiting import Waiting

log = structlog.get_logger(__name__)
_ID_LENGTH: Final = 24


@dataclass(frozen=True)
class MediaRole:
    """What the handlers are given."""

    config: MediaConfig
    max_upload_size: int
    clock: Clock
    db: Database
    filing: Filing
    finding: Finding
    uploads: Uploads
    thumbnails: Thumbnails
    administration: Administration
    previews: Previews | None
    """`None` if this server looks at no pages."""

    async def open(self, stored: Stored) -> OpenFile:
        """Raises NotFound if the file is not where it should be."""
        try:
            return await self.filing.folder.open(stored.file_id)
        except FileNotFoundError:
            log.error("a file is missing", file=stored.file_id)
            raise NotFound("The file has gone") from None

    async def tidy(self) -> None:
        """A turn of the task: it can stop anywhere, the next turn goes on."""
        await self.uploads.forget_expired()
        before = self.clock.now_ms() - PROBLEMS_KEPT_MS
        await self.db.write(lambda tx: store.forget_problems(tx, before))
        if self.previews is not None:
            await self.previews.forget()
        await self.filing.tidy()


@asynccontextmanager
async def start(core: Core) -> AsyncIterator[MediaRole]:
    """Raises OSError if the folder is not the one that the other processes use, or cannot be used."""
    config = core.section("media", MediaConfig)
    with ThreadPoolExecutor(THREADS, thread_name_prefix="media") as pool:
        folder = Folder(core.config.data_dir / "media", pool)
        await _check_folder(folder, core.db, core.clock)
        waiting = Waiting(core.db, core.clock, core.draining)
        filing = Filing(folder, core.db, core.clock)
        async with core.outbound() as outbound, asyncio.TaskGroup() as group:
            work = [group.create_task(waiting.look()), group.create_task(waiting.end())]
            thumbnails = Thumbnails(
                db=core.db,
                clock=core.clock,
                filing=filing,
                max_pixels=config.max_image_pixels,
                turns=Turns(config.thumbnails_at_once, MOST_OF_ONE, MOST),
                making=Once(group),
            )
            previews = Previews(
                server_name=core.server_name,
                db=core.db,
                clock=core.clock,
                outbound=outbound,
                filing=filing,
                turns=Turns(PAGES_AT_ONCE, PAGES_OF_ONE, MOST_PAGES),
                looking=Once(group),
            )
            yield MediaRole(
                config=config,
                max_upload_size=core.config.media.max_upload_size,
                clock=core.clock,
                db=core.db,
                filing=filing,
                finding=Finding(core.server_name, core.db, core.clock, waiting),
                uploads=Uploads(core.server_name, config, core.db, core.clock, filing, waiting),
                thumbnails=thumbnails,
                administration=Administration(core.db, core.clock),
                previews=previews if core.config.url_previews.enabled else None,
            )
            thumbnails.making.cancel()
            previews.looking.cancel()
            for task in work:
                task.cancel()


async def _check_folder(folder: Folder, db: Database, clock: Clock) -> None:
    """Files that only some processes have would be there for every other request: rather none starts."""
    await asyncio.to_thread(folder.prepare)
    expected = await db.read(store.folder_id)
    found = await asyncio.to_thread(folder.read_id)
    if expected is None:
        if found is None:
            found = await asyncio.to_thread(folder.write_id, clock.random_text(_ID_LENGTH))
        own = found
        expected = await db.write(lambda tx: store.set_folder_id(tx, own))
    if found != expected:
        where = folder.root / ID_FILE
        raise OSError(
            errno.EINVAL,
            f"the files of this deployment are in another folder: share it among all processes with the plugin media, "
            f"or, if they are lost or were brought here, write {expected} into this file",
            str(where),
        )

"""Thumbnails: made when somebody first asks for one, kept for all who ask later."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import msgspec
import structlog

from hs_core.clock import Clock
from hs_core.db import Database, Transaction
from hs_core.errors import MatrixError, NotFound, TooLarge, Unavailable, Unknown
from hs_plugins.media import programs, store
from hs_plugins.media.filing import Filing
from hs_plugins.media.once import Once
from hs_plugins.media.sizes import Wanted
from hs_plugins.media.turns import Turns
from hs_plugins.media.values import Stored, Thumbnail

log = structlog.get_logger(__name__)

MOST_OF_ONE: Final = 100
MOST: Final = 1000
"""Thumbnails that wait to be made, for one person and for all."""
KEPT: Final = 40
"""Thumbnails of one file."""
PROBLEMS_KEPT_MS: Final = 24 * 60 * 60 * 1000
"""What could not be made is tried again after a day: the settings may have changed."""
FILE_NAMES: Final = {
    "image/jpeg": "thumbnail.jpg",
    "image/png": "thumbnail.png",
    "image/gif": "thumbnail.gif",
    "image/webp": "thumbnail.webp",
}
""" "SHOULD contain a file name (e.g. `thumbnail.png`)" """


class Outcome(msgspec.Struct, frozen=True):
    """What the program says; it has the same struct without this library."""

    content_type: str
    is_original: bool
    problem: str | None


@dataclass
class Thumbnails:
    """One of each kind is made at a time, and few of all kinds."""

    db: Database
    clock: Clock
    filing: Filing
    max_pixels: int
    turns: Turns
    making: Once[tuple[str, Wanted], Thumbnail]

    async def of(self, original: Stored, asked: Wanted, by: str) -> Stored:
        """A thumbnail, for somebody. Raises Unknown, TooLarge, Unavailable; NotFound if the file has gone."""
        wanted = asked.rounded()
        made = await self.db.read(lambda tx: store.thumbnail(tx, original.file_id, wanted), rows=1)
        if made is None:
            made = await self.making.do((original.file_id, wanted), lambda: self._make(original.file_id, wanted, by))
        if made.problem is not None:
            raise _refusal(made.problem)
        file_id = original.file_id if made.file_id is None else made.file_id
        return Stored(file_id, made.content_type, FILE_NAMES[made.content_type])

    async def _make(self, of_file: str, wanted: Wanted, by: str) -> Thumbnail:
        async with self.turns.turn(by):
            return await self._made(of_file, wanted)

    async def _made(self, of_file: str, wanted: Wanted) -> Thumbnail:
        folder, file_id = self.filing.folder, self.filing.new_id()
        try:
            (await folder.open(of_file)).close()
        except FileNotFoundError:
            log.error("a file is missing", file=of_file)
            raise NotFound("The file has gone") from None
        try:
            paths = (folder.path(of_file), folder.partial(file_id))
            outcome = await self._run(*map(str, (*paths, *wanted, self.max_pixels)))
            has_file = outcome.problem is None and not outcome.is_original
            made = Thumbnail(file_id if has_file else None, outcome.content_type, outcome.problem)
            if has_file:
                await self.filing.complete(file_id)
            return await self.db.write(lambda tx: self._keep(tx, of_file, wanted, made))
        finally:
            folder.discard(file_id)

    def _keep(self, tx: Transaction, of_file: str, wanted: Wanted, made: Thumbnail) -> Thumbnail:
        now = self.clock.now_ms()
        if not store.is_named(tx, of_file):
            raise NotFound("The file has gone")
        store.limit_thumbnails(tx, of_file, KEPT - 1, now)
        if not store.add_thumbnail(tx, of_file, wanted, made, now):
            return store.thumbnail(tx, of_file, wanted) or made
        if made.file_id is not None and not store.name(tx, made.file_id):
            raise Unavailable
        return made

    async def _run(self, *arguments: str) -> Outcome:
        try:
            return msgspec.json.decode(await programs.run("hs_plugins.media.thumbnails", *arguments), type=Outcome)
        except programs.GaveUp:
            return Outcome("", is_original=False, problem="too large")


def _refusal(problem: str) -> MatrixError:
    """ "Homeservers should not attempt to generate thumbnails for images that are too large, returning a HTTP 413 error
    with the `M_TOO_LARGE` code", and 400 where "the server cannot thumbnail the content".
    """
    if problem == "too large":
        return TooLarge("The image is too large for a thumbnail")
    return Unknown("Thumbnails cannot be made of this file")

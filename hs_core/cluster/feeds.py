"""Background work for every row of a stream: how far it has come is a position in the database, proven and advanced."""

import asyncio
from collections.abc import Sequence
from typing import Any, Final

import structlog

from hs_core.backoff import pause
from hs_core.clock import Clock
from hs_core.cluster.leases import NotOwner
from hs_core.cluster.shards import Shards, TaskSlots
from hs_core.db import Database, DatabaseUnavailable, Transaction
from hs_core.plugin.declaration import Feed
from hs_core.streams.batch import Batch
from hs_core.streams.follower import Follower, stored_position

log = structlog.get_logger(__name__)

LOOK_SECONDS: Final = 1.0
"""How often a process that was told of no rows looks whether the feed has fallen to it."""


class Portion:
    """Some rows of a stream, for a feed to work on."""

    def __init__(self, rows: Sequence[tuple[int, Any]], up_to: int, share: Shards) -> None:
        self.rows = rows
        """Positions and rows, in order."""
        self.up_to = up_to
        """There is nothing else before or at this position that the feed has not been given."""
        self.recorded = False
        """Whether a transaction was committed with `done`."""
        self._share = share

    def done(self, tx: Transaction) -> None:
        """Have `tx` write down that these rows are worked on. The last thing to do in it.

        Raises NotOwner: if the feed has fallen to another process.
        """
        self._share.advance(tx, self.up_to)
        tx.after_commit(self._note)

    def _note(self) -> None:
        self.recorded = True


class Feeding:
    """One feed in one process."""

    def __init__(
        self, feed: Feed, role: object, follower: Follower[Any], slots: TaskSlots, *, db: Database, clock: Clock
    ) -> None:
        self._feed = feed
        self._role = role
        self._follower = follower
        self._slots = slots
        self._db = db
        self._clock = clock
        self._news = asyncio.Event()

    async def run(self) -> None:
        """Work on what comes, while it falls to this process, for as long as that lives."""
        failures = 0
        self._follower.subscribe(self._notice)
        while True:
            self._news.clear()
            try:
                more = await self._turn()
                failures = 0
            except (DatabaseUnavailable, NotOwner) as error:
                log.warning("feed interrupted", feed=self._slots.name, error=str(error))
                await self._clock.sleep(LOOK_SECONDS)
            except Exception:
                failures += 1
                log.exception("feed failed, it tries the same rows again", feed=self._slots.name, failures=failures)
                await self._clock.sleep(pause(failures, self._clock.random()))
            else:
                if not more:
                    await self._wait()

    def _notice(self, _: Batch[Any]) -> None:
        self._news.set()

    async def _turn(self) -> bool:
        """One portion, if there is one for this process; whether there may be more."""
        async with self._slots.turn:
            share = self._slots.share()
            if not share.own:
                return False
            portion = await self._db.read(lambda tx: self._next(tx, share))
            if portion is None:
                return False
            if portion.rows:
                await self._feed.run(self._role, portion)
            if not portion.recorded:
                await self._db.write(portion.done)
            return True

    def _next(self, tx: Transaction, share: Shards) -> Portion | None:
        after, stream = stored_position(tx, self._slots.name), self._follower.stream
        up_to, most = stored_position(tx, stream.name), self._feed.most
        if after >= up_to:
            return None
        rows = stream.load(tx, after, up_to, most)
        return Portion(rows, rows[-1][0] if len(rows) == most else up_to, share)

    async def _wait(self) -> None:
        """Until there are rows, or it is time to look whether the feed has fallen to this process."""
        sleeping = asyncio.ensure_future(self._clock.sleep(LOOK_SECONDS))
        told = asyncio.ensure_future(self._news.wait())
        try:
            await asyncio.wait([sleeping, told], return_when=asyncio.FIRST_COMPLETED)
        finally:
            sleeping.cancel()
            told.cancel()

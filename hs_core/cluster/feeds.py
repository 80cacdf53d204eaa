"""Background work for every row of a stream: how far it has come is a position in the database, proven and advanced."""

import asyncio
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, Final

import structlog

from hs_core.backoff import pause
from hs_core.clock import Clock
from hs_core.cluster.leases import NotOwner
from hs_core.cluster.shards import Shards, TaskSlots
from hs_core.cluster.tasks import name_of
from hs_core.db import Database, DatabaseUnavailable, Transaction
from hs_core.plugin.declaration import Feed, Plugin
from hs_core.streams.batch import Batch
from hs_core.streams.follower import Follower, stored_position
from hs_core.waiting import happens_by_clock

log = structlog.get_logger(__name__)

LOOK_SECONDS: Final = 1.0
"""How often a process that was told of no rows looks whether the feed has fallen to it."""

GLANCE_SECONDS: Final = 0.02
"""How often somebody who waits for a feed looks how far it has come."""

FAR_BEHIND: Final = 2_000
"""Rows for which nobody waits: the feed is building up what it makes."""

_POSITIONS = "SELECT stream, position FROM stream_positions WHERE stream = ANY(?)"


_ALL: Final = ""
"""Any key: a feed has one slot."""


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

    def prove(self, tx: Transaction) -> None:
        """Have `tx` fail unless the feed is still this process's: where the work takes several transactions.

        Raises NotOwner.
        """
        self._share.prove(tx, [_ALL])

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
                portion = await self._turn()
                failures = 0
            except (DatabaseUnavailable, NotOwner) as error:
                log.warning("feed interrupted", feed=self._slots.name, error=str(error))
                await self._clock.sleep(LOOK_SECONDS)
            except Exception:
                failures += 1
                log.exception("feed failed, it tries the same rows again", feed=self._slots.name, failures=failures)
                await self._clock.sleep(pause(failures, self._clock.random()))
            else:
                if portion is None:
                    await happens_by_clock(self._news, LOOK_SECONDS, self._clock)
                elif len(portion.rows) < self._feed.most:
                    await self._clock.sleep(self._feed.rest.total_seconds())

    def _notice(self, _: Batch[Any]) -> None:
        self._news.set()

    async def _turn(self) -> Portion | None:
        """Work on the next portion, if there is one for this process."""
        async with self._slots.turn:
            share = self._slots.share()
            if not share.own:
                return None
            portion = await self._db.read(lambda tx: self._next(tx, share))
            if portion is None:
                return None
            if portion.rows:
                await self._feed.run(self._role, portion)
            if not portion.recorded:
                await self._db.write(portion.done)
            return portion

    def _next(self, tx: Transaction, share: Shards) -> Portion | None:
        after, stream = stored_position(tx, self._slots.name), self._follower.stream
        up_to, most = stored_position(tx, stream.name), self._feed.most
        if after >= up_to:
            return None
        rows = stream.load(tx, after, up_to, most)
        return Portion(rows, rows[-1][0] if len(rows) == most else up_to, share)


@dataclass(frozen=True)
class FeedWatch:
    """How far the feeds of a plugin have come, seen from any process."""

    plugin: Plugin
    db: Database
    clock: Clock

    async def caught_up(self, patience: float) -> bool:
        """Return when the feeds have worked on all that is in their streams by now, or after so many seconds.

        False if they have not, or are so far behind that waiting is no use. For whoever answers from what a feed makes,
        so that people find what they have just said.
        """
        streams = {name_of(self.plugin, feed): feed.stream for feed in self.plugin.feeds}
        positions = await self._positions([*streams, *streams.values()])
        goals = {name: positions.get(stream, 0) for name, stream in streams.items()}
        until = self.clock.monotonic() + patience
        while behind := {name: goal for name, goal in goals.items() if positions.get(name, 0) < goal}:
            far = any(goal - positions.get(name, 0) > FAR_BEHIND for name, goal in behind.items())
            if far or self.clock.monotonic() >= until:
                return False
            await self.clock.sleep(GLANCE_SECONDS)
            positions |= await self._positions(behind)
        return True

    async def _positions(self, names: Collection[str]) -> dict[str, int]:
        return dict(await self.db.read(lambda tx: tx.all(_POSITIONS, (list(names),)), rows=len(names)))

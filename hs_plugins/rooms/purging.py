"""Purging of history, a few hundred events at a time, by the process that owns the room.

What is to be purged is in the database, so any owner goes on where another one stopped.
"""

from collections.abc import Callable
from typing import Protocol

import structlog

from hs_core.clock import Clock
from hs_core.db import Database, Transaction
from hs_core.errors import NotFound
from hs_core.matrix.identifiers import EventId, RoomId
from hs_core.plugin.hooks import Hooks
from hs_core.plugin.hookspecs import history_purged
from hs_core.streams.writer import Writer
from hs_plugins.rooms.actors import Actors
from hs_plugins.rooms.places import Place, Purge
from hs_plugins.rooms.rows import EventRow
from hs_plugins.rooms.store.purges import begin_purge, purge_some, unfinished

log = structlog.get_logger(__name__)

STEP = 500
"""Events purged in one transaction."""

PURGES = 100
"""Purges that one turn looks at."""

SELDOM = 30
"""Turns until the table is looked at, although nobody here has begun a purge since."""


class Purger:
    """Carries out purges in the rooms of this process."""

    def __init__(self, actors: Actors, writer: Writer[EventRow], db: Database, clock: Clock, hooks: Hooks) -> None:
        self._actors = actors
        self._writer = writer
        self._db = db
        self._clock = clock
        self._hooks = hooks
        self._rested = SELDOM

    async def begin(self, room_id: RoomId, find: Callable[[Transaction], Place | None]) -> str:
        """Write down that a room is to be purged up to a place; answers with the purge's ID. Raises `NotFound`."""
        purge_id, now = self._clock.random_text(16), self._clock.now_ms()
        async with self._actors.of(room_id):
            place = await self._db.read(find)
            if place is None:
                raise NotFound("There is no such event in the room's timeline")
            await self._writer.write([room_id], lambda tx, _: begin_purge(tx, purge_id, room_id, place, now))
        self._rested = SELDOM
        return purge_id

    async def turn(self) -> None:
        """Finish the purges of rooms that this process owns: those begun here, and now and then those of others."""
        self._rested += 1
        if self._rested < SELDOM:
            return
        purges = await self._db.read(lambda tx: unfinished(tx, PURGES))
        for purge in purges:
            while self._writer.owns(purge.room_id) and await self._step(purge) == STEP:
                continue
        self._rested = SELDOM if len(purges) == PURGES else 0

    async def _step(self, purge: Purge) -> int:
        """Purge some events, with nobody else doing anything to the room; says how many."""
        now = self._clock.now_ms()
        async with self._actors.of(purge.room_id) as actor:
            await actor.engine.committer.flushed()
            gone: list[EventId] = await self._writer.write(
                [purge.room_id], lambda tx, _: purge_some(tx, purge, STEP, now)
            )
            actor.engine.events.forget(gone)
        if gone:
            await self._hooks.notify(history_purged, purge.room_id, gone)
        log.info("history purged", room=purge.room_id, purge=purge.purge_id, events=len(gone))
        return len(gone)


class HasPurger(Protocol):
    """The role, as its task sees it."""

    purger: Purger


async def purge_in_turn(role: HasPurger) -> None:
    """The task: see `Purger.turn`."""
    await role.purger.turn()

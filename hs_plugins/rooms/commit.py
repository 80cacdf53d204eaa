"""Group commit: what many rooms' actors did since the last commit becomes true in one transaction."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

import structlog

from hs_core.clock import Clock
from hs_core.cluster.leases import NotOwner
from hs_core.db import DatabaseUnavailable
from hs_core.matrix.identifiers import EventId, RoomId, UserId
from hs_core.streams.writer import Writer
from hs_plugins.rooms.change import RoomChange
from hs_plugins.rooms.rows import EventRow
from hs_plugins.rooms.store.commit import write_changes

log = structlog.get_logger(__name__)

MAX_GROUP = 500
"""Changes in one transaction: bounds how long it runs."""

GATHERING_SECONDS = 0.005
"""Between groups, where several speak at once. A commit costs as much for many as for one, and wakes every process that
follows. Who speaks alone does not wait.
"""


@dataclass(frozen=True, slots=True)
class _Queued:
    change: RoomChange
    done: asyncio.Future[dict[EventId, int]]


class Committer:
    """Writes the changes that actors submit, in the order of submission.

    One transaction runs at a time; whatever is submitted meanwhile, or in a moment after it, is the next group. So a
    group is as large as there is traffic, and a lone event does not wait at all.
    """

    def __init__(self, writer: Writer[EventRow], clock: Clock) -> None:
        self.on_failure: Callable[[set[RoomId]], None] = _nobody_minds
        """Told the rooms whose memory is ahead of the database now: they must be loaded again."""
        self._writer = writer
        self._clock = clock
        self._queue: list[_Queued] = []
        self._current: list[_Queued] = []
        self._submitted = asyncio.Event()
        self._last_senders: set[UserId] = set()
        self._last_end = 0.0

    def submit(self, change: RoomChange) -> asyncio.Future[dict[EventId, int]]:
        """Have a change written. The future answers with the positions of its events once they are durable.

        If it cannot be written, it and every later change fail; none of them was applied.
        """
        done: asyncio.Future[dict[EventId, int]] = asyncio.get_running_loop().create_future()
        self._queue.append(_Queued(change, done))
        self._submitted.set()
        return done

    async def flushed(self) -> None:
        """Return when all that was submitted before is durable, or has failed."""
        if self._queue or self._current:
            await asyncio.wait([queued.done for queued in (*self._current, *self._queue)])

    def give_up(self, concerned: Callable[[RoomId], bool]) -> None:
        """Let fail what is still waiting for such rooms: they are owned by somebody else from now on."""
        waiting = [queued for queued in self._queue if concerned(queued.change.room_id)]
        self._queue = [queued for queued in self._queue if not concerned(queued.change.room_id)]
        if waiting:
            self._fail(waiting, self._writer.not_owner(waiting[0].change.room_id))

    async def run(self) -> None:
        """Commit group after group for as long as the process lives."""
        while True:
            await self._submitted.wait()
            await self._gather()
            self._current, self._queue = self._queue[:MAX_GROUP], self._queue[MAX_GROUP:]
            if not self._queue:
                self._submitted.clear()
            if not self._current:  # what was submitted has been given up
                continue
            await self._commit(self._current)
            self._last_senders, self._last_end = _senders(self._current), asyncio.get_running_loop().time()
            self._current = []

    async def _gather(self) -> None:
        """Wait a little for others, if the group before was a moment ago and somebody else's.

        In the event loop's time, which goes on where a test holds the clock: nothing but speed depends on it.
        """
        seconds = self._last_end + GATHERING_SECONDS - asyncio.get_running_loop().time()
        if seconds > 0 and len(self._last_senders | _senders(self._queue)) > 1:
            await asyncio.sleep(seconds)

    async def _commit(self, group: list[_Queued]) -> None:
        try:
            positions = await self._write(group)
        except DatabaseUnavailable as error:
            # What was submitted meanwhile builds upon what failed, so it fails as well.
            self._submitted.clear()
            waiting, self._queue = [*self._current, *self._queue], []
            self._fail(waiting, error)
        except Exception as error:
            await self._commit_one_by_one(group, error)
        else:
            for queued in group:
                if not queued.done.done():
                    queued.done.set_result(positions)

    async def _commit_one_by_one(self, group: list[_Queued], error: Exception) -> None:
        """Something in the group cannot be stored. Only the rooms that it concerns shall suffer."""
        if len(group) > 1:
            for queued in group:
                if not queued.done.done():
                    await self._commit([queued])
            return
        room_id = group[0].change.room_id
        if isinstance(error, NotOwner):
            log.warning("a room belongs to another process now", room=room_id)
        else:
            log.error("a change to a room cannot be stored", room=room_id, exc_info=error)
        # Later changes of the same room build upon what failed.
        same_room = [queued for queued in (*self._current, *self._queue) if queued.change.room_id == room_id]
        self._queue = [queued for queued in self._queue if queued.change.room_id != room_id]
        self._fail(same_room, error)

    async def _write(self, group: list[_Queued]) -> dict[EventId, int]:
        changes = [queued.change for queued in group]
        now = self._clock.now_ms()
        return await self._writer.write(
            [change.room_id for change in changes], lambda tx, log: write_changes(tx, log, changes, now)
        )

    def _fail(self, failed: list[_Queued], error: Exception) -> None:
        failed = [queued for queued in failed if not queued.done.done()]
        self.on_failure({queued.change.room_id for queued in failed})
        for queued in failed:
            queued.done.set_exception(error)


def _senders(group: list[_Queued]) -> set[UserId]:
    return {new.event.sender for queued in group for new in queued.change.events}


def _nobody_minds(room_ids: set[RoomId]) -> None:
    """Before rooms are loaded, none can be wrong."""

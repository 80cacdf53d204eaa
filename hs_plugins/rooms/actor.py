"""One room in memory, in the process that owns it: the only place where anything happens to the room.

Operations on a room follow one another; none waits for the commit of the one before. What an operation did is visible
to the next one at once, and to everybody else when it is durable.
"""

import asyncio
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import partial

from hs_core.clock import Clock
from hs_core.errors import Unavailable
from hs_core.matrix.identifiers import EventId, ServerName
from hs_core.matrix.signing import SigningKey
from hs_core.plugin.hooks import Hooks
from hs_plugins.rooms.api import Draft, Sent
from hs_plugins.rooms.authoring import author
from hs_plugins.rooms.change import RoomChange
from hs_plugins.rooms.commit import Committer
from hs_plugins.rooms.event_cache import EventCache
from hs_plugins.rooms.memory import RoomMemory
from hs_plugins.rooms.operation import Operation
from hs_plugins.rooms.resolution import Resolver
from hs_plugins.rooms.state_nodes import StateNodes
from hs_plugins.rooms.transactions import SentTransactions


@dataclass(frozen=True, slots=True)
class Engine:
    """What all rooms of this process share."""

    server_name: ServerName
    signing_key: SigningKey
    clock: Clock
    nodes: StateNodes
    events: EventCache
    committer: Committer
    resolver: Resolver
    transactions: SentTransactions
    hooks: Hooks


class RoomActor:
    """The owner of one room's future. Its methods are called one at a time: see `Actors.of`."""

    def __init__(self, memory: RoomMemory, engine: Engine) -> None:
        self.memory = memory
        self.engine = engine
        self.lost = False
        """The memory is not true any more, because something that it builds upon could not be stored."""
        self._uncommitted: dict[int, RoomChange] = {}

    @property
    def committed(self) -> bool:
        """Whether the database knows all that this actor knows, so that it may be forgotten."""
        return not self._uncommitted

    @property
    def uncommitted(self) -> Collection[RoomChange]:
        """What the database does not know yet, oldest first."""
        return self._uncommitted.values()

    def operation(self) -> Operation:
        """Begin to do something to the room."""
        return Operation(self.memory, self.engine.nodes, self.engine.events)

    async def send(self, drafts: Sequence[Draft], operation: Operation | None = None) -> asyncio.Future[Sent]:
        """Send events of local users, all or nothing. The future answers with the last once it is durable."""
        room_id = self.memory.room_id
        if len(drafts) == 1 and (earlier := await self.engine.transactions.find(room_id, drafts[0])):
            return earlier
        operation = operation or self.operation()
        last: EventId | None = None
        for draft in drafts:
            last = await author(operation, draft, self.engine)
        assert last is not None
        if not operation.change.events:
            return await self._already_there(last)
        return self.commit(operation, last, drafts[-1])

    def commit(self, operation: Operation, last: EventId, draft: Draft | None = None) -> asyncio.Future[Sent]:
        """Make an operation part of the room. The future answers with the event `last` once it is durable.

        Raises:
            Unavailable: if what the operation builds upon turned out not to be stored. Nothing was done.
        """
        if self.lost:
            raise Unavailable("The room is being loaded again")
        change = operation.finish()
        operation.apply()
        sending: asyncio.Future[Sent] = asyncio.get_running_loop().create_future()
        if draft is not None:
            self.engine.transactions.remember(self.memory.room_id, draft, sending)
        self._uncommitted[id(change)] = change
        self.engine.committer.submit(change).add_done_callback(partial(self._committed, change, last, sending))
        return sending

    def _committed(
        self, change: RoomChange, last: EventId, sending: asyncio.Future[Sent], done: asyncio.Future[dict[EventId, int]]
    ) -> None:
        del self._uncommitted[id(change)]
        self.engine.nodes.let_go(change.nodes)
        events, ids = self.engine.events, [new.event.event_id for new in change.events]
        error = done.exception()
        if error is None:
            positions = done.result()
            for event_id in (*ids, *(new.event.event_id for new in change.released)):
                events.saved(event_id, positions.get(event_id))
        else:
            events.forget(ids)
        events.forget([redaction.redacts for redaction in change.redactions])
        if error is None:
            sending.set_result(Sent(last, positions.get(last, 0)))
            return
        sending.set_exception(error)
        sending.exception()  # whoever waits for it is told; if nobody does any more, that is no news for the log

    async def _already_there(self, event_id: EventId) -> asyncio.Future[Sent]:
        """An event that need not be sent again. Whoever hears of it will rely on it, so it must be durable."""
        await self.engine.committer.flushed()
        self.engine.events.forget([event_id])
        stored = (await self.engine.events.load([event_id])).get(event_id)
        if stored is None:
            raise Unavailable
        answer: asyncio.Future[Sent] = asyncio.get_running_loop().create_future()
        answer.set_result(Sent(event_id, stored.position or 0))
        return answer

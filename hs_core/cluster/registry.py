"""Who is alive, and who should own what: how the processes of a deployment share the slots of its streams.

Each process says every second that it lives, and sees who else does. From that all compute the same distribution. A
process releases what it holds and another should have, after finishing what was begun; it takes what it should have and
nobody holds. Nobody is told what to do, nothing is agreed on: the database's epochs keep two from owning one slot.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from typing import Any

import structlog

from hs_core.clock import Clock
from hs_core.cluster import members
from hs_core.cluster.leases import Leases, create_slots
from hs_core.cluster.members import Member
from hs_core.cluster.once import forget_old
from hs_core.cluster.pauses import Pauses
from hs_core.cluster.placement import process_of, slot_of
from hs_core.db import Database, DatabaseUnavailable, Transaction
from hs_core.plugin.declaration import Stream
from hs_core.streams.batch import Batch
from hs_core.streams.bus import Bus
from hs_core.streams.follower import stored_positions

log = structlog.get_logger(__name__)

CHANNEL = "cluster"
"""What the bus carries so that nobody has to wait for the next heartbeat."""


TIDY_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Rhythm:
    """Seconds. A process that dies is replaced within `death` + 2 * `beat`."""

    beat: float = 1.0
    death: float = 3.0
    """Silence after which a process is taken for dead."""


@dataclass(frozen=True, slots=True)
class Share:
    """A stream whose slots are shared among the processes where a plugin is active."""

    stream: str
    slots: int
    plugin: str
    only: Collection[str] | None = None
    """Names of the processes that may own it, if the configuration says so."""

    def candidates(self, alive: Mapping[str, Member]) -> list[str]:
        """The processes that may own slots now."""
        return [
            member.id
            for member in alive.values()
            if self.plugin in member.plugins and not member.leaving and (self.only is None or member.name in self.only)
        ]

    def placement(self, alive: Mapping[str, Member]) -> dict[int, str]:
        """Who should own each slot; without those that nobody can own."""
        candidates = self.candidates(alive)
        owners = {slot: process_of(self.stream, slot, candidates) for slot in range(self.slots)}
        return {slot: owner for slot, owner in owners.items() if owner is not None}


class Registry:
    """This process among the others."""

    def __init__(
        self,
        db: Database,
        leases: Leases,
        bus: Bus,
        clock: Clock,
        *,
        me: Member,
        shares: Sequence[Share],
        rhythm: Rhythm = Rhythm(),
    ) -> None:
        """`me.id` is the owner's name of `leases`. `shares` are those of all installed plugins."""
        self.members: Mapping[str, Member] = {}
        """The processes that are alive, this one included, as far as is known."""
        self._db = db
        self._leases = leases
        self._bus = bus
        self._clock = clock
        self._me = me
        self._shares = {share.stream: share for share in shares}
        self._rhythm = rhythm
        self._placement: Mapping[str, Mapping[int, str]] = {}
        self._watching_since: float | None = None
        self._last_beat = 0.0
        self._tidied = float("-inf")
        self.on_change: list[Callable[[Collection[str]], None]] = []
        """Told of who is alive, by ID, when that has changed."""
        self.on_positions: Callable[[Mapping[str, int]], None] = _nobody_follows
        """Told with every heartbeat how far the streams have come."""
        self.pauses = Pauses(clock, rhythm.death)
        self.settled = False
        """Whether this process owned, when it last looked, all that it should own."""
        self._left = False
        self._nudged = asyncio.Event()
        self._beating = asyncio.Lock()
        self._settling = asyncio.Lock()
        leases.on_doubt = self._nudged.set
        bus.subscribe(CHANNEL, _Nudge(self._nudged.set))

    @property
    def me(self) -> Member:
        """This process, as it is now: one that was taken for dead joins again under another ID."""
        return self._me

    def where(self, plugin: str) -> list[Member]:
        """The processes in which a plugin is active; of those that are about to stop only if there are no others."""
        active = [member for member in self.members.values() if plugin in member.plugins]
        return [member for member in active if not member.leaving] or active

    def owner(self, stream: Stream[Any], key: str) -> Member | None:
        """The process that owns a key, or is about to; `None` if none can at present."""
        owner = self._placement.get(stream.name, {}).get(slot_of(key, stream.slots))
        return None if owner is None else self.members.get(owner)

    @asynccontextmanager
    async def joined(self, address: str) -> AsyncIterator[None]:
        """Be a process of the deployment: take what is free, and hand everything over at the end.

        `address` is where other processes reach this one.

        Raises DatabaseUnavailable, at the beginning only.
        """
        self._me = replace(self._me, address=address)
        await self._db.write(
            lambda tx: create_slots(tx, {share.stream: share.slots for share in self._shares.values()})
        )
        await self._db.write(lambda tx: members.join(tx, self._me))
        await self._settle()
        self._bus.doubt(CHANNEL)
        try:
            async with asyncio.TaskGroup() as group:
                tasks = [
                    group.create_task(each)
                    for each in (self.pauses.run(), self._beat_forever(), self._settle_forever())
                ]
                try:
                    yield
                finally:
                    await self.hand_over()
                    for task in tasks:
                        task.cancel()
        finally:  # after a failure as well: nobody need wait until this process is taken for dead
            await self._be_gone()

    async def hand_over(self) -> None:
        """Give everything away, and be asked for nothing any more, once the others have noticed; then return."""
        if self._left:
            return
        self._left = True
        await self._leave()
        self._bus.doubt(CHANNEL)
        if len(self.members) > 1:
            await self._clock.sleep(self._rhythm.beat)

    async def _leave(self) -> None:
        """Hand over everything. If the database is away, the others will notice by themselves."""
        try:
            await self._db.write(lambda tx: members.begin_to_leave(tx, self._me.id))
            await self._settle()
        except DatabaseUnavailable:
            log.warning("cannot hand over, the database is away")

    async def _be_gone(self) -> None:
        with suppress(DatabaseUnavailable):
            await self._db.write(lambda tx: members.leave(tx, self._me.id))
        self._bus.doubt(CHANNEL)

    async def _beat_forever(self) -> None:
        while True:
            await self._clock.sleep(self._rhythm.beat)
            try:
                changed = await self._beat()
            except DatabaseUnavailable:
                log.warning("no heartbeat, the database is away")
                continue
            if changed:
                self._nudged.set()
            await self._tidy()

    async def _tidy(self) -> None:
        """Now and then, in one of the processes: forget what nobody asks for any more."""
        if self._me.id != min(self.members, default="") or self._clock.monotonic() - self._tidied < TIDY_SECONDS:
            return
        self._tidied = self._clock.monotonic()
        with suppress(DatabaseUnavailable):
            await self._db.write(forget_old)

    async def _beat(self) -> bool:
        """Say that this process lives, and see who else does; whether that has changed."""
        async with self._beating:
            alive, positions = await self._db.write(lambda tx: (members.beat(tx, self._me.id), stored_positions(tx)))
            self.on_positions(positions)
            if alive is None:
                await self._begin_again()
                return True
            alive = await self._bury(alive)
            known = {id_: replace(member, silent_ms=0) for id_, member in alive.items()}
            if known == self.members:
                return False
            self.members = known
            self._placement = {share.stream: share.placement(known) for share in self._shares.values()}
            for tell in self.on_change:
                tell(known.keys())
            return True

    async def _bury(self, alive: Mapping[str, Member]) -> Mapping[str, Member]:
        """The members without those that are dead.

        Whoever has not watched for long enough declares nobody dead: perhaps nobody could reach the database.
        """
        now = self._clock.monotonic()
        if self._watching_since is None or now - self._last_beat > self._rhythm.death:
            self._watching_since = now
        self._last_beat = now
        silence = round(self._rhythm.death * 1000)
        dead = [member.id for member in alive.values() if member.silent_ms > silence]
        if not dead or now - self._watching_since < self._rhythm.death:
            return alive
        await self._db.write(lambda tx: members.evict(tx, dead, silence))
        log.warning("processes have died", processes=dead)
        for stream in self._shares:
            self._bus.doubt(stream)  # they may have committed something and not told of it
        return {id_: member for id_, member in alive.items() if id_ not in dead}

    async def _begin_again(self) -> None:
        """This process was taken for dead: whatever it held belongs to others, or will."""
        log.warning("this process was taken for dead, and joins again", process=self._me.id)
        old = self._me.id
        self._me = replace(self._me, id=f"{self._me.name}-{self._clock.random_text(12)}")
        self._leases.begin_again(self._me.id)
        self._watching_since = None
        # What was known of the others is still the best guess: whoever asks meanwhile is sent to them.
        self.members = {id_: member for id_, member in self.members.items() if id_ != old}
        await self._db.write(lambda tx: members.join(tx, self._me))

    async def _settle_forever(self) -> None:
        while True:
            await self._nudged.wait()
            self._nudged.clear()
            try:
                settled = await self._settle()
            except DatabaseUnavailable:
                settled = False
            if not settled:
                await self._wait_for_others()
                self._nudged.set()

    async def _wait_for_others(self) -> None:
        """Until somebody says that there is news, or for the time of a heartbeat."""
        sleeping = asyncio.ensure_future(self._clock.sleep(self._rhythm.beat))
        nudged = asyncio.ensure_future(self._nudged.wait())
        try:
            await asyncio.wait([sleeping, nudged], return_when=asyncio.FIRST_COMPLETED)
        finally:
            sleeping.cancel()
            nudged.cancel()

    async def _settle(self) -> bool:
        """Release and take what should be; whether nothing is left to be taken."""
        async with self._settling:
            await self._beat()
            await self._leases.drain_lost()
            released = await self._release_all()
            taken = await self._take()
            if released:
                self._bus.doubt(CHANNEL)
            self.settled = taken
            return taken

    async def _release_all(self) -> bool:
        """The same for all streams side by side, for a drain may take its time; raises the first of their errors."""
        outcomes = await asyncio.gather(*map(self._release, self._shares), return_exceptions=True)
        for outcome in outcomes:
            if isinstance(outcome, BaseException):
                raise outcome
        return any(outcomes)

    async def _release(self, stream: str) -> bool:
        """Hand over what others should have of a stream; whether there was anything."""
        mine = {slot for slot, owner in self._placement.get(stream, {}).items() if owner == self._me.id}
        excess = self._leases.held(stream).keys() - mine
        if not excess:
            return False
        self._leases.leave(stream, excess)
        try:
            await self._leases.drain(stream, excess)
            await self._leases.release(self._db, stream, excess)
        finally:
            self._leases.stay(stream)
        log.info("slots released", stream=stream, slots=len(excess))
        return True

    async def _take(self) -> bool:
        wanted = {
            stream: slots
            for stream, placement in self._placement.items()
            if (
                slots := {s for s, owner in placement.items() if owner == self._me.id}
                - self._leases.held(stream).keys()
            )
        }
        if not wanted:
            return True
        others = self.members.keys() - {self._me.id}
        free = await self._db.read(lambda tx: _free(tx, wanted, others))
        for stream, epochs in free.items():
            await self._leases.take(self._db, stream, epochs)
            log.info("slots taken", stream=stream, slots=len(epochs))
        return all(self._leases.held(stream).keys() >= slots for stream, slots in wanted.items())


def _nobody_follows(positions: Mapping[str, int]) -> None:
    """Nothing is missed where nothing is read."""


class _Nudge:
    """Somebody says that there is news."""

    def __init__(self, nudge: Callable[[], None]) -> None:
        self.look = nudge

    def receive(self, batch: Batch[Any]) -> None:
        """The channel has no rows."""


_SLOTS = "SELECT stream, slot, owner, epoch FROM stream_slots WHERE stream = ANY(?)"


def _free(tx: Transaction, wanted: Mapping[str, set[int]], others: Collection[str]) -> dict[str, dict[int, int]]:
    """Those of the wanted slots that none of the others owns, with their epochs."""
    free: dict[str, dict[int, int]] = {}
    for stream, slot, owner, epoch in tx.all(_SLOTS, (list(wanted),)):
        if slot in wanted[stream] and owner not in others:
            free.setdefault(stream, {})[slot] = epoch
    return free

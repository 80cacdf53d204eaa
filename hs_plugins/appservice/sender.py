"""Sends an application service what concerns it ("Pushing events"): in order, each transaction until it is taken."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Final

import structlog
from msgspec.structs import replace

from hs_core.backoff import pause
from hs_core.clock import Clock
from hs_core.cluster.leases import NotOwner
from hs_core.cluster.shards import Shards
from hs_core.db import Database, DatabaseUnavailable, Transaction
from hs_core.matrix.identifiers import UserId
from hs_core.outbound import OutboundError
from hs_core.waiting import happens_by_clock
from hs_plugins.appservice import store
from hs_plugins.appservice.bridge import Bridge, NotTaken
from hs_plugins.appservice.formatting import as_body, as_event, invite_room_state
from hs_plugins.appservice.interests import Interests
from hs_plugins.appservice.moments import Moments
from hs_plugins.appservice.recent import RecentEvents
from hs_plugins.appservice.store import Progress
from hs_plugins.login.api import Users
from hs_plugins.rooms.api import EventRow, RoomsRead

MAX_EVENTS: Final = 100
MAX_BYTES: Final = 1 << 20
"""Of a transaction; one event may always be in it."""
LOOK_SECONDS: Final = 0.5
"""How often is looked whether a service has come to this process, or has gone."""
SAVE_EVERY: Final = 1_000
"""Positions: so many events may be looked at again after a crash that concerned the service no more the first time."""

log = structlog.get_logger(__name__)


class Share:
    """Which services this process sends to."""

    def __init__(self) -> None:
        self._shards: Shards | None = None

    def renew(self, shards: Shards) -> None:
        """What falls to this process now."""
        self._shards = shards

    def of(self, service: str) -> Tenure | None:
        """`None` for a service that is another's."""
        if self._shards is None or not self._shards.owns(service):
            return None
        return Tenure(self._shards, service)


@dataclass(frozen=True)
class Tenure:
    """The time for which one process sends to a service. It ends for good: another may have sent before the next."""

    shards: Shards
    service: str

    @property
    def lasts(self) -> bool:
        return self.shards.owns(self.service)

    def prove(self, tx: Transaction) -> None:
        """Have `tx` fail unless it lasts until the commit. Raises NotOwner."""
        self.shards.prove(tx, [self.service])


@dataclass(frozen=True)
class Sources:
    """What a sender reads."""

    events: RecentEvents
    rooms: RoomsRead
    users: Users
    db: Database
    clock: Clock


class Sender:
    """Sends to one service, while that falls to this process. What it remembers does not grow while that is away."""

    def __init__(
        self, bridge: Bridge, sources: Sources, interests: Interests, share: Share, news: asyncio.Event
    ) -> None:
        self.bridge = bridge
        self.id = bridge.registered.id
        self.moments: Moments | None = None
        """If the service wants them."""
        self._sources = sources
        self._interests = interests
        self._share = share
        self._news = news
        self._saved = Progress(0, 0)
        self._answers = True
        """Whether the last question that it was asked has had an answer."""
        self._reached = asyncio.Event()

    def is_reached(self) -> None:
        """The service is there: what it has not taken need not wait any longer."""
        self._reached.set()

    async def run(self) -> None:
        """For as long as the plugin is active. Whatever fails is tried again, after longer and longer pauses."""
        failures, clock = 0, self._sources.clock
        while True:
            try:
                tenure = self._share.of(self.id)
                if tenure is not None:
                    await self._serve(tenure)
                failures = 0
                self._news.clear()
                await happens_by_clock(self._news, LOOK_SECONDS, self._sources.clock)
            except (DatabaseUnavailable, NotOwner) as error:
                log.warning("sending to an application service was interrupted", service=self.id, error=str(error))
                await clock.sleep(LOOK_SECONDS)
            except Exception:
                failures += 1
                log.exception("sending to an application service failed", service=self.id, failures=failures)
                await clock.sleep(pause(failures, clock.random()))

    async def _serve(self, tenure: Tenure) -> None:
        """Until the service falls to another process."""
        if self.moments is not None:
            self.moments.begin(wanted=True)
        try:
            progress = self._saved = await self._sources.db.write(lambda tx: self._find(tx, tenure))
            while tenure.lasts:
                if progress.sending is None:
                    progress = await self._go_on(tenure, progress)
                elif await self._deliver(tenure, progress.txn_id, progress.sending):
                    progress = replace(progress, sending=None)
        finally:
            if self.moments is not None:
                self.moments.begin(wanted=False)

    def _find(self, tx: Transaction, tenure: Tenure) -> Progress:
        tenure.prove(tx)
        return store.find(tx, self.id)

    async def _go_on(self, tenure: Tenure, progress: Progress) -> Progress:
        """Look at what has happened since, and save it as the next transaction if it concerns the service.

        It is saved together with the word that the transaction before it was taken.
        """
        self._news.clear()
        made = await self._look(progress)
        is_behind = made.position < self._sources.events.position or made.receipts > progress.receipts
        far = made.position - self._saved.position >= SAVE_EVERY or made.receipts - self._saved.receipts >= SAVE_EVERY
        if made.sending is not None or self._saved.sending is not None or far:
            await self._save(tenure, made)
        elif not is_behind:
            await happens_by_clock(self._news, LOOK_SECONDS, self._sources.clock)
        return made

    async def _save(self, tenure: Tenure, progress: Progress) -> None:
        def work(tx: Transaction) -> None:
            tenure.prove(tx)
            store.save(tx, self.id, progress)

        await self._sources.db.write(work)
        self._saved = progress

    async def _look(self, progress: Progress) -> Progress:
        self._answers = True
        events, position = await self._next_events(progress.position)
        ephemeral: list[bytes] = []
        receipts = progress.receipts
        if self.moments is not None:
            ephemeral, receipts = await self.moments.take(progress.receipts)
        if not events and not ephemeral:
            return Progress(position, receipts, progress.txn_id)
        # Greater than before, even if the database has been lost: the service may remember those that it has taken.
        txn_id = max(progress.txn_id + 1, self._sources.clock.now_ms())
        return Progress(position, receipts, txn_id, as_body(events, ephemeral))

    async def _next_events(self, after: int) -> tuple[list[bytes], int]:
        """Those that concern the service, and how far they go."""
        stretch = await self._sources.events.after(after, MAX_EVENTS)
        await self._interests.look_anew(row for _, row in stretch.rows)
        events: list[bytes] = []
        size, before = 0, after
        for position, row in stretch.rows:
            if await self._interests.concerns(row):
                event = await self._event(row)
                if events and size + len(event) > MAX_BYTES:
                    return events, before
                events.append(event)
                size += len(event)
            before = position
        return events, stretch.up_to

    async def _event(self, row: EventRow) -> bytes:
        state = None
        if row.membership == "invite" and self._interests.has_user(row.state_key or ""):
            await self._introduce(UserId(row.state_key or ""))
            state = await invite_room_state(self._sources.rooms, row)
        return as_event(row, self._sources.clock.now_ms(), state)

    async def _introduce(self, user: UserId) -> None:
        """ "The homeserver will send this request when it receives an event for an unknown user ID in the application
        service's namespace, such as a room invite." Whatever the answer, the event comes after it.
        """
        is_known = user == self.bridge.registered.sender or await self._sources.users.account(user) is not None
        if is_known or not self._answers:
            return
        try:
            await self.bridge.has_user(user)
        except OutboundError as error:
            self._answers = False
            log.info("an application service was not asked for a user", service=self.id, user=user, error=str(error))

    async def _deliver(self, tenure: Tenure, txn_id: int, body: bytes) -> bool:
        """Whether the service has taken it; if not, it has fallen to another process."""
        failures, clock = 0, self._sources.clock
        while tenure.lasts:
            self._reached.clear()
            try:
                await self.bridge.send(txn_id, body)
            except (NotTaken, OutboundError) as error:
                failures += 1
                after = pause(failures, clock.random())
                report = log.warning if failures == 1 else log.info
                report("an application service does not take events", service=self.id, error=str(error), again=after)
                await happens_by_clock(self._reached, after, clock)
            else:
                if failures:
                    log.info("an application service takes events again", service=self.id, failures=failures)
                return True
        return False

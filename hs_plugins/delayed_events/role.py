"""What runs where the plugin is active."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

import orjson
import structlog
from msgspec.structs import replace

from hs_core.clock import Clock
from hs_core.cluster.calls import Services
from hs_core.core import Core
from hs_core.db import Database, Transaction
from hs_core.errors import LimitExceeded, MatrixError, NotFound, TooLarge, UserSuspended, as_matrix_error
from hs_core.matrix.canonical_json import encode_canonical
from hs_core.matrix.identifiers import EventId, RoomId
from hs_plugins.client.api import SENDING
from hs_plugins.delayed_events import store
from hs_plugins.delayed_events.config import DelayedEventsConfig
from hs_plugins.delayed_events.values import Delayed
from hs_plugins.login.api import USERS, Users
from hs_plugins.rooms.api import Draft

ID_LENGTH: Final = 32
"""Letters and digits. Who knows the ID manages the event, so nobody can guess it."""
MAX_CONTENT: Final = 65_536
"""Bytes: no event is larger."""
AT_ONCE: Final = 20
"""Events that are sent at the same time when their time has come."""
CLAIMED_MS: Final = 30_000
"""How long nobody else tries to send an event that somebody is sending, or has tried to send in vain."""
GIVE_UP_MS: Final = 60 * 60 * 1000
"""After its time, an event that cannot be sent for no fault of its own is not tried again."""
KEEP: Final = 1_000
KEEP_MS: Final = 7 * 24 * 60 * 60 * 1000
""" "`finalised` retention: up to 7 days or 1000 events per user, whichever occurs first" """

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class DelayedEventsRole:
    """Implements the service `DELAYED_EVENTS`, and is what the handlers are given.

    All that is known of an event is in its row, so any process can do whatever is asked, and whichever process looks
    next sends what is due. Who sends an event claims it for a while; should that process die, the next one sends it
    with the same transaction ID, so that it is one event.
    """

    config: DelayedEventsConfig
    clock: Clock
    db: Database
    services: Services
    users: Users

    async def schedule(self, room_id: RoomId, draft: Draft, delay_ms: int) -> str:
        """See `DelayedEvents.schedule`."""
        self._check_delay(delay_ms)
        event = self._scheduled(room_id, draft, delay_ms)

        def work(tx: Transaction) -> str:
            store.lock_user(tx, event.user_id)
            if event.txn_id is not None:
                before = store.same(tx, event.user_id, event.device_id, room_id, event.txn_id)
                if before is not None:
                    return before.delay_id
            count, first_due = store.scheduled(tx, event.user_id)
            if count >= self.config.max_scheduled:
                wait = max(first_due - event.running_since, 1000) / 1000
                raise LimitExceeded(wait, "The maximum number of delayed events has been reached")
            store.add(tx, event)
            return event.delay_id

        return await self.db.write(work)

    async def send(self, delay_id: str) -> None:
        """Do not wait any longer. Raises NotFound, 409 `M_UNKNOWN` if it is cancelled, and what sending it raises: then
        it stays scheduled.
        """
        until = self.clock.now_ms() + CLAIMED_MS
        is_claimed = await self.db.write(lambda tx: store.claim(tx, delay_id, until))
        event = await self._event(delay_id)
        if is_claimed:
            try:
                event_id = await self._send(event)
            except Exception:
                await self.db.write(lambda tx: store.claim(tx, delay_id, 0))
                raise
            await self._finalise(event, "action", event_id)
        elif event.outcome != "send":
            raise _conflict(event)

    async def cancel(self, delay_id: str) -> None:
        """Never send it. Raises NotFound, 409 `M_UNKNOWN` if it is sent."""
        now = self.clock.now_ms()
        if not await self.db.write(lambda tx: store.cancel(tx, delay_id, now)):
            event = await self._event(delay_id)
            if event.outcome not in {"cancel", "error"}:
                raise _conflict(event)

    async def restart(self, delay_id: str) -> None:
        """Begin the delay again. Raises NotFound, 409 `M_UNKNOWN` if it is sent or cancelled."""
        now = self.clock.now_ms()
        if not await self.db.write(lambda tx: store.restart(tx, delay_id, now)):
            raise _conflict(await self._event(delay_id))

    async def send_due(self) -> None:
        """A turn of the task: send all events whose time has come."""
        now = self.clock.now_ms()
        if not await self.db.read(lambda tx: store.any_due(tx, now), rows=1):
            return
        due = await self.db.write(lambda tx: store.claim_due(tx, now, now + CLAIMED_MS, AT_ONCE))
        while due:
            for outcome in await asyncio.gather(*map(self._send_due, due), return_exceptions=True):
                if outcome is not None:
                    raise outcome  # could not be noted; the event is looked at again when its claim has run out
            due = await self.db.write(lambda tx: store.claim_due(tx, now, now + CLAIMED_MS, AT_ONCE))

    async def forget_finalised(self) -> None:
        """A turn of the task: nobody looks for them any more."""
        before = self.clock.now_ms() - KEEP_MS
        await self.db.write(lambda tx: store.forget_finalised(tx, before))

    def _check_delay(self, delay_ms: int) -> None:
        max_delay = round(self.config.max_delay.total_seconds() * 1000)
        if delay_ms > max_delay:
            # The second code is that of clients from before the first one was named.
            extra = {"org.matrix.msc4140.max_delay": max_delay, "org.matrix.msc4140.errcode": "M_MAX_DELAY_EXCEEDED"}
            message = "The requested delay exceeds the allowed maximum"
            raise MatrixError(400, "ORG.MATRIX.MSC4140_MAX_DELAY_EXCEEDED", message, extra)

    def _scheduled(self, room_id: RoomId, draft: Draft, delay_ms: int) -> Delayed:
        content = encode_canonical(draft.content)
        if len(content) > MAX_CONTENT:
            raise TooLarge(f"An event may have {MAX_CONTENT} bytes")
        return Delayed(
            delay_id=self.clock.random_text(ID_LENGTH),
            user_id=draft.sender,
            device_id=draft.device_id,
            txn_id=draft.txn_id,
            room_id=room_id,
            type=draft.type,
            state_key=draft.state_key,
            content=content,
            origin_server_ts=draft.origin_server_ts,
            delay_ms=delay_ms,
            running_since=self.clock.now_ms(),
        )

    async def _event(self, delay_id: str) -> Delayed:
        event = await self.db.read(lambda tx: store.one(tx, delay_id))
        if event is None:
            raise NotFound("There is no such delayed event")
        return event

    async def _send(self, event: Delayed) -> EventId:
        """ "Power levels are evaluated for each event only once the delay has occurred." """
        account = await self.users.account(event.user_id)
        if account is not None and (account.suspended or account.locked):
            raise UserSuspended
        return (await self.services[SENDING].send(event.room_id, event.draft())).event_id

    async def _send_due(self, event: Delayed) -> None:
        try:
            event_id = await self._send(event)
        except Exception as failure:
            error = as_matrix_error(failure)
            if error.status >= 500 and self.clock.now_ms() < event.due_ts + GIVE_UP_MS:
                log.warning("a delayed event is tried again later", room=event.room_id, error=error.message)
            else:
                await self._finalise(event, "delay", None, error)
        else:
            await self._finalise(event, "delay", event_id)

    async def _finalise(
        self, event: Delayed, reason: str, event_id: EventId | None, error: MatrixError | None = None
    ) -> None:
        outcome, told = ("send", None) if error is None else ("error", orjson.dumps(error.body()))
        final = replace(event, outcome=outcome, finalised_ts=self.clock.now_ms(), event_id=event_id, error=told)
        await self.db.write(lambda tx: store.finalise(tx, final, reason, KEEP))


def _conflict(event: Delayed) -> MatrixError:
    outcomes = {None: "is being sent", "send": "has been sent", "cancel": "has been cancelled"}
    return MatrixError(409, "M_UNKNOWN", f"The event {outcomes.get(event.outcome, 'could not be sent')} already")


@asynccontextmanager
async def start(core: Core) -> AsyncIterator[DelayedEventsRole]:
    """There is nothing to own: whoever is asked does it."""
    config = core.section("delayed_events", DelayedEventsConfig)
    yield DelayedEventsRole(config, core.clock, core.db, core.services, core.read_sides[USERS])

"""Idempotency of sending (client-server API, "Transaction identifiers").

"The purpose of the transaction ID is to allow the homeserver to distinguish a new request from a retransmission of a
previous request so that it can make the request idempotent. [...] the scope of a transaction ID is for a single device,
and a single HTTP endpoint."
"""

import asyncio
from collections.abc import Callable
from functools import partial

from hs_core.cache import LRU
from hs_core.db import Database
from hs_core.matrix.identifiers import RoomId
from hs_plugins.rooms.api import Draft, Sent
from hs_plugins.rooms.store.transactions import recent_transactions, scoped_transaction

SENDERS = 5000
"""Pairs of room and device whose transactions are kept in memory."""

PER_SENDER = 200
"""Transactions of one device in one room that are remembered."""

Sender = tuple[RoomId, str, str]


class SentTransactions:
    """Which transactions of which devices made which events.

    A device's transactions are read once, when it first sends to a room; from then on memory knows, so that sending to
    a warm room reads nothing.
    """

    def __init__(self, db: Database) -> None:
        self._db = db
        self._senders: LRU[Sender, LRU[str, asyncio.Future[Sent]]] = LRU(SENDERS)

    async def find(self, room_id: RoomId, draft: Draft) -> asyncio.Future[Sent] | None:
        """What the same transaction made before, perhaps still on its way to the disk."""
        if draft.txn_id is None or draft.device_id is None:
            return None
        sender = (room_id, draft.sender, draft.device_id)
        known = self._senders.get(sender)
        if known is None:
            known = self._senders[sender] = await self._load(sender)
        return known.get(scoped_transaction(draft.type, draft.txn_id))

    def remember(self, room_id: RoomId, draft: Draft, sending: asyncio.Future[Sent]) -> None:
        """A transaction is being committed. If that fails, it is as if it had never been."""
        if draft.txn_id is None or draft.device_id is None:
            return
        known = self._senders.get((room_id, draft.sender, draft.device_id))
        if known is not None:
            scoped = scoped_transaction(draft.type, draft.txn_id)
            known[scoped] = sending
            sending.add_done_callback(partial(_forget_failed, known, scoped))

    def forget_where(self, condition: Callable[[RoomId], bool]) -> None:
        """Forget what was sent to such rooms: another process may send to them from now on."""
        for sender in [sender for sender in self._senders if condition(sender[0])]:
            self._senders.pop(sender)

    async def _load(self, sender: Sender) -> LRU[str, asyncio.Future[Sent]]:
        room_id, user_id, device_id = sender
        rows = await self._db.read(lambda tx: recent_transactions(tx, room_id, user_id, device_id, PER_SENDER))
        known: LRU[str, asyncio.Future[Sent]] = LRU(PER_SENDER)
        for scoped, event_id, position in reversed(rows):
            done: asyncio.Future[Sent] = asyncio.get_running_loop().create_future()
            done.set_result(Sent(event_id, position))
            known[scoped] = done
        return known


def _forget_failed(known: LRU[str, asyncio.Future[Sent]], txn_id: str, sending: asyncio.Future[Sent]) -> None:
    if sending.cancelled() or sending.exception() is not None:
        known.pop(txn_id)

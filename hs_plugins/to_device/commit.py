"""Group commit: what is sent to many users at the same time is written in one transaction."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from hs_core.clock import Clock
from hs_core.db import Transaction
from hs_core.matrix.identifiers import DeviceId, UserId
from hs_core.streams.groups import Groups
from hs_core.streams.writer import Log, Writer
from hs_plugins.login.api import Users
from hs_plugins.to_device import store
from hs_plugins.to_device.api import EVERY_DEVICE, Delivery
from hs_plugins.to_device.rows import ToDeviceRow
from hs_plugins.to_device.store import Place, Queue

MAX_GROUP: Final = 200
"""Deliveries in one transaction."""
MAX_QUEUE: Final = 16 * 1024 * 1024
"""Bytes that wait for one device. When there is more, the older half is dropped."""
OVERHEAD: Final = 200
"""Bytes that a message counts for besides its content."""

Devices = Mapping[UserId, Sequence[DeviceId]]


@dataclass(frozen=True, slots=True)
class Queued:
    """A delivery that waits for its transaction."""

    user_id: UserId
    delivery: Delivery


class Committer:
    """Writes deliveries in the order in which they come."""

    def __init__(self, writer: Writer[ToDeviceRow], users: Users, clock: Clock) -> None:
        self._writer = writer
        self._users = users
        self._clock = clock
        self._groups = Groups(self._write, MAX_GROUP)

    async def deliver(self, user_id: UserId, delivery: Delivery) -> None:
        """Return when it is on disk. Raises NotOwner, DatabaseUnavailable."""
        self._writer.check_owner(user_id)
        await self._groups.add(Queued(user_id, delivery))

    async def run(self) -> None:
        """Commit group after group for as long as the process lives."""
        await self._groups.run()

    async def _write(self, group: Sequence[Queued]) -> list[None]:
        users, now = {queued.user_id for queued in group}, self._clock.now_ms()
        found = await self._users.devices_of(users)
        devices = {user: [each.device_id for each in of_user] for user, of_user in found.items()}
        await self._writer.write(sorted(users), lambda tx, log: write(tx, log, group, devices, now))
        return [None] * len(group)


def write(tx: Transaction, log: Log[ToDeviceRow], group: Sequence[Queued], devices: Devices, now: int) -> None:
    """Store what is new and has a device to go to."""
    rows: list[ToDeviceRow] = []
    for queued in group:
        if store.is_new(tx, queued.user_id, queued.delivery.transaction, now):
            rows += _rows(queued, devices.get(queued.user_id, ()))
    if not rows:
        return
    queues = store.queues(tx, {row.user_id for row in rows})
    ends: dict[Place, int] = {}
    each_ends = []
    for row in rows:
        place = (row.user_id, row.device_id)
        ends[place] = ends.get(place, queues.get(place, Queue()).ends) + OVERHEAD + len(row.content)
        each_ends.append(ends[place])
    store.put_queues(tx, ends.items())
    for place, end in ends.items():
        begins = queues.get(place, Queue()).begins
        if begins is not None and end - begins > MAX_QUEUE:
            store.forget_weight(tx, place, end - MAX_QUEUE // 2)
    store.add(tx, log.announce_all(rows), rows, each_ends)


def _rows(queued: Queued, devices: Sequence[DeviceId]) -> Iterator[ToDeviceRow]:
    delivery = queued.delivery
    for device in devices:
        content = delivery.messages.get(device, delivery.messages.get(EVERY_DEVICE))
        if content is not None:
            yield ToDeviceRow(queued.user_id, device, delivery.sender, delivery.type, content)

"""The calls of `DeviceKeys`, in the process that owns the user."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from hs_core.db import Transaction
from hs_core.matrix.identifiers import DeviceId, RoomId, UserId
from hs_core.streams.writer import Log, Writer
from hs_plugins.keys.rows import DeviceListRow
from hs_plugins.keys.store import identities, lists
from hs_plugins.keys.values import Signature
from hs_plugins.rooms.api import Members

MASTER, SELF_SIGNING, USER_SIGNING = "master", "self_signing", "user_signing"


@dataclass(frozen=True)
class DeviceKeysService:
    """Each call is one transaction; whom it concerns hears of it by the stream."""

    lists: Writer[DeviceListRow]
    members: Members

    async def put_device(self, user_id: UserId, device_id: DeviceId, keys: bytes) -> None:
        """See `DeviceKeys.put_device`."""
        rooms = await self._rooms(user_id)

        def work(tx: Transaction, log: Log[DeviceListRow]) -> None:
            if identities.device(tx, user_id, device_id) != keys:
                identities.put_device(tx, user_id, device_id, keys)
                _tell(tx, log, DeviceListRow(user_id, rooms))

        await self.lists.write([user_id], work)

    async def put_cross_signing(self, user_id: UserId, keys: Mapping[str, bytes]) -> None:
        """See `DeviceKeys.put_cross_signing`."""
        rooms = await self._rooms(user_id)

        def work(tx: Transaction, log: Log[DeviceListRow]) -> None:
            before = identities.cross_signing(tx, [user_id]).get(user_id, {})
            changed = {usage: key for usage, key in keys.items() if before.get(usage) != key}
            if MASTER in changed:
                unsigned = {SELF_SIGNING, USER_SIGNING} - set(keys)
                identities.forget_cross_signing(tx, user_id, sorted(unsigned))
            identities.put_cross_signing(tx, user_id, changed.items())
            if changed:
                # Nobody else is shown a user-signing key.
                told = user_id if set(changed) == {USER_SIGNING} else None
                _tell(tx, log, DeviceListRow(user_id, () if told else rooms, told))

        await self.lists.write([user_id], work)

    async def sign(self, user_id: UserId, signer: UserId, signatures: Sequence[Signature]) -> None:
        """See `DeviceKeys.sign`."""
        rooms = await self._rooms(user_id) if signer == user_id else ()

        def work(tx: Transaction, log: Log[DeviceListRow]) -> None:
            identities.put_signatures(
                tx, [(user_id, each.target, signer, each.key_id, each.signature) for each in signatures]
            )
            # Nobody else is shown what somebody says of other users' keys.
            _tell(tx, log, DeviceListRow(user_id, rooms, None if signer == user_id else signer))

        await self.lists.write([user_id], work)

    async def devices_changed(self, user_id: UserId, deleted: Collection[DeviceId]) -> None:
        """See `DeviceKeys.devices_changed`."""
        rooms = await self._rooms(user_id)

        def work(tx: Transaction, log: Log[DeviceListRow]) -> None:
            if deleted:
                identities.forget_devices(tx, user_id, deleted)
            _tell(tx, log, DeviceListRow(user_id, rooms))

        await self.lists.write([user_id], work)

    async def _rooms(self, user_id: UserId) -> tuple[RoomId, ...]:
        """Where those are who must know."""
        return tuple(membership.room_id for membership in await self.members.of_user(user_id, ("join",)))


def _tell(tx: Transaction, log: Log[DeviceListRow], row: DeviceListRow) -> None:
    lists.put(tx, log.announce(row), [row])

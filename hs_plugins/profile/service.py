"""The calls of `Profiles`, in the process that owns the user."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from hs_core.db import Transaction
from hs_core.matrix.canonical_json import decode_json
from hs_core.matrix.identifiers import UserId
from hs_core.streams.writer import Log, Writer
from hs_plugins.profile import store
from hs_plugins.profile.fields import changed, check_key, check_value, in_rooms
from hs_plugins.profile.propagation import Propagator
from hs_plugins.profile.rows import ProfileRow
from hs_plugins.profile.store import Fields


@dataclass(frozen=True)
class ProfilesService:
    """A change is one transaction: the profile, and the intent to tell the user's rooms."""

    writer: Writer[ProfileRow]
    propagator: Propagator

    async def set_field(self, user_id: UserId, name: str, value: bytes) -> None:
        check_key(name)
        said = decode_json(value, strict=False)
        check_value(name, said)
        if await self._change(user_id, lambda fields: changed(fields, name, said)):
            await self.propagator.soon(user_id)

    async def delete_field(self, user_id: UserId, name: str) -> None:
        check_key(name)
        without = await self._change(user_id, lambda fields: {key: fields[key] for key in fields if key != name})
        if without:
            await self.propagator.soon(user_id)

    async def erase(self, user_id: UserId) -> None:
        await self._change(user_id, lambda fields: {}, tell_rooms=False)

    async def _change(self, user: UserId, change: Callable[[Fields], Fields], *, tell_rooms: bool = True) -> bool:
        """Whether the user's rooms are to be told."""

        def work(tx: Transaction, log: Log[ProfileRow]) -> bool:
            before = store.fields_for_change(tx, user)
            after = change(before)
            if after == before:
                return False
            if told := tell_rooms and in_rooms(after) != in_rooms(before):
                store.propagate(tx, user)
            store.put(tx, user, after, log.announce(store.row_of(user, after)))
            return told

        return await self.writer.write([user], work)

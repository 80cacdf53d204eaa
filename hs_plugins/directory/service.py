"""The directory's calls: what happens to aliases and lists."""

from dataclasses import dataclass

from hs_core.clock import Clock
from hs_core.db import Database, Transaction
from hs_core.errors import Forbidden, InvalidParam, MatrixError, NotFound, RoomInUse
from hs_core.matrix.errors import ProtocolError
from hs_core.matrix.identifiers import RoomAlias, RoomId, ServerName, UserId, localpart_of, server_name_of
from hs_core.plugin.hooks import Hooks
from hs_core.plugin.hookspecs import check_alias, find_alias
from hs_core.streams.follower import Follower
from hs_core.streams.writer import Log, Writer
from hs_plugins.directory import store
from hs_plugins.directory.api import DirectoryRead
from hs_plugins.directory.canonical import without_alias
from hs_plugins.directory.listing import Listing
from hs_plugins.directory.permission import may_set_aliases
from hs_plugins.directory.rows import PublishedRow
from hs_plugins.directory.values import Alias, ResolvedAlias, RoomsPage, RoomsQuery
from hs_plugins.rooms.api import Draft, Rooms, RoomsRead

RESERVED_FOR_MS = 120_000
"""How long the making of a room may take before somebody else can have its alias."""


@dataclass(frozen=True)
class DirectoryService:
    """Implements the services of `api.py`."""

    server_name: ServerName
    db: Database
    clock: Clock
    hooks: Hooks
    rooms: Rooms
    rooms_read: RoomsRead
    aliases: DirectoryRead
    listing: Listing
    writer: Writer[PublishedRow]
    follower: Follower[PublishedRow]

    async def resolve(self, alias: RoomAlias) -> ResolvedAlias | None:
        known = (await self.aliases.find([alias])).get(alias)
        if known is not None:
            return ResolvedAlias(known.room_id, [self.server_name])
        found = await self.hooks.first(find_alias, alias)
        return None if found is None else ResolvedAlias(found[0], list(found[1]))

    async def reserve(self, alias: RoomAlias, room_id: RoomId, creator: UserId) -> None:
        await self._check(alias, creator)
        now = self.clock.now_ms()
        wanted = Alias(alias, room_id, creator)
        if not await self.db.write(lambda tx: store.put_alias(tx, wanted, now, now + RESERVED_FOR_MS)):
            raise RoomInUse(f"The alias {alias} is taken")

    async def settle(self, alias: RoomAlias, room_id: RoomId) -> None:
        if not await self.db.write(lambda tx: store.settle_alias(tx, alias, room_id)):
            raise RoomInUse(f"The alias {alias} is taken")

    async def release(self, alias: RoomAlias, room_id: RoomId) -> None:
        await self.db.write(lambda tx: store.release_alias(tx, alias, room_id))

    async def add(self, alias: RoomAlias, room_id: RoomId, creator: UserId) -> None:
        await self._check(alias, creator)
        now, wanted = self.clock.now_ms(), Alias(alias, room_id, creator)
        if not await self.db.write(lambda tx: store.put_alias(tx, wanted, now, None)):
            raise MatrixError(409, "M_UNKNOWN", f"Room alias {alias} already exists")

    async def remove(self, alias: RoomAlias, user_id: UserId, by_admin: bool) -> None:
        known = (await self.aliases.find([alias])).get(alias)
        if known is None:
            raise NotFound(f"There is no alias {alias} on this server")
        powerful = await may_set_aliases(self.rooms_read, known.room_id, user_id)
        if user_id != known.creator and not powerful and not by_admin:
            raise Forbidden("Only who made the alias, or may set the room's aliases, can delete it")
        await self.db.write(lambda tx: store.remove_alias(tx, alias))
        if powerful:
            await self._remove_from_room(known, user_id)

    async def move(self, old: RoomId, new: RoomId) -> None:
        await self.db.write(lambda tx: store.move_aliases(tx, old, new))

    async def published(self, server_name: ServerName, query: RoomsQuery) -> RoomsPage:
        return await self.listing.page(query)

    async def publish(self, room_id: RoomId, network: str, published: bool) -> None:
        row = PublishedRow(room_id, network, published)

        def work(tx: Transaction, log: Log[PublishedRow]) -> int:
            if store.is_published(tx, room_id, network) == published:
                return 0
            position = log.announce(row)
            store.publish(tx, row, position)
            return position

        await self.follower.reached(await self.writer.write([room_id], work))

    async def _check(self, alias: RoomAlias, creator: UserId) -> None:
        if server_name_of(alias) != self.server_name:
            raise InvalidParam(f"{alias} is no alias of this server")
        if not localpart_of(alias) or any(character.isspace() for character in alias):
            raise InvalidParam(f"{alias!r} cannot be the alias of a room")
        refusal = await self.hooks.refusal(check_alias, creator, alias)
        if refusal is not None:
            raise MatrixError(403 if refusal.errcode == "M_FORBIDDEN" else 400, refusal.errcode, refusal.message)

    async def _remove_from_room(self, alias: Alias, user_id: UserId) -> None:
        """ "Servers may choose to update the `alt_aliases` for the `m.room.canonical_alias` state event in the room
        when an alias is removed."
        """
        info = (await self.rooms_read.members.rooms([alias.room_id])).get(alias.room_id)
        if info is None:
            return
        current = await self.rooms_read.states.event(info.state, ("m.room.canonical_alias", ""))
        content = without_alias(current.event.content, alias.alias) if current else None
        if content is None:
            return
        draft = Draft(sender=user_id, type="m.room.canonical_alias", state_key="", content=content)
        try:
            await self.rooms.send(alias.room_id, draft)
        except (MatrixError, ProtocolError):
            # "delete the alias and return a successful response even if the user does not have permission to update
            # the `m.room.canonical_alias` event"
            return

"""Who is in which room, and which rooms are public: out of the state of the rooms, as it changes.

Each room's row says which state its members were taken from. What follows from an event is the difference from there to
the room's current state: so it does not matter how often an event comes, nor which branches of the room have met.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from hs_core.cluster.feeds import Portion
from hs_core.db import Database, Transaction
from hs_core.matrix.event import StateKey
from hs_core.matrix.identifiers import EventId, RoomId, ServerName, UserId, server_name_of
from hs_plugins.rooms.api import RoomInfo, RoomsRead, StateRoot, StoredEvent
from hs_plugins.user_directory import store
from hs_plugins.user_directory.store import UNFINISHED, Person

MEMBERS_AT_ONCE: Final = 500
"""In one transaction, while a room is taken in."""
MOST_CHANGES: Final = 2_000
"""In one transaction. If more of a room's state has changed, it is taken in anew."""

Moves = dict[UserId, EventId | None]
"""Member events by user; `None` where there is none any more."""


@dataclass(frozen=True)
class RoomsFollower:
    """Works on the rows of `EVENTS`."""

    server_name: ServerName
    db: Database
    rooms: RoomsRead

    async def take_in(self, portion: Portion) -> None:
        """The feed: whatever has changed of the rooms in which something happened."""
        newest = {row.room_id: row.room_state for _, row in portion.rows}
        known = await self.db.read(lambda tx: store.states(tx, list(newest)))
        changed = [room_id for room_id, state in newest.items() if known.get(room_id) != state]
        for info in (await self.rooms.members.rooms(changed)).values() if changed else ():
            await self._take_in(portion, info, known.get(info.room_id, UNFINISHED))

    async def _take_in(self, portion: Portion, info: RoomInfo, known: StateRoot) -> None:
        if known == info.state:
            return
        is_public = await self._is_public(info)
        moves = {} if known == UNFINISHED else _moves(await self.rooms.states.difference(known, info.state))
        if known == UNFINISHED or len(moves) > MOST_CHANGES:
            await self._write(portion, lambda tx: store.begin_room(tx, info.room_id))
            moves = await self._take_in_most(portion, info, is_public)
        change = await self._change(info.room_id, moves, is_public)

        def finish(tx: Transaction) -> None:
            change(tx)
            store.finish_room(tx, info.room_id, info.state, is_public=is_public)

        await self._write(portion, finish)

    async def _take_in_most(self, portion: Portion, info: RoomInfo, is_public: bool) -> Moves:
        """Take in the members of a new room, but for the last few, which are left to be done with the rest."""
        members = list(_moves(await self.rooms.states.difference(None, info.state)).items())
        while len(members) > MEMBERS_AT_ONCE:
            some, members = dict(members[:MEMBERS_AT_ONCE]), members[MEMBERS_AT_ONCE:]
            await self._write(portion, await self._change(info.room_id, some, is_public))
        return dict(members)

    async def _is_public(self, info: RoomInfo) -> bool:
        """ "users who are joined to rooms known to the homeserver that have a `public` join rule", or that "have a
        `world_readable` history visibility".
        """
        summary = (await self.rooms.summaries.of([info]))[info.room_id]
        return summary.world_readable or summary.join_rule == "public"

    async def _change(self, room_id: RoomId, moves: Moves, is_public: bool) -> Callable[[Transaction], None]:
        """What some member events mean for the tables."""
        events = await self.rooms.timelines.events([each for each in moves.values() if each is not None])
        people = [
            _person(user, events[event_id], is_public)
            for user, event_id in moves.items()
            if event_id in events and events[event_id].event.content.get("membership") == "join"
        ]
        others = [person for person in people if server_name_of(person.user_id) != self.server_name]
        ours = [person.user_id for person in people if server_name_of(person.user_id) == self.server_name]
        left = moves.keys() - {person.user_id for person in people}

        def change(tx: Transaction) -> None:
            store.meet(tx, ours)
            store.put(tx, others, local=False)
            store.join(tx, room_id, ours, local=True)
            store.join(tx, room_id, [person.user_id for person in others], local=False)
            store.leave(tx, room_id, sorted(left))

        return change

    async def _write(self, portion: Portion, work: Callable[[Transaction], None]) -> None:
        await self.db.write(partial(_proven, portion=portion, work=work))


def _proven(tx: Transaction, *, portion: Portion, work: Callable[[Transaction], None]) -> None:
    work(tx)
    portion.prove(tx)


def _moves(changes: Mapping[StateKey, EventId | None]) -> Moves:
    return {UserId(key): event_id for (kind, key), event_id in changes.items() if kind == "m.room.member"}


def _person(user: UserId, stored: StoredEvent, is_public: bool) -> Person:
    content = stored.event.content
    return Person(user, text_of(content.get("displayname")), text_of(content.get("avatar_url")), is_public)


def text_of(value: Any) -> str | None:
    """A name or a URL as it is stored: what a stranger said may be no text, or too much of it."""
    return value.replace("\0", "")[:1000] or None if isinstance(value, str) else None

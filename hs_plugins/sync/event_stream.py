"""`GET /events`: what happens in a user's rooms, or in one that is open to everybody, one event after the other."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import orjson

from hs_core.db import Database
from hs_core.errors import Forbidden, GuestForbidden
from hs_core.http.requester import Requester
from hs_core.matrix.canonical_json import encode_canonical
from hs_core.matrix.identifiers import EventId, RoomId, UserId
from hs_core.streams.token import EVENTS_KEY
from hs_plugins.rooms.api import EVENTS, RoomsRead
from hs_plugins.sync.assemble import Assembler
from hs_plugins.sync.recent import Placed
from hs_plugins.sync.rendering import Renderer
from hs_plugins.sync.sections import Collected
from hs_plugins.sync.snapshots import is_world_readable
from hs_plugins.sync.views import UserView
from hs_plugins.sync.wanted import Wanted

MAX_ROWS: Final = 1000
"""Rows of the stream that one look goes through."""


@dataclass(frozen=True)
class Chunk:
    """Some events, and where to go on."""

    positions: Mapping[str, int]
    events: list[Any]


@dataclass(frozen=True)
class EventStream:
    """Follows the stream for clients of old."""

    assembler: Assembler
    read: RoomsRead
    db: Database

    async def check_peek(self, asker: Requester, room_id: RoomId | None, view: UserView) -> None:
        """Who is not in a room may follow it if everybody may; guests may follow only rooms that they name.

        Raises Forbidden, GuestForbidden.
        """
        if room_id is None:
            if asker.is_guest:
                raise GuestForbidden("Guests must say which room they want to follow")
        elif room_id not in view.joined and not await is_world_readable(room_id, self.read):
            raise Forbidden("You are not in this room, and it is not open to everybody")

    async def next_chunk(self, wanted: Wanted, view: UserView, room_id: RoomId | None, limit: int) -> Chunk:
        """Up to `limit` room events after the token, with those of the sections; perhaps none, but further on."""
        positions = self.assembler.following.positions()
        rows, reached = await self._rows(wanted.events_since or 0, positions[EVENTS_KEY])
        rooms = view.joined if room_id is None else {room_id}
        ignored = await self.assembler.gatherer.ignored_by(view.user_id)
        mine = [
            placed
            for placed in rows
            if (placed.row.room_id in rooms or (room_id is None and _is_own(placed, view.user_id)))
            and not _is_ignored(placed, ignored)
        ]
        if len(mine) > limit:
            mine = mine[:limit]
            reached = mine[-1].position
        positions[EVENTS_KEY] = reached
        events: list[Any] = await self._render(await self._visible(mine, view.user_id), wanted)
        if room_id is None:
            # What is for one device is not shown here, so these tokens do not prove that the device has it.
            of_user = replace(wanted, device_id=None)
            events += _flat(await self.assembler.collect(of_user, view, [], positions))
        return Chunk(positions, events)

    async def event(self, event_id: EventId, wanted: Wanted) -> Any | None:
        """One event, if the user may see it."""
        stored = (await self.read.timelines.events([event_id])).get(event_id)
        if stored is None or not (await self.read.timelines.visible(wanted.user_id, [stored]))[0]:
            return None
        rows = await self.read.timelines.rows([event_id])
        return Renderer(wanted, self.assembler.gatherer.clock.now_ms(), with_room_id=True).state(rows[event_id])

    async def wait(self, view: UserView, room_id: RoomId | None, deadline: float) -> None:
        """Return when something happens in the user's rooms, or the one that they look into, or time is up."""
        following = self.assembler.following
        if room_id is None or room_id in view.joined:
            await following.news(view, deadline)
        else:
            await following.peek(room_id, deadline)

    async def _rows(self, since: int, up_to: int) -> tuple[Sequence[Placed], int]:
        recent = self.assembler.following.recent
        if since < recent.horizon:
            stored = await self.db.read(lambda tx: EVENTS.load(tx, since, up_to, MAX_ROWS))
            reached = stored[-1][0] if len(stored) == MAX_ROWS else up_to
            return [Placed(position, row) for position, row in stored], reached
        return list(recent.after(since)), up_to

    async def _visible(self, rows: Sequence[Placed], user_id: UserId) -> list[Placed]:
        by_room: dict[RoomId, list[EventId]] = {}
        for placed in rows:
            by_room.setdefault(placed.row.room_id, []).append(placed.row.event_id)
        visible: set[EventId] = set()
        for event_ids in by_room.values():
            loaded = await self.read.timelines.events(event_ids)
            events = [loaded[event_id] for event_id in event_ids if event_id in loaded]
            allowed = await self.read.timelines.visible(user_id, events)
            visible.update(stored.event.event_id for stored, may in zip(events, allowed, strict=True) if may)
        return [each for each in rows if each.row.event_id in visible or _is_own(each, user_id)]

    async def _render(self, rows: Sequence[Placed], wanted: Wanted) -> list[Any]:
        renderer = Renderer(wanted, self.assembler.gatherer.clock.now_ms(), with_room_id=True)
        stale = [placed.row.event_id for placed in rows if placed.redacted]
        remains = await self.read.timelines.rows(stale)
        return [renderer.own(remains.get(placed.row.event_id, placed.row)) for placed in rows]


async def wait_for_events(
    stream: EventStream, wanted: Wanted, room_id: RoomId | None, limit: int, draining: asyncio.Event
) -> Chunk:
    """The next events, as soon as there are any, or none when the time is up."""
    deadline = asyncio.get_running_loop().time() + wanted.timeout
    while True:
        over = draining.is_set() or asyncio.get_running_loop().time() >= deadline
        view = await stream.assembler.following.views.of(wanted.user_id)
        positions = stream.assembler.following.positions()
        if over or wanted.since != positions:
            chunk = await stream.next_chunk(wanted, view, room_id, limit)
            if chunk.events or over:
                return chunk
            wanted = replace(wanted, since=chunk.positions)
        else:
            await stream.wait(view, room_id, deadline)


def _is_own(placed: Placed, user_id: UserId) -> bool:
    """Whether it is the user's own member event."""
    return placed.row.type == "m.room.member" and placed.row.state_key == user_id


def _with_room(event: orjson.Fragment, room_id: RoomId) -> orjson.Fragment:
    """Clients may nest account data deeper than orjson writes."""
    return orjson.Fragment(encode_canonical({**orjson.loads(orjson.dumps(event)), "room_id": room_id}, strict=False))


def _is_ignored(placed: Placed, ignored: Collection[UserId]) -> bool:
    """Whether it comes from an ignored user: a message or an invitation, for other state is shown all the same."""
    row = placed.row
    return row.sender in ignored and (row.state_key is None or row.membership == "invite")


def _flat(collected: Collected) -> list[Any]:
    """The events of the sections, those of rooms with the room's ID."""
    events = [event for key in ("presence", "account_data") for event in collected.top.get(key, {}).get("events", [])]
    for room_id, parts in collected.rooms.items():
        for key in ("ephemeral", "account_data"):
            told = parts.get(key, {}).get("events", [])
            events += [_with_room(event, room_id) for event in told]
    return events

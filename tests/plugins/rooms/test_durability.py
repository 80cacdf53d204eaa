"""Acknowledged means durable, whatever becomes of the process; and the same request is done once."""

import asyncio
import sys
from itertools import pairwise
from pathlib import Path

import pytest

from hs_core.matrix.identifiers import EventId, RoomId
from hs_core.matrix.room_version import V11
from hs_core.testing.homeserver import Homeserver, homeserver
from hs_plugins.rooms import actors
from hs_plugins.rooms.api import ROOMS, ROOMS_READ, Draft, Join, Place, RoomsRead
from hs_plugins.rooms.plugin import plugin
from hs_plugins.rooms.service import RoomsService
from tests.layouts import in_one_process
from tests.plugins.rooms.loaded import message
from tests.plugins.rooms.world import LOCAL, World

ACKNOWLEDGED = 300


async def timeline(read: RoomsRead, room_id: RoomId) -> list[tuple[EventId, int | None]]:
    page = await read.timelines.page(room_id, Place(-1, 0), backwards=False, limit=10_000)
    return [(stored.event.event_id, stored.position) for stored in page.events]


async def killed_under_load(folder: Path, url: str) -> list[tuple[RoomId, int, EventId, int]]:
    """Let a process send as fast as it can, kill it, and say what it had acknowledged."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.plugins.rooms.loaded", str(folder), url, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    said: list[tuple[RoomId, int, EventId, int]] = []
    while len(said) < ACKNOWLEDGED and (line := await process.stdout.readline()):
        words = line.decode().split()
        if words[0].startswith("!"):
            said.append((RoomId(words[0]), int(words[1]), EventId(words[2]), int(words[3])))
    process.kill()
    await process.wait()
    return said


async def test_what_was_acknowledged_survives_a_kill(tmp_path: Path, database_url: str) -> None:
    acknowledged = await killed_under_load(tmp_path, database_url)
    assert len(acknowledged) == ACKNOWLEDGED
    async with homeserver(tmp_path, database_url, plugins=[plugin]) as server:
        rooms, read = server.core.services[ROOMS], server.core.read_sides[ROOMS_READ]
        for room_id in {room_id for room_id, *_ in acknowledged}:
            in_room = await timeline(read, room_id)
            told = [(event_id, position) for room, _, event_id, position in acknowledged if room == room_id]
            assert [one for one in in_room if one in set(told)] == told, "all of them, in their order"
            assert [position for _, position in in_room] == sorted(position or 0 for _, position in in_room)
        room_id, number, event_id, position = acknowledged[-1]
        again = await rooms.send(room_id, message(number))
        assert (again.event_id, again.position) == (event_id, position)
        last = (await timeline(read, room_id))[-1][0]
        sent = await rooms.send(room_id, message(1_000_000))
        assert (await read.timelines.events([sent.event_id]))[sent.event_id].event.prev_events == (last,)


@in_one_process
async def test_a_few_rooms_in_memory_serve_many(server: Homeserver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(actors, "MAX_ROOMS", 3)
    worlds = [await World.begin(server, V11) for _ in range(8)]
    await asyncio.gather(
        *(world.rooms.join(world.dag.room_id, Join(user_id=LOCAL, content={})) for world in worlds for _ in range(2))
    )
    drafts = [Draft(sender=LOCAL, type="m.room.message", content={"body": str(number)}) for number in range(5)]
    await asyncio.gather(*(world.rooms.send(world.dag.room_id, draft) for draft in drafts for world in worlds))
    rooms = server.core.services[ROOMS]
    assert isinstance(rooms, RoomsService)
    for world in worlds:
        sent = await world.rooms.send(world.dag.room_id, drafts[0])
        assert rooms.rooms_in_memory <= 3
        assert await world.extremities() == {sent.event_id}
        said = await timeline(world.read, world.dag.room_id)
        assert len(said) == len(world.dag.events) + 1 + len(drafts) + 1
        for (earlier, _), (later, _) in pairwise(said):
            assert (await world.stored_event(later)).event.prev_events == (earlier,)

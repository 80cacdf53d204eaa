"""A room moves to another process, which goes on where the first one stopped."""

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from msgspec.structs import replace

from hs_core.core import Core
from hs_core.errors import RoomInUse
from hs_core.matrix.identifiers import DeviceId, RoomId
from hs_core.matrix.room_version import V11
from hs_core.testing.homeserver import homeserver
from hs_core.testing.redis import RedisServer
from hs_plugins.rooms.api import EVENTS, ROOMS, Draft, Sent, new_room
from hs_plugins.rooms.plugin import plugin
from tests.plugins.rooms.loaded import USER, message

PATIENCE = 20


@pytest.fixture
def folders(tmp_path: Path) -> list[Path]:
    folders = [tmp_path / "first", tmp_path / "second"]
    for folder in folders:
        folder.mkdir()
    return folders


async def make_rooms(core: Core, count: int) -> list[RoomId]:
    made = []
    for _ in range(count):
        room_id, create = new_room(
            USER, V11, {}, server_name=core.server_name, signing_key=core.signing_key, clock=core.clock
        )
        join = Draft(sender=USER, type="m.room.member", state_key=USER, content={"membership": "join"})
        await core.services[ROOMS].create_room(room_id, create, [join])
        made.append(room_id)
    return made


async def until_owned(core: Core, rooms: list[RoomId]) -> None:
    async with asyncio.timeout(PATIENCE):
        while not all(map(core.writer(EVENTS).owns, rooms)):  # noqa: ASYNC110  # another process lets go of them
            await asyncio.sleep(0.005)


@pytest.mark.parametrize("engine", ["postgresql"], indirect=True)
async def test_rooms_go_on_in_the_process_that_takes_them_over(
    database_url: str, redis_server: RedisServer, folders: list[Path]
) -> None:
    settings = {"redis": {"url": redis_server.url()}, "cluster": {"secret": "of the tests"}}
    async with AsyncExitStack() as firsts, AsyncExitStack() as seconds:
        first = await firsts.enter_async_context(
            homeserver(folders[0], database_url, settings=settings, plugins=[plugin])
        )
        rooms = await make_rooms(first.core, 8)
        earlier = [await first.core.services[ROOMS].send(room_id, message(1)) for room_id in rooms]
        second = await seconds.enter_async_context(
            homeserver(folders[1], database_url, settings=settings, plugins=[plugin])
        )
        for room_id, sent in zip(rooms, earlier, strict=True):
            assert await first.core.services[ROOMS].send(room_id, message(1)) == sent, "wherever the room is owned"
        await firsts.aclose()
        await until_owned(second.core, rooms)
        for room_id, sent in zip(rooms, earlier, strict=True):
            assert await second.core.services[ROOMS].send(room_id, message(1)) == sent, "the same request is done once"
            later = await second.core.services[ROOMS].send(room_id, message(2))
            assert later.position > sent.position


@pytest.mark.parametrize("engine", ["postgresql"], indirect=True)
async def test_a_room_is_made_once_however_often_its_maker_must_ask(
    database_url: str, redis_server: RedisServer, folders: list[Path]
) -> None:
    settings = {"redis": {"url": redis_server.url()}, "cluster": {"secret": "of the tests"}}
    join = Draft(sender=USER, type="m.room.member", state_key=USER, content={"membership": "join"})
    mine, another = (replace(join, device_id=DeviceId("making"), txn_id=each) for each in ("once", "another time"))
    answers: list[Sent] = []
    for folder in folders:  # one process, and its successor
        async with homeserver(folder, database_url, settings=settings, plugins=[plugin]) as server:
            core = server.core
            if not answers:
                room_id, create = new_room(
                    USER, V11, {}, server_name=core.server_name, signing_key=core.signing_key, clock=core.clock
                )
            answers.append(await core.services[ROOMS].create_room(room_id, create, [mine]))
            with pytest.raises(RoomInUse):
                await core.services[ROOMS].create_room(room_id, create, [another])

    assert answers[0] == answers[1]

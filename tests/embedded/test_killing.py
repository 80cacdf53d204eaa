"""`kill -9` under load, again and again: what was acknowledged is there, once, and everybody goes on from there."""

from __future__ import annotations

import asyncio
import random
from pathlib import Path

from tests.embedded.load import Load
from tests.embedded.running import HsRun, hs_run

ROUNDS = 3
CUT_SHORT = 3


async def test_what_was_acknowledged_is_neither_lost_nor_doubled_by_kills(tmp_path: Path) -> None:
    async with hs_run(tmp_path) as server:
        async with server.client() as client:
            load = await Load.begin(client)
            await _killed(server, load)
        for last in [False] * (ROUNDS - 1) + [True]:
            await server.start()
            async with server.client() as client:
                load.move_to(client)
                await _nothing_is_lost(load)
                if not last:
                    await _killed(server, load)
        assert await server.stop() == 0
        assert server.log.read_text() == "", "nothing to repair, nothing to warn of"


async def _killed(server: HsRun, load: Load) -> None:
    killing = asyncio.Event()
    going_on = asyncio.create_task(load.until_killed(killing, after=random.randrange(20, 120)))
    going_on.add_done_callback(lambda _: killing.set())  # should it fail, it is not waited for
    await killing.wait()
    await server.kill()
    await going_on


async def _nothing_is_lost(load: Load) -> None:
    there = await load.in_room()
    assert set(load.acknowledged) <= set(there)
    assert set(there.values()) == {1}

    for text, sender in load.asked.items():  # as clients do, that had no answer or lost it
        event = await load.say(sender, text)
        assert load.acknowledged.setdefault(text, event) == event
    assert set(await load.in_room()) == set(load.asked)
    assert set((await load.in_room()).values()) == {1}

    while set(load.seen) != set(load.asked):
        await load.sync_on()
    assert len(load.seen) == len(load.asked), "nothing was shown twice"

    rooms = (await load.people[1].request("GET", "/joined_rooms"))["joined_rooms"]
    assert load.joined <= set(rooms)


async def test_a_first_start_that_is_killed_is_just_begun_again(tmp_path: Path) -> None:
    server = HsRun(tmp_path)
    for _ in range(CUT_SHORT):
        process = await server.spawn()
        assert process.stdout is not None
        up = asyncio.create_task(process.stdout.readline())
        enough = _written(tmp_path) + random.randrange(1, 100_000)
        while _written(tmp_path) < enough and not up.done():
            await asyncio.wait([up], timeout=0.001)
        process.kill()
        await up
        await process.communicate()
    async with hs_run(tmp_path) as server, server.client() as client:
        user = await client.register()
        assert await user.create_room()
        assert server.log.read_text() == ""


def _written(folder: Path) -> int:
    """Bytes in the files of a server."""
    return sum(file.stat().st_size for file in (folder / "data").glob("*"))

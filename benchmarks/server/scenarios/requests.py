"""Single requests, one kind after the other."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from functools import partial
from itertools import cycle, repeat
from urllib.parse import quote, urlencode

import orjson

from benchmarks.server.bench import Bench, gather
from benchmarks.server.client import User
from benchmarks.server.measure import Act, Row


async def versions(bench: Bench) -> list[Row]:
    """`GET /versions` on 16 connections: the price of any request."""
    act = partial(bench.server.call, "GET", "/_matrix/client/versions")
    meter = bench.meter()
    await meter.drive([repeat(act)] * 16, bench.seconds)
    return [meter.row("versions")]


async def create_room(bench: Bench) -> list[Row]:
    """`POST /createRoom` with the preset `public_chat`, four users at once."""
    users = await bench.crowd(4)
    meter = bench.meter()
    await meter.drive([repeat(user.create_room) for user in users], bench.seconds)
    return [meter.row("create-room")]


async def join_public_room(bench: Bench) -> list[Row]:
    """Local users joining public rooms, four users at once; the rooms grow to 40 members."""
    owner, *joiners = await bench.crowd(41)
    rooms = await gather(20, lambda _: owner.create_room())
    meter = bench.meter()
    lanes = [[partial(user.join, room) for room in rooms for user in joiners[lane::4]] for lane in range(4)]
    await meter.drive(lanes, bench.seconds)
    return [meter.row("join-public-room")]


async def messages_page(bench: Bench) -> list[Row]:
    """Pages of 50 messages out of a room with 500, four readers at once."""
    users = await bench.crowd(4)
    room = await bench.room_of(users)
    await gather(500, lambda i: users[i % 4].send(room, f"message {i}"))
    starts = [query async for query in _pages(users[0], room)]
    meter = bench.meter()
    await meter.drive([_turning(user, starts) for user in users], bench.seconds)
    return [meter.row("messages-page")]


def _turning(user: User, pages: list[str]) -> Iterator[Act]:
    return (partial(user.call, "GET", page) for page in cycle(pages))


async def _pages(user: User, room: str) -> AsyncIterator[str]:
    """The path of each full page of a room's history, from its end."""
    query = {"dir": "b", "limit": "50"}
    while True:
        path = f"/rooms/{quote(room)}/messages?{urlencode(query)}"
        page = orjson.loads(await user.call("GET", path))
        if len(page["chunk"]) < 50 or "end" not in page:
            return
        yield path
        query["from"] = page["end"]


async def login_password(bench: Bench) -> list[Row]:
    """`POST /login` with a password, two at once: mostly the password hash that the server is configured with."""
    users = await bench.crowd(4)
    meter = bench.meter()
    lanes = [cycle([partial(bench.server.login, user.id) for user in users[lane::2]]) for lane in range(2)]
    await meter.drive(lanes, bench.seconds)
    return [meter.row("login-password")]

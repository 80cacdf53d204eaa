"""Events on their way in: messages, state, and messages while presence changes all the time."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator
from functools import partial
from itertools import count, cycle, repeat
from time import perf_counter
from urllib.parse import quote

from benchmarks.server.bench import Bench, gather
from benchmarks.server.client import User
from benchmarks.server.measure import Act, Row, background

_CHANGES_PER_MINUTE = 5_000
_SENDERS = 16


async def send_one_room(bench: Bench) -> list[Row]:
    """Messages into one room of 10 members by 8 of them at once."""
    members = await bench.crowd(10)
    room = await bench.room_of(members)
    meter = bench.meter()
    await meter.drive([repeat(partial(member.send, room)) for member in members[:8]], bench.seconds)
    return [meter.row("send-one-room")]


async def send_50_rooms(bench: Bench) -> list[Row]:
    """Messages into 50 rooms of 4 members by 16 senders at once, each going round their rooms."""
    acts = await _rounds(bench)
    meter = bench.meter()
    await meter.drive(acts, bench.seconds)
    return [meter.row("send-50-rooms", "" if bench.senders == _SENDERS else f"{bench.senders} senders")]


async def send_steadily(bench: Bench) -> list[Row]:
    """The same messages, so many a second, whether those before are answered or not: as people talk."""
    acts = [iter(lane) for lane in await _rounds(bench)]
    meter = bench.meter()
    with meter.window():
        async with asyncio.TaskGroup() as group:
            started = perf_counter()
            for n in range(int(bench.rate * bench.seconds)):
                await asyncio.sleep(max(0.0, started + n / bench.rate - perf_counter()))
                group.create_task(meter.timed(next(acts[n % len(acts)])))
    return [meter.row("send-steadily", f"{bench.rate:g} a second asked for")]


async def _rounds(bench: Bench) -> list[Iterable[Act]]:
    """For each sender, a message into each of their rooms, over and over."""
    senders = bench.senders
    users = await bench.crowd(senders)
    rooms: dict[str, list[User]] = {}

    async def make(i: int) -> None:
        members = [users[(i * 5 + seat) % senders] for seat in range(4)]
        rooms[await bench.room_of(members)] = members

    await gather(50 * senders // _SENDERS, make, at_once=4)
    return [cycle([partial(user.send, room) for room, members in rooms.items() if user in members]) for user in users]


async def state_new_keys(bench: Bench) -> list[Row]:
    """State events that each add a state key to one room, four requests at once: what a bridge or a bot does."""
    owner = (await bench.crowd(1))[0]
    room = await owner.create_room()
    keys = count()

    def lane() -> Iterator[Act]:
        for key in keys:
            path = f"/rooms/{quote(room)}/state/org.example.bench/key{key}"
            yield partial(owner.call, "PUT", path, {"value": key})

    meter = bench.meter()
    await meter.drive([lane() for _ in range(4)], bench.seconds)
    return [meter.row("state-new-keys")]


async def presence_load(bench: Bench) -> list[Row]:
    """Messages while 5,000 presence changes a minute come from the members of a room of 100: the latency of sends."""
    room, members = await bench.room_of_100()
    await _change_presence(members[0], 0)
    sends = [partial(member.send, room) for member in members[:2]]
    calm = bench.meter()
    await calm.drive([repeat(send) for send in sends], bench.seconds)
    changes = count(1)
    meter = bench.meter()
    started = perf_counter()

    async def change(lane: int) -> None:
        pace = _CHANGES_PER_MINUTE / 60 / 8
        for n in count():
            await asyncio.sleep(max(0.0, started + n / pace - perf_counter()))
            await _change_presence(members[(n * 8 + lane) % 100], n)
            next(changes)

    async with background(*(change(lane) for lane in range(8))):
        await meter.drive([repeat(send) for send in sends], bench.seconds)
    rate = next(changes) / (perf_counter() - started) * 60
    return [
        calm.row("presence-none", "the same without changes"),
        meter.row("presence-load", f"with {rate:,.0f} changes a minute"),
    ]


async def _change_presence(user: User, n: int) -> None:
    body = {"presence": ("online", "unavailable")[n % 2], "status_msg": f"status {n}"}
    await user.call("PUT", f"/presence/{quote(user.id)}/status", body)

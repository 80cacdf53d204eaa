"""What time does to a server: the price of a message in a room with a long past, the memory after a busy day."""

from __future__ import annotations

from functools import partial
from itertools import repeat

from benchmarks.server.bench import Bench, gather
from benchmarks.server.client import User
from benchmarks.server.measure import Row, background
from benchmarks.server.scenarios.fanout import Audience, messages, show, texts


async def flatness(bench: Bench) -> list[Row]:
    """The cost of a send and of a delivery (to one of 20) with 1,000 events in the room, and with 20,000."""
    members = await bench.newcomers(20)
    room = await bench.room_of(members)
    rows, stored = [], 0
    for events in (1_000, max(5_000, bench.sized(20_000))):
        await gather(events - stored, lambda i: members[i % 20].send(room))
        stored = events
        meter = bench.meter()
        await meter.drive([repeat(partial(member.send, room)) for member in members[:8]], bench.seconds)
        rows.append(meter.row("flatness: send", f"after {stored:,} events"))
        stored += len(meter.latencies)
        meter = await show(bench, room, members, texts, messages(room, members))
        rows.append(meter.row("flatness: delivery", f"after {stored:,} events"))
        stored += len(meter.latencies) // 20
    return rows


async def memory_after(bench: Bench) -> list[Row]:
    """100,000 events in 1,000 rooms of 5 while 500 users are syncing; the operation is a send with its deliveries."""
    events, rooms, people = (bench.sized(size) for size in (100_000, 1_000, 500))
    users = await bench.newcomers(people)

    async def make(i: int) -> tuple[str, list[User]]:
        members = [users[(i * 5 + seat) % people] for seat in range(min(5, people))]
        return await bench.room_of(members), members

    places = await gather(rooms, make)
    tokens = await gather(people, lambda i: users[i].token())
    audience = Audience(places[0][0], texts)
    meter = bench.meter()

    async def talk(i: int) -> None:
        room, members = places[i % rooms]
        await meter.timed(partial(members[i % len(members)].send, room))

    async with background(*map(audience.listen, users, tokens)):
        with meter.window():
            await gather(events, talk, at_once=16)
        row = meter.row("memory-after", f"{events:,} events in {rooms:,} rooms, {people:,} users syncing")
    return [row]

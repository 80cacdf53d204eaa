"""`GET /sync`: going on from a moment ago, and beginning with everything."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from itertools import count
from time import perf_counter

from benchmarks.server.bench import Bench, gather
from benchmarks.server.client import User
from benchmarks.server.measure import Act, Meter, Row

_DEVICES = 20
_LAZY = '{"room":{"state":{"lazy_load_members":true}}}'


async def incremental_sync(bench: Bench) -> list[Row]:
    """A user in 50 rooms is shown the one event that is new."""
    return [(await _one_new_event(bench, 50)).row("incremental-sync", "one new event, in 50 rooms")]


async def user_in_2000_rooms(bench: Bench) -> list[Row]:
    """The same for a user in 2,000 rooms."""
    rooms = bench.sized(2_000)
    return [(await _one_new_event(bench, rooms)).row("user-in-2000-rooms", f"one new event, in {rooms:,} rooms")]


async def _one_new_event(bench: Bench, number: int) -> Meter:
    """Twenty devices of a user in so many rooms each fetch one new event; sending it is not counted."""
    reader = (await bench.newcomers(1))[0]
    senders = await bench.crowd(8)
    rooms = await gather(number, lambda i: _shared(senders[i % 8], reader))
    devices = await gather(_DEVICES, lambda _: bench.server.login(reader.id))
    tokens = await gather(_DEVICES, lambda i: devices[i].token())
    meter = bench.meter()
    end = perf_counter() + bench.seconds
    for n in count():
        if perf_counter() > end:
            return meter
        await senders[n % number % 8].send(rooms[n % number])

        async def fetch(i: int) -> None:
            async def sync() -> None:
                tokens[i] = (await devices[i].sync(tokens[i], 10_000))["next_batch"]

            await meter.timed(sync)

        with meter.window():
            await gather(_DEVICES, fetch, at_once=4)
    raise AssertionError("count() has no end")


async def _shared(owner: User, guest: User) -> str:
    """A room of the two of them."""
    room = await owner.create_room()
    await guest.join(room)
    return room


async def initial_sync_100_rooms(bench: Bench) -> list[Row]:
    """A first sync of a user in 100 rooms, with the default filter."""
    user = (await bench.newcomers(1))[0]
    owners = await bench.crowd(8)

    async def make(i: int) -> None:
        room = await _shared(owners[i % 8], user)
        for n in range(5):
            await owners[i % 8].send(room, f"message {n}")

    await gather(100, make)
    meter = bench.meter()
    await meter.drive([_first_syncs(user)], bench.seconds)
    return [meter.row("initial-sync-100-rooms")]


async def initial_sync_2000_members(bench: Bench) -> list[Row]:
    """A first sync of a member of a room of 2,000: with all members, and with those it needs ("lazy-loading")."""
    number = bench.sized(2_000)
    members = await bench.newcomers(number)
    room = await bench.room_of(members)
    await gather(20, lambda i: members[i % number].send(room))
    full, lazy = bench.meter(), bench.meter()
    await full.drive([_first_syncs(members[1])], bench.seconds)
    await lazy.drive([_first_syncs(members[1], filter=_LAZY)], bench.seconds)
    note = f"in a room of {number:,}"
    return [full.row("initial-sync-2000-full", note), lazy.row("initial-sync-2000-lazy", note)]


def _first_syncs(user: User, **query: str) -> Iterator[Act]:
    """First syncs whose timeouts differ, so that no answer is an old one that the server has kept."""
    return (partial(user.sync_raw, None, n, **query) for n in count())

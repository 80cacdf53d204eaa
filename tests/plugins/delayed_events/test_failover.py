"""Delayed events survive the processes that were to send them."""

from __future__ import annotations

from pathlib import Path

from hs_core.clock import SystemClock
from hs_core.matrix.identifiers import RoomId, UserId
from hs_core.testing.client import Client
from hs_core.testing.homeserver import homeserver
from hs_plugins.client.api import SENDING
from hs_plugins.rooms.api import DELAYED, Draft
from tests.plugins.delayed_events.test_delayed_events import schedule

HOUR = 60 * 60 * 1000


class LateClock(SystemClock):
    """That of a server which is started some time later."""

    def __init__(self, later_ms: int) -> None:
        self.later_ms = later_ms

    def now_ms(self) -> int:
        return super().now_ms() + self.later_ms


async def test_what_became_due_while_nobody_was_there_is_sent_once_somebody_is(
    tmp_path: Path, database_url: str
) -> None:
    async with (
        homeserver(tmp_path, database_url) as server,
        Client(server.url, shared_secret=server.shared_secret) as client,
    ):
        alice = await client.register("alice")
        room = await alice.create_room()
        await schedule(alice, room, "first", HOUR)
        await schedule(alice, room, "second", 3 * HOUR)
    async with homeserver(tmp_path, database_url, clock=LateClock(2 * HOUR)) as server, Client(server.url) as client:
        alice = await client.login("alice")
        sync = await alice.sync_until(lambda sync: "first" in sync.texts(room))
        assert sync.texts(room) == ["first"]
    async with homeserver(tmp_path, database_url, clock=LateClock(4 * HOUR)) as server, Client(server.url) as client:
        alice = await client.login("alice")
        await alice.sync_until(lambda sync: "second" in sync.texts(room))
        assert (await alice.sync()).texts(room) == ["first", "second"]


async def test_an_event_that_was_sent_but_not_noted_is_not_sent_again(tmp_path: Path, database_url: str) -> None:
    """Its process died in between: the next one sends it with the same transaction."""
    async with (
        homeserver(tmp_path, database_url) as server,
        Client(server.url, shared_secret=server.shared_secret) as client,
    ):
        alice = await client.register("alice")
        room = await alice.create_room()
        delay_id = await schedule(alice, room, "once", HOUR)
        content = {"msgtype": "m.text", "body": "once"}
        draft = Draft(
            sender=UserId(alice.user_id), type="m.room.message", content=content, device_id=DELAYED, txn_id=delay_id
        )
        sent = await server.core.services[SENDING].send(RoomId(room), draft)
    async with homeserver(tmp_path, database_url, clock=LateClock(2 * HOUR)) as server, Client(server.url) as client:
        alice = await client.login("alice")
        where = f"/_matrix/client/unstable/org.matrix.msc4140/delayed_events/{delay_id}"
        while "event_id" not in (seen := await alice.request("GET", where)):
            await alice.sync(timeout=50)
        assert seen["event_id"] == sent.event_id
        assert (await alice.sync()).texts(room) == ["once"]

"""The newest events in memory: the same as in the database, from any place."""

from __future__ import annotations

from pathlib import Path

import pytest

from hs_core.testing.client import Client
from hs_core.testing.homeserver import homeserver
from hs_plugins.appservice import recent
from hs_plugins.appservice.recent import RecentEvents
from hs_plugins.rooms.api import EVENTS


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
async def test_memory_and_database_say_the_same(
    tmp_path: Path, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recent, "MAX_ROWS", 20)
    async with (
        homeserver(tmp_path, database_url) as server,
        Client(server.url, shared_secret=server.shared_secret) as client,
    ):
        follower = server.core.follower(EVENTS)
        events = RecentEvents(follower, server.core.db)
        follower.subscribe(events.hear)
        alice = await client.register()
        room = await alice.create_room()
        for number in range(40):
            await alice.send_text(room, f"number {number}")
        all_rows = await server.core.db.read(lambda tx: EVENTS.load(tx, 0, follower.position, 1000))

        assert 0 < events.horizon < follower.position
        for position in range(follower.position + 3):
            for limit in (1, 7, 100):
                stretch = await events.after(position, limit)
                expected = [each for each in all_rows if each[0] > position][:limit]
                assert stretch.rows == expected
                assert stretch.up_to == (
                    expected[-1][0] if len(expected) == limit else max(position, follower.position)
                )

"""What a process tells about itself."""

from pathlib import Path

import aiohttp

from hs_core.db import DatabaseUnavailable, open_database
from hs_core.http.outage import Outage
from hs_core.telemetry import Readiness
from hs_core.testing.client import Client
from hs_core.testing.clock import TestClock
from hs_core.testing.faults import failing_reads
from hs_core.testing.homeserver import homeserver


async def test_metrics_tell_of_streams_slots_database_and_caches(tmp_path: Path) -> None:
    async with (
        homeserver(tmp_path, f"sqlite:///{tmp_path}/hs.db") as server,
        Client(server.url, shared_secret=server.shared_secret) as client,
        aiohttp.ClientSession() as session,
    ):
        alice = await client.register("alice")
        await alice.create_room()
        await alice.sync()

        async with session.get(f"{server.url}/metrics") as answer:
            lines = dict(line.rsplit(" ", 1) for line in (await answer.text()).splitlines() if not line.startswith("#"))

    assert float(lines['hs_stream_position{stream="events"}']) >= 5
    assert float(lines['hs_stream_lag{stream="events"}']) == 0
    assert float(lines['hs_stream_slots{stream="events"}']) == 64
    assert float(lines['hs_database_work_total{kind="write"}']) > 0
    assert float(lines['hs_database_seconds_total{kind="write"}']) > 0
    assert float(lines['hs_cache_misses_total{cache="access_tokens"}']) >= 1
    assert float(lines['hs_cache_hits_total{cache="access_tokens"}']) >= 1


async def test_a_process_is_not_ready_while_its_database_is_away(tmp_path: Path) -> None:
    db = await open_database(f"sqlite:///{tmp_path}/hs.db")
    readiness = Readiness(db, TestClock(), list, Outage())

    await readiness.look()
    assert readiness.reasons() == []

    with failing_reads(db, DatabaseUnavailable("gone")):
        await readiness.look()
        assert readiness.reasons() == ["the database is away"]

    await readiness.look()
    assert readiness.reasons() == []
    await db.close()

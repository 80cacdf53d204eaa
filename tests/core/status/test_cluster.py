"""The status of a deployment of several real processes, by the real command."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from hs_core.cluster import members
from hs_core.cluster.members import Member
from hs_core.db import open_database
from hs_core.plugin.declaration import Plugin
from hs_core.status.overview import overview
from hs_core.testing.deployment import PATIENCE, Deployment, deployed
from hs_core.testing.homeserver import homeserver
from hs_core.testing.redis import RedisServer
from tests.core.streams.notes import NOTES

HS = Path(sys.executable).with_name("hs")

pytestmark = pytest.mark.parametrize("engine", ["postgresql"], indirect=True)

LAYOUT = {
    "rooms": {"plugins": ["rooms"], "replicas": 2},
    "rest": {"plugins": ["*"], "except": ["rooms", "sync"]},
    "sync": {"plugins": ["sync"]},
}
PLUGIN = Plugin("notes", writes=[NOTES], reads=[NOTES.name])


async def hs(deployment: Deployment, *words: str) -> tuple[int | None, str]:
    process = await asyncio.create_subprocess_exec(
        HS, *words, "-c", "hs.yaml", cwd=deployment.folder, stdout=asyncio.subprocess.PIPE
    )
    out, _ = await process.communicate()
    return process.returncode, out.decode()


async def status(deployment: Deployment) -> dict[str, Any]:
    seen: dict[str, Any] = json.loads((await hs(deployment, "status", "--json"))[1])
    return seen


@pytest.fixture
async def deployment(tmp_path: Path, database_url: str, redis_server: RedisServer) -> AsyncIterator[Deployment]:
    async with deployed(tmp_path / "all", database_url, redis_server.url(), LAYOUT, server_name="status.test") as all_:
        yield all_


async def test_everything_has_an_owner_and_a_dead_process_is_missed(deployment: Deployment) -> None:
    async with deployment.client("rest") as client:
        alice = await client.register("alice")
        await alice.create_room()
    seen = await status(deployment)

    assert seen["problems"] == []
    names = {process["id"]: process["name"] for process in seen["processes"]}
    assert sorted(names.values()) == ["rest", "rooms-0", "rooms-1", "sync"]
    streams = {stream["name"]: stream for stream in seen["streams"]}
    assert sorted(names[owner] for owner in streams["events"]["owners"]) == ["rooms-0", "rooms-1"]
    assert sorted(slot for slots in streams["events"]["owners"].values() for slot in slots) == list(range(64))
    assert streams["events"]["position"] > 0
    assert all(process["ready"] and process["memory"] for process in seen["processes"])
    assert "events" in next(each["lag"] for each in seen["processes"] if each["name"] == "sync")
    assert all(sum(map(len, task["owners"].values())) == task["slots"] for task in seen["tasks"])

    async with asyncio.timeout(PATIENCE):
        while any(lag for each in (await status(deployment))["processes"] for lag in each["lag"].values()):
            """Somebody has yet to hear of the last event."""

    await deployment["sync"].kill()
    async with asyncio.timeout(PATIENCE):
        while (await status(deployment))["problems"] != ["the plugin 'sync' is active nowhere"]:
            """It is buried soon."""
    code, page = await hs(deployment, "status")
    assert code == 1
    assert page.splitlines()[-1] == "the plugin 'sync' is active nowhere"


async def test_a_process_that_does_not_answer_is_a_problem(
    tmp_path: Path, database_url: str, redis_server: RedisServer
) -> None:
    settings = {"redis": {"url": redis_server.url()}, "cluster": {"secret": "sesame"}, "server_name": "gone.test"}
    async with homeserver(tmp_path, database_url, settings=settings, plugins=[PLUGIN]) as server:
        config, installed = server.core.config, server.core.installed
        assert (await overview(config, installed)).problems == []
    db = await open_database(database_url)
    gone = Member("gone-1", "gone", frozenset({"notes"}), "http://127.0.0.1:1")
    await db.write(lambda tx: members.join(tx, gone))
    await db.close()
    problems = (await overview(config, installed)).problems

    assert problems[0].startswith("gone: no answer at http://127.0.0.1:1: ")
    assert problems[1:] == [f"the stream 'notes' has {NOTES.slots} of {NOTES.slots} slots without an owner"]

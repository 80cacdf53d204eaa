"""Each role in turn is killed, frozen and woken, drained and started again, while everybody goes on."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import pytest

from hs_core.testing.client import Client, User
from hs_core.testing.deployment import SECRET
from tests.cluster.conftest import TWO_OF_EACH, Cluster
from tests.cluster.database import is_writing, standing_still, until_members

USERS = 8
"""So many that the process owns some of them."""

roles = pytest.mark.parametrize("role", TWO_OF_EACH)


@roles
async def test_a_process_that_is_killed_is_replaced(cluster: Cluster, role: str) -> None:
    process, load = cluster.deployment[f"{role}-0"], cluster.load
    async with load.going_on():
        await load.more()
        await process.kill()
        await load.more()
        await process.start()
        await cluster.deployment.ready()
        await load.more()
    await cluster.check()


@roles
async def test_a_process_that_was_taken_for_dead_and_wakes_does_no_harm(cluster: Cluster, role: str) -> None:
    process, load = cluster.deployment[f"{role}-1"], cluster.load
    before = len(cluster.deployment.said_by(role))
    async with load.going_on():
        await load.more()
        process.freeze()
        await until_members(cluster.database, len(cluster.deployment.processes) - 1)
        await load.more()
        process.thaw()
        await cluster.deployment.ready()
        await load.more()
    await cluster.check()
    assert "this process was taken for dead" in cluster.deployment.said_by(role)[before:]


@roles
async def test_a_process_that_is_told_to_stop_leaves_nobody_waiting(cluster: Cluster, role: str) -> None:
    process, load = cluster.deployment[f"{role}-0"], cluster.load
    async with load.going_on():
        await load.more()
        load.failures.clear()
        assert await process.stop() == 0
        await load.more()
        assert [failure for failure in load.failures if failure.startswith("503")] == []
        await process.start()
        await cluster.deployment.ready()
        await load.more()
    await cluster.check()


async def test_one_that_is_frozen_in_the_middle_of_a_transaction_holds_up_nobody_for_long(cluster: Cluster) -> None:
    process, load = cluster.deployment["rooms-1"], cluster.load
    async with load.going_on():
        await load.more()
        process.freeze()
        while not await is_writing(cluster.database, "rooms-1"):
            process.thaw()
            await asyncio.sleep(0.01)
            process.freeze()
        await until_members(cluster.database, len(cluster.deployment.processes) - 1)
        await load.more()
        process.thaw()
        await cluster.deployment.ready()
        await load.more()
    await cluster.check()


async def test_nor_does_one_that_is_frozen_in_the_middle_of_a_statement(cluster: Cluster) -> None:
    process, load = cluster.deployment["rest-1"], cluster.load
    async with load.going_on():
        await load.more()
        async with standing_still(cluster.database, "rest-1", "receipts"):
            process.freeze()
            await until_members(cluster.database, len(cluster.deployment.processes) - 1)
            await load.more()
            process.thaw()
        await cluster.deployment.ready()
        await load.more()
    await cluster.check()


async def test_what_a_client_gave_up_is_not_done_after_what_it_has_done_since(cluster: Cluster) -> None:
    process, edges = cluster.deployment["rest-1"], [cluster.deployment[f"edge-{number}"].url for number in range(2)]
    async with Client(edges, shared_secret=SECRET) as client:
        users = [await client.register() for _ in range(USERS)]
        process.freeze()
        await asyncio.gather(*(_give_up(user) for user in users))
        await asyncio.gather(*(_say(user, "at last") for user in users))
        process.thaw()
        await cluster.deployment.ready()

        where = [user.path("account_data", "test.said") for user in users]
        said = [await user.request("GET", each) for user, each in zip(users, where, strict=True)]
    assert said == [{"said": "at last"}] * USERS


async def _say(user: User, text: str) -> None:
    await user.request("PUT", user.path("account_data", "test.said"), json={"said": text})


async def _give_up(user: User) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(0.5):
            await _say(user, "at first")

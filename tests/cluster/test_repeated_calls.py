"""Owners that die when they have done what they were asked for, and before they can say so: it is not done again."""

from __future__ import annotations

import asyncio
from pathlib import Path

import psycopg

from hs_core.testing.client import Client, User
from hs_core.testing.deployment import SECRET, deployed
from hs_core.testing.http import Json
from hs_core.testing.postgres import PostgresServer
from hs_core.testing.redis import RedisServer

OWNERS = ("owner-0", "owner-1")
LAYOUT = {"front": {"plugins": ["*"]}, "owner": {"plugins": ["login"], "replicas": len(OWNERS)}}
GET_TOKEN = "/_matrix/client/v1/login/get_token"
PATIENCE = 30.0


async def test_registering_and_logging_in_with_a_token_survive_the_owner_of_the_account(
    postgres_server: PostgresServer, own_redis: RedisServer, tmp_path: Path
) -> None:
    url = postgres_server.url(postgres_server.create_database())
    settings = {"server_name": "repeated.test", "streams": {"accounts": ["owner"]}}
    async with (
        deployed(tmp_path / "hs", url, own_redis.url(), LAYOUT, **settings) as deployment,
        Client(deployment["front"].url, shared_secret=SECRET) as client,
    ):
        alice = await client.register("alice")
        login = {"type": "m.login.token", "token": await _login_token(alice)}
        own_redis.freeze()  # an owner answers when the bus has taken what it announces, or a second later
        try:
            calls = [
                asyncio.ensure_future(client.register("bob")),
                asyncio.ensure_future(client.register_guest()),
                asyncio.ensure_future(_log_in(client, login)),
            ]
            await _until_done(url, len(calls))
            for name in OWNERS:
                await deployment[name].kill()
            assert not any(call.done() for call in calls)
        finally:
            own_redis.thaw()
        await deployment.start([OWNERS[0]])

        bob, guest, again = await asyncio.gather(*calls)
        assert [(await user.whoami())["is_guest"] for user in (bob, guest, again)] == [False, True, False]
        assert (bob.user_id, again.user_id) == ("@bob:repeated.test", alice.user_id)
        assert await client.error("POST", "/login", json=login) == (403, "M_FORBIDDEN")
        assert len((await alice.request("GET", "/devices"))["devices"]) == 2
    async with await psycopg.AsyncConnection.connect(url) as connection:
        accounts = await (await connection.execute("SELECT user_id FROM accounts ORDER BY user_id")).fetchall()
    assert {user for (user,) in accounts} == {alice.user_id, bob.user_id, guest.user_id}


async def _login_token(user: User) -> str:
    session = (await user.request("POST", GET_TOKEN, json={}, expect=401))["session"]
    identifier = {"type": "m.id.user", "user": user.localpart}
    proof = {"type": "m.login.password", "identifier": identifier, "password": user.password, "session": session}
    token: str = (await user.request("POST", GET_TOKEN, json={"auth": proof}))["login_token"]
    return token


async def _log_in(client: Client, body: Json) -> User:
    return User(client, await client.request("POST", "/login", json=body), None)


async def _until_done(url: str, calls: int) -> None:
    """Wait until so many calls more are committed that must not be done twice."""
    async with asyncio.timeout(PATIENCE), await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:

        async def count() -> int:
            row = await (await connection.execute("SELECT COUNT(*) FROM calls_done")).fetchone()
            assert row is not None
            return int(row[0])

        while await count() < 1 + calls:  # noqa: ASYNC110  # the first made alice
            await asyncio.sleep(0.005)

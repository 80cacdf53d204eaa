"""Two processes with one folder: what one stores the other serves, also when one of them dies."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from hs_core.testing.client import Client, User
from hs_core.testing.deployment import SECRET, Deployment, deployed
from hs_core.testing.postgres import PostgresServer
from hs_core.testing.redis import run_redis
from tests.plugins.media.files import UPLOAD, create, download, upload, where

LAYOUT = {"edge": {"plugins": ["*"], "except": ["media"]}, "media": {"plugins": ["media"], "replicas": 2}}
SIZE = 400_000


@pytest.fixture
async def deployment(tmp_path: Path, postgres_server: PostgresServer) -> AsyncIterator[Deployment]:
    name = postgres_server.create_database()
    with run_redis() as redis:
        async with deployed(tmp_path, postgres_server.url(name), redis.url(), LAYOUT) as deployment:
            yield deployment
    postgres_server.drop_database(name)


def at(deployment: Deployment, name: str, user: User) -> User:
    """The same user, who asks a particular process."""
    client = Client(deployment[name].url, shared_secret=SECRET)
    return User(client, user.login, user.password)


async def test_what_one_process_stores_the_other_serves_and_says_at_once(deployment: Deployment) -> None:
    async with deployment.client("edge") as client:
        alice = await client.register()
        first, second = at(deployment, "media-0", alice), at(deployment, "media-1", alice)
        async with first.session, second.session:
            assert (await download(second, await upload(first, b"shared"))).body == b"shared"
            file = await create(first)
            waiting = asyncio.create_task(download(second, file))
            await first.request("PUT", UPLOAD + file, data=b"late")
            async with asyncio.timeout(15):
                assert (await waiting).body == b"late"


async def test_whoever_dies_what_was_answered_is_there_and_nothing_else_is_named(deployment: Deployment) -> None:
    async with deployment.client("edge") as client, deployment.joined() as server:
        alice = await client.register()
        stored: dict[str, bytes] = {}
        enough = asyncio.Event()

        async def keep_uploading(number: int) -> None:
            for turn in range(1_000):
                body = f"{number} {turn} ".encode() * (SIZE // 8)
                try:
                    answer = await alice.answer("POST", UPLOAD, data=body)
                except aiohttp.ClientError:
                    continue
                if answer.status == 200:
                    stored[where(answer.body["content_uri"])] = body
                if enough.is_set():
                    return
                if len(stored) >= 20:
                    enough.set()

        uploads = [asyncio.create_task(keep_uploading(number)) for number in range(6)]
        await enough.wait()
        await deployment["media-0"].kill()
        await asyncio.gather(*uploads)

        for file, body in stored.items():
            assert (await download(alice, file)).body == body
        db = server.core.db
        named = {row[0] for row in await db.read(lambda tx: tx.all("SELECT file_id FROM local_media"))}
        loose = {row[0] for row in await db.read(lambda tx: tx.all("SELECT file_id FROM media_loose_files"))}
        complete = {path.name for path in (deployment.folder / "data" / "media" / "files").rglob("*") if path.is_file()}
        assert named <= complete <= named | loose

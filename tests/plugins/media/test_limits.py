"""How much users may upload, what becomes of what is not finished, and what operators can set."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from hs_core.matrix.identifiers import UserId
from hs_core.testing.client import Client, User
from hs_core.testing.clock import TestClock
from hs_core.testing.homeserver import Homeserver, homeserver
from hs_plugins.login.api import ACCOUNTS, Marks
from hs_plugins.media import store
from hs_plugins.media.filing import UNNAMED_MS
from tests.plugins.media.files import (
    CREATE,
    LEGACY,
    UPLOAD,
    create,
    download,
    few_plugins,
    picture,
    served,
    thumbnail,
    upload,
)

HOUR = 60 * 60


def files_in(folder: Path) -> list[str]:
    """The IDs of the files that are below `media`, complete or not."""
    media = folder / "data" / "media"
    return sorted(path.name for path in media.rglob("*") if path.is_file() and path.parent != media)


async def loose(server: Homeserver) -> int:
    return int(await server.core.db.read(lambda tx: tx.value("SELECT COUNT(*) FROM media_loose_files")) or 0)


async def until_gone(folder: Path, clock: TestClock, name: str) -> None:
    """Let the task have its turn."""
    while name in files_in(folder):
        await clock.advance(600)
        await asyncio.sleep(0.01)


async def test_a_body_ends_where_the_limit_is(tmp_path: Path) -> None:
    async def body(size: int) -> AsyncIterator[bytes]:
        for _ in range(size // 1024):
            yield b"x" * 1024

    async with served(tmp_path, settings={"media": {"max_upload_size": "64K"}}) as (_, client):
        alice = await client.register()
        headers = {"Authorization": f"Bearer {alice.access_token}"}
        for size, status in {64 << 10: 200, 65 << 10: 413}.items():
            async with alice.session.post(alice.base_urls[0] + UPLOAD, data=body(size), headers=headers) as answer:
                assert answer.status == status
        while len(files_in(tmp_path)) > 1:  # noqa: ASYNC110, the file system tells nobody
            await asyncio.sleep(0.01)
        assert len(files_in(tmp_path)) == 1


async def test_a_user_uploads_so_much_and_no_more(tmp_path: Path) -> None:
    async with served(tmp_path, quota="10K") as (_, client):
        alice, bob = await client.register(), await client.register()
        await upload(alice, b"x" * 6000)
        assert await alice.error("POST", UPLOAD, data=b"x" * 6000) == (403, "M_FORBIDDEN")
        file = await create(alice)
        assert await alice.error("PUT", UPLOAD + file, data=b"x" * 6000) == (403, "M_FORBIDDEN")
        await alice.request("PUT", UPLOAD + file, data=b"x" * 4000)
        await upload(bob, b"x" * 6000)

        async def unannounced() -> AsyncIterator[bytes]:
            yield b"x" * 6000

        headers = {"Authorization": f"Bearer {bob.access_token}"}
        async with bob.session.post(bob.base_urls[0] + UPLOAD, data=unannounced(), headers=headers) as answer:
            assert answer.status == 403


async def test_a_user_has_only_so_many_uris_without_a_file(tmp_path: Path) -> None:
    clock = TestClock()
    async with served(tmp_path, clock, max_pending=2, unused_expires_after="1h") as (_, client):
        alice, bob = await client.register(), await client.register()
        first, _ = await create(alice), await create(alice)
        answer = await alice.answer("POST", CREATE, json={})
        assert (answer.status, answer.errcode) == (429, "M_LIMIT_EXCEEDED")
        assert 0 < answer.body["retry_after_ms"] <= HOUR * 1000
        await create(bob)
        await alice.request("PUT", UPLOAD + first, data=b"x")
        await create(alice)
        assert (await alice.answer("POST", CREATE, json={})).status == 429
        await clock.advance(HOUR + 1)
        await create(alice)


async def test_a_uri_that_nobody_uploads_to_expires(tmp_path: Path) -> None:
    clock = TestClock()
    async with served(tmp_path, clock, unused_expires_after="10m") as (server, client):
        alice = await client.register()
        answer = await alice.request("POST", CREATE, json={})
        assert answer["unused_expires_at"] == clock.now_ms() + 600_000
        file = answer["content_uri"].removeprefix("mxc:/")
        await clock.advance(600)
        assert await alice.error("PUT", UPLOAD + file, data=b"x") == (404, "M_NOT_FOUND")
        assert (await download(alice, file)).errcode == "M_NOT_FOUND"
        await clock.advance(HOUR)
        while await server.core.db.read(lambda tx: store.one(tx, file.rpartition("/")[2])) is not None:
            await clock.advance(600)
            await asyncio.sleep(0.01)


async def test_an_upload_that_breaks_off_leaves_nothing(tmp_path: Path) -> None:
    async with served(tmp_path) as (server, client):
        alice = await client.register()
        sent = asyncio.Event()

        async def endless() -> AsyncIterator[bytes]:
            while True:
                yield b"x" * 300_000
                if files_in(tmp_path):
                    sent.set()
                await asyncio.sleep(0)

        async with aiohttp.ClientSession() as session:
            headers = {"Authorization": f"Bearer {alice.access_token}", "Content-Length": str(50 << 20)}
            posting = asyncio.create_task(
                session.post(server.url + UPLOAD, data=endless(), headers=headers).__aenter__()
            )
            await sent.wait()
            posting.cancel()
        while files_in(tmp_path):  # noqa: ASYNC110, the file system tells nobody
            await asyncio.sleep(0.01)
        assert await loose(server) == 0


async def test_what_a_process_left_behind_when_it_died_is_removed(tmp_path: Path) -> None:
    """It died before a row named the file; another died while it wrote one."""
    clock = TestClock(now_ms=4_000_000_000_000)  # long after what the file system says
    async with served(tmp_path, clock) as (server, client):
        alice = await client.register()
        kept = await upload(alice, picture(400, 400))
        assert (await thumbnail(alice, kept, 32, 32)).status == 200
        before = files_in(tmp_path)
        assert len(before) == 2

        media = tmp_path / "data" / "media"
        await server.core.db.write(lambda tx: store.loosen(tx, "abcdef", clock.now_ms() + UNNAMED_MS))
        (media / "files" / "ab" / "cd").mkdir(parents=True)
        (media / "files" / "ab" / "cd" / "abcdef").write_bytes(b"complete")
        (media / "partial" / "ghijkl").write_bytes(b"incompl")
        await until_gone(tmp_path, clock, "abcdef")
        assert files_in(tmp_path) == before
        assert await loose(server) == 0
        assert (await download(alice, kept)).status == 200


async def test_nobody_names_a_file_that_is_being_removed(tmp_path: Path) -> None:
    async with served(tmp_path) as (server, _):
        db = server.core.db
        await db.write(lambda tx: store.loosen(tx, "abcdef", 1000))
        assert await db.write(lambda tx: store.doom(tx, 999, 10)) == []
        assert await db.write(lambda tx: store.doom(tx, 1000, 10)) == ["abcdef"]
        assert not await db.write(lambda tx: store.name(tx, "abcdef"))
        assert await db.write(lambda tx: store.doom(tx, 1000, 10)) == ["abcdef"]


async def test_a_file_that_is_lost_is_not_found(tmp_path: Path) -> None:
    async with served(tmp_path) as (_, client):
        alice = await client.register()
        file = await upload(alice, picture(400, 400))
        (name,) = files_in(tmp_path)
        next((tmp_path / "data" / "media").rglob(name)).unlink()
        for answer in (await download(alice, file), await thumbnail(alice, file, 32, 32)):
            assert (answer.status, answer.errcode) == (404, "M_NOT_FOUND")


async def test_uploads_have_a_budget(tmp_path: Path) -> None:
    limits = {"enabled": True, "upload": {"per_second": 0.01, "burst": 2}}
    async with served(tmp_path, TestClock(), settings={"rate_limits": limits}) as (_, client):
        alice, bob = await client.register(), await client.register()
        await upload(alice, b"x")
        file = await create(alice)
        assert await alice.error("PUT", UPLOAD + file, data=b"x") == (429, "M_LIMIT_EXCEEDED")
        await upload(bob, b"x")


async def test_who_is_suspended_uploads_nothing_and_reads_on(tmp_path: Path) -> None:
    async with served(tmp_path) as (server, client):
        alice = await client.register()
        file, later = await upload(alice, b"x"), await create(alice)
        await server.core.services[ACCOUNTS].mark(UserId(alice.user_id), Marks(suspended=True))
        for method, where in (("POST", UPLOAD), ("POST", CREATE), ("PUT", UPLOAD + later)):
            assert await alice.error(method, where) == (403, "M_USER_SUSPENDED")
        assert (await download(alice, file)).status == 200


async def test_while_nothing_can_be_written_what_is_there_is_read(tmp_path: Path) -> None:
    async with served(tmp_path) as (server, client):
        alice = await client.register()
        file = await upload(alice, picture(400, 400))
        partial = tmp_path / "data" / "media" / "partial"
        partial.rmdir()
        assert (await alice.answer("POST", UPLOAD, data=b"x")).status == 503
        assert (await thumbnail(alice, file, 32, 32)).status == 503
        assert (await download(alice, file)).body == picture(400, 400)
        partial.mkdir()
        await upload(alice, b"x")
        assert (await thumbnail(alice, file, 32, 32)).status == 200
        assert await loose(server) == 0


async def test_where_old_clients_are_files_need_no_token(tmp_path: Path) -> None:
    async with served(tmp_path, without_token=True) as (_, client):
        alice = await client.register()
        file = await upload(alice, picture(50, 50), filename="a.png")
        answer = await client.answer("GET", f"{LEGACY}/download{file}")
        assert (answer.status, answer.body) == (200, picture(50, 50))
        assert answer.headers["Content-Disposition"] == 'inline; filename="a.png"'
        assert (await client.answer("GET", f"{LEGACY}/download{file}/b.png")).headers["Content-Disposition"] == (
            'inline; filename="b.png"'
        )
        assert (await client.answer("GET", f"{LEGACY}/thumbnail{file}?width=32&height=32")).status == 200


async def _restarted(folder: Path, url: str) -> bytes:
    async with (
        homeserver(folder, url, plugins=few_plugins()) as server,
        Client(server.url, shared_secret=server.shared_secret) as client,
    ):
        alice: User = await client.register()
        body = (await download(alice, await upload(alice, b"x"))).body
        assert isinstance(body, bytes)
        return body


async def test_a_folder_that_is_not_the_deployments_is_not_used(tmp_path: Path, database_url: str) -> None:
    """Two hosts that do not share it would have half of the files each."""
    one, two = tmp_path / "one", tmp_path / "two"
    one.mkdir()
    two.mkdir()
    assert await _restarted(one, database_url) == b"x"
    assert await _restarted(one, database_url) == b"x"
    with pytest.raises(ExceptionGroup) as refused:
        await _restarted(two, database_url)
    assert refused.group_contains(OSError, match="in another folder: share it")
    (two / "data" / "media" / "folder-id").write_bytes((one / "data" / "media" / "folder-id").read_bytes())
    assert await _restarted(two, database_url) == b"x"

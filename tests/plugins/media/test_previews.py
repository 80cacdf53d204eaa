"""What is behind URLs: pages of a server on this machine."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from hypothesis import given, settings
from hypothesis import strategies as st

from hs_core.testing.client import Client, User
from hs_core.testing.clock import TestClock
from hs_core.testing.homeserver import Homeserver
from hs_core.testing.http import Json
from hs_plugins.media.pages import properties
from tests.plugins.media.files import LEGACY, MEDIA, download, picture, served, thumbnail, where
from tests.plugins.media.test_limits import files_in

PAGE = """<!DOCTYPE html><html><head><title>The page</title>
<meta property="og:title" content="A  fine
 page"><meta property="og:description" content="Größe &amp; Güte"><meta property="og:image" content="/picture.png">
<meta property="og:image:width" content="400"><meta name="og:type" content="article"></head><body>x</body></html>"""
BARE = '<title>Only a title</title><meta name="description" content="and a description"><p>Text'


class Web:
    """A web server, and how often each page was asked for."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.asked: dict[str, int] = {}


@asynccontextmanager
async def pages(**answers: Callable[[], Any]) -> AsyncIterator[Web]:
    async def answer(request: web.Request) -> web.StreamResponse:
        name = request.path[1:].partition(".")[0]
        there.asked[name] = there.asked.get(name, 0) + 1
        found = answers[name]() if name in answers else web.Response(status=404)
        if isinstance(found, Exception):
            raise found
        assert isinstance(found, web.StreamResponse)
        return found

    app = web.Application()
    app.router.add_get("/{name:.*}", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    there = Web(f"http://127.0.0.1:{runner.addresses[0][1]}")
    try:
        yield there
    finally:
        await runner.cleanup()


def page(text: str, charset: str = "utf-8", said: str | None = "utf-8") -> Callable[[], web.Response]:
    kind = "text/html" + (f"; charset={said}" if said else "")
    return lambda: web.Response(body=text.encode(charset), headers={"Content-Type": kind})


def image(body: bytes, kind: str = "image/png") -> Callable[[], web.Response]:
    return lambda: web.Response(body=body, content_type=kind)


@asynccontextmanager
async def looking(
    folder: Path, clock: TestClock | None = None, private: bool = True
) -> AsyncIterator[tuple[Homeserver, Client]]:
    settings = {"url_previews": {"enabled": True}, "outbound": {"allow_private_addresses": private}}
    async with served(folder, clock, settings=settings) as serving:
        yield serving


async def preview(user: User, url: str) -> Json:
    found: Json = await user.request("GET", f"{MEDIA}/preview_url", params={"url": url})
    return found


async def test_a_page_says_what_it_is_and_shows_its_image(tmp_path: Path) -> None:
    async with pages(page=page(PAGE), picture=image(picture(400, 300))) as there, looking(tmp_path) as (_, client):
        alice = await client.register()
        found = await preview(alice, f"{there.url}/page#part")
        uri = found.pop("og:image")
        assert found == {
            "og:title": "A fine page",
            "og:description": "Größe & Güte",
            "og:type": "article",
            "og:image:type": "image/png",
            "og:image:width": 400,
            "matrix:image:size": len(picture(400, 300)),
        }
        assert (await download(alice, where(uri))).body == picture(400, 300)
        assert (await thumbnail(alice, where(uri), 32, 32)).status == 200


async def test_everybody_who_asks_is_told_and_the_page_is_asked_once(tmp_path: Path) -> None:
    clock = TestClock()
    async with pages(page=page(PAGE), picture=image(picture(9, 9))) as there, looking(tmp_path, clock) as (_, client):
        users = [await client.register() for _ in range(3)]
        found = await asyncio.gather(*(preview(user, f"{there.url}/page") for user in users * 3))
        assert all(each == found[0] for each in found)
        old = await users[0].request("GET", f"{LEGACY}/preview_url", params={"url": f"{there.url}/page", "ts": "1"})
        assert old == found[0]
        assert there.asked == {"page": 1, "picture": 1}
        await clock.advance(3601)
        await preview(users[0], f"{there.url}/page")
        assert there.asked == {"page": 2, "picture": 2}


async def test_a_page_that_says_little_and_one_in_another_alphabet(tmp_path: Path) -> None:
    cyrillic = "<meta charset='windows-1251'><title>Привет</title>"
    async with (
        pages(
            bare=page(BARE),
            sniffed=page(cyrillic, "windows-1251", None),
            said=page("<title>Привет</title>", "koi8-r", "koi8-r"),
            nonsense=page("<title>x</title>", said="no-such-charset"),
            picture=image(picture(9, 9)),
        ) as there,
        looking(tmp_path) as (_, client),
    ):
        alice = await client.register()
        assert await preview(alice, f"{there.url}/bare") == {
            "og:title": "Only a title",
            "og:description": "and a description",
        }
        assert await preview(alice, f"{there.url}/sniffed") == {"og:title": "Привет"}
        assert await preview(alice, f"{there.url}/said") == {"og:title": "Привет"}
        assert await preview(alice, f"{there.url}/nonsense") == {"og:title": "x"}
        only_image = await preview(alice, f"{there.url}/picture.png")
        assert set(only_image) == {"og:image", "og:image:type", "matrix:image:size"}


async def test_where_there_is_nothing_to_see_there_is_nothing_to_tell(tmp_path: Path) -> None:
    def moved() -> web.Response:
        return web.Response(status=302, headers={"Location": "/loop"})

    async with (
        pages(
            script=image(b"<svg/>", "image/svg+xml"),
            pdf=image(b"%PDF", "application/pdf"),
            loop=moved,
            empty=page(""),
            huge=page("<p>" * 100_000 + "<title>too late</title>"),
            many=page("<p " + " ".join(f"a{n}=1" for n in range(30_000)) + ">"),
            large=page("<title>x</title><meta property='og:image' content='/big.png'>"),
            big=image(b"x" * (6 << 20)),
        ) as there,
        looking(tmp_path) as (_, client),
    ):
        alice = await client.register()
        for name in ("script", "pdf", "loop", "empty", "huge", "many", "nowhere"):
            assert await preview(alice, f"{there.url}/{name}") == {}, name
        assert await preview(alice, f"{there.url}/large") == {"og:title": "x"}
        assert await preview(alice, "http://127.0.0.1:1/") == {}
        assert len(files_in(tmp_path)) == 0


async def test_private_networks_are_not_looked_into(tmp_path: Path) -> None:
    async with pages(page=page(PAGE)) as there, looking(tmp_path, private=False) as (_, client):
        alice = await client.register()
        for url in (f"{there.url}/page", there.url.replace("127.0.0.1", "localhost") + "/page", "http://[::1]/"):
            assert await preview(alice, url) == {}
        assert there.asked == {}


@pytest.mark.parametrize("url", ["", "nonsense", "ftp://example.org/", "file:///etc/passwd", "http://", "x" * 3000])
async def test_what_is_no_url_of_the_web_is_refused(tmp_path: Path, url: str) -> None:
    async with looking(tmp_path) as (_, client):
        alice = await client.register()
        assert await alice.error("GET", f"{MEDIA}/preview_url", params={"url": url}) == (400, "M_INVALID_PARAM")


async def test_old_previews_are_forgotten_with_their_images(tmp_path: Path) -> None:
    clock = TestClock()
    async with (
        pages(page=page(PAGE), picture=image(picture(400, 300))) as there,
        looking(tmp_path, clock) as (server, client),
    ):
        alice = await client.register()
        uri = (await preview(alice, f"{there.url}/page"))["og:image"]
        assert (await thumbnail(alice, where(uri), 32, 32)).status == 200
        assert len(files_in(tmp_path)) == 2
        before = clock.now_ms() - 49 * 3_600_000
        await server.core.db.write(lambda tx: tx.run("UPDATE media_url_previews SET fetched_ts = ?", (before,)))
        while files_in(tmp_path):
            await clock.advance(600)
            await asyncio.sleep(0.01)
        assert (await download(alice, where(uri))).status == 404


async def test_a_server_that_looks_at_no_pages_says_so(tmp_path: Path) -> None:
    async with served(tmp_path) as (_, client):
        alice = await client.register()
        where = f"{MEDIA}/preview_url?url=http://example.org/"
        assert await alice.error("GET", where) == (404, "M_UNRECOGNIZED")
        assert await client.error("GET", where) == (401, "M_MISSING_TOKEN")


@settings(max_examples=200)
@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode), st.none() | st.text(max_size=10))
def test_whatever_a_page_is_what_it_says_can_be_told(body: bytes, charset: str | None) -> None:
    try:
        found = properties(b"<title>" + body, "https://example.org/", charset)
    except (ValueError, SyntaxError, LookupError, AssertionError):
        return  # lxml raises such; nothing is told then
    for name, value in found.items():
        assert name.startswith("og:")
        assert value.encode()
        assert "\0" not in value

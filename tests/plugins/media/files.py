"""Files to upload, and how clients do it."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

from PIL import Image

from hs_core.clock import Clock
from hs_core.plugin.declaration import Plugin
from hs_core.plugin.discovery import discover
from hs_core.testing.client import Client, User
from hs_core.testing.homeserver import Homeserver, homeserver
from hs_core.testing.http import Answer, path

UPLOAD = "/_matrix/media/v3/upload"
CREATE = "/_matrix/media/v1/create"
MEDIA = "/_matrix/client/v1/media"
LEGACY = "/_matrix/media/v3"


def picture(width: int, height: int, kind: str = "PNG", colour: Any = (200, 30, 30), **options: Any) -> bytes:
    """An image of one colour."""
    return encoded(Image.new("RGBA" if len(colour) == 4 else "RGB", (width, height), colour), kind, **options)


def encoded(image: Image.Image, kind: str, **options: Any) -> bytes:
    written = io.BytesIO()
    image.save(written, kind, **options)
    return written.getvalue()


def moving(width: int, height: int, kind: str = "GIF", frames: int = 3) -> bytes:
    """Each frame has a colour of its own, and is shown for another time."""
    images = [Image.new("RGB", (width, height), (40 * index % 256, index // 7, 200)) for index in range(frames)]
    durations = [100 * (index + 1) for index in range(frames)]
    return encoded(images[0], kind, save_all=True, append_images=images[1:], duration=durations, loop=0)


def shown(answer: Answer) -> Image.Image:
    """The image that came back; the test fails if none did."""
    assert answer.status == 200, answer
    image = Image.open(io.BytesIO(answer.body))
    image.load()
    return image


async def upload(
    user: User, body: bytes, content_type: str | None = "image/png", filename: str | None = None, **options: Any
) -> str:
    """Returns the server name and media ID as they stand in paths: `/hs.test/abc`."""
    query = {} if filename is None else {"filename": filename}
    headers = {} if content_type is None else {"Content-Type": content_type}
    answer = await user.request("POST", UPLOAD, data=body, params=query, headers=headers, **options)
    return where(answer["content_uri"])


async def create(user: User) -> str:
    """A place for an upload that comes later."""
    return where((await user.request("POST", CREATE, json={}))["content_uri"])


def where(uri: str) -> str:
    server_name, _, media_id = uri.removeprefix("mxc://").partition("/")
    return path(server_name, media_id)


async def download(user: Client | User, file: str, filename: str | None = None, **options: Any) -> Answer:
    named = "" if filename is None else "/" + quote(filename, safe="")
    return await user.answer("GET", f"{MEDIA}/download{file}{named}", **options)


async def thumbnail(user: User, file: str, width: int, height: int, method: str | None = None, **query: str) -> Answer:
    query |= {"width": str(width), "height": str(height)} | ({} if method is None else {"method": method})
    return await user.answer("GET", f"{MEDIA}/thumbnail{file}", params=query)


def few_plugins() -> list[Plugin]:
    """Those without which there are no uploads."""
    installed = discover().plugins
    return [installed[name] for name in ("rooms", "login", "media")]


@asynccontextmanager
async def served(
    folder: Path, clock: Clock | None = None, settings: dict[str, Any] | None = None, **section: Any
) -> AsyncIterator[tuple[Homeserver, Client]]:
    """A server of one's own; `section` is the plugin's in the configuration."""
    settings = {"plugins": {"media": section}} | (settings or {})
    url = f"sqlite:///{folder}/hs.db"
    async with (
        homeserver(folder, url, clock=clock, settings=settings, plugins=few_plugins()) as server,
        Client(server.url, shared_secret=server.shared_secret) as client,
    ):
        yield server, client

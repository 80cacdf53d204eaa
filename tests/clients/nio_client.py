"""matrix-nio as its users have it, with waiting and with failures that a test can read."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TypeVar

import nio
import pytest

from hs_core.plugin.discovery import discover
from hs_core.testing.client import Client
from hs_core.testing.homeserver import Homeserver

PASSWORD = "a secret of one's own"
_PATIENCE = 20.0
R = TypeVar("R")


def needs(*plugins: str) -> pytest.MarkDecorator:
    """Marks a story in which plugins take part that may not be installed."""
    missing = [name for name in plugins if name not in discover().plugins]
    return pytest.mark.skipif(bool(missing), reason=f"not installed: {', '.join(missing)}")


def good(kind: type[R], response: object) -> R:
    """The response as what it has to be; a failure shows what nio made of it."""
    assert isinstance(response, kind), f"expected {kind.__name__}, got {response}"
    return response


async def register(server: Homeserver) -> str:
    """The ID of a new user with the usual password."""
    async with Client(server.url, shared_secret=server.shared_secret) as client:
        return (await client.register(password=PASSWORD)).user_id


@asynccontextmanager
async def logged_in(server: Homeserver, user_id: str, store: Path | None = None) -> AsyncIterator[nio.AsyncClient]:
    """A device of the user; one that encrypts if it has somewhere to keep its keys."""
    config = nio.AsyncClientConfig(encryption_enabled=store is not None, store_sync_tokens=False)
    client = nio.AsyncClient(server.url, user_id, store_path=str(store or ""), config=config)
    try:
        good(nio.LoginResponse, await client.login(PASSWORD, device_name="story"))
        yield client
    finally:
        await client.close()


async def sync_until(client: nio.AsyncClient, shown: Callable[[nio.SyncResponse], R | None]) -> R:
    """Sync on until `shown` finds what the test waits for in a response, and return that.

    What nio wants to answer to other devices is sent after each response, as its own `sync_forever` does.
    """
    async with asyncio.timeout(_PATIENCE):
        while True:
            response = good(nio.SyncResponse, await client.sync(timeout=int(_PATIENCE * 1000)))
            for sent in await client.send_to_device_messages():
                good(nio.ToDeviceResponse, sent)
            found = shown(response)
            if found is not None:
                return found


def text_in(room: str, body: str) -> Callable[[nio.SyncResponse], nio.RoomMessageText | None]:
    """Finds a message with that text in a room's timeline."""

    def shown(sync: nio.SyncResponse) -> nio.RoomMessageText | None:
        events = sync.rooms.join[room].timeline.events if room in sync.rooms.join else []
        return next((each for each in events if isinstance(each, nio.RoomMessageText) and each.body == body), None)

    return shown

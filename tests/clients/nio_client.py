"""matrix-nio as its users have it, with waiting and with failures that a test can read."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Protocol, TypeVar

import nio

from hs_core.testing.client import Client

PASSWORD = "a secret of one's own"
_PATIENCE = 20.0
R = TypeVar("R")


class Homeserver(Protocol):
    """What these stories need to know of the server."""

    @property
    def url(self) -> str: ...
    @property
    def shared_secret(self) -> str: ...
    @property
    def server_name(self) -> str: ...


def good(kind: type[R], response: object) -> R:
    """The response as what it has to be; a failure shows what nio made of it."""
    assert isinstance(response, kind), f"expected {kind.__name__}, got {response}"
    return response


async def register(homeserver: Homeserver) -> str:
    """The ID of a new user with the usual password."""
    async with Client(homeserver.url, shared_secret=homeserver.shared_secret) as client:
        return (await client.register(password=PASSWORD)).user_id


@asynccontextmanager
async def logged_in(homeserver: Homeserver, user_id: str, store: Path | None = None) -> AsyncIterator[nio.AsyncClient]:
    """A device of the user; one that encrypts if it has somewhere to keep its keys."""
    config = nio.AsyncClientConfig(encryption_enabled=store is not None, store_sync_tokens=False)
    client = nio.AsyncClient(homeserver.url, user_id, store_path=str(store or ""), config=config)
    try:
        good(nio.LoginResponse, await client.login(PASSWORD, device_name="story"))
        yield client
    finally:
        await client.close()


async def sync_until(client: nio.AsyncClient, shown: Callable[[nio.SyncResponse], R | None]) -> R:
    """Sync on until `shown` finds what the test waits for in a response, and return that."""
    async with asyncio.timeout(_PATIENCE):
        while True:
            found = shown(good(nio.SyncResponse, await client.sync(timeout=int(_PATIENCE * 1000))))
            if found is not None:
                return found


def text_in(room: str, body: str) -> Callable[[nio.SyncResponse], nio.RoomMessageText | None]:
    """Finds a message with that text in a room's timeline."""

    def shown(sync: nio.SyncResponse) -> nio.RoomMessageText | None:
        events = sync.rooms.join[room].timeline.events if room in sync.rooms.join else []
        return next((each for each in events if isinstance(each, nio.RoomMessageText) and each.body == body), None)

    return shown

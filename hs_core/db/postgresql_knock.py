"""Does a PostgreSQL answer at all? One that is stopped, or behind a network that swallows everything, does not."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from threading import Thread
from typing import Final

import psycopg

KNOCK_SECONDS: Final = 4
"""How long a server may take to let somebody in, and as long again to answer."""


async def knock(url: str, application_name: str) -> bool | None:
    """Whether somebody who comes anew is let in; `None` if nobody says anything."""
    loop = asyncio.get_running_loop()
    told: asyncio.Future[bool | None] = loop.create_future()

    def tell(answer: bool | None) -> None:
        if not told.done():
            told.set_result(answer)

    def ask() -> None:
        answer = _ask(url, application_name)
        with suppress(RuntimeError):  # the loop is closed: nobody wants to know any more
            loop.call_soon_threadsafe(tell, answer)

    # It may wait for ever, should the server fall silent once it has let us in: no pool's thread, and no one's to join.
    Thread(target=ask, name="db-knock", daemon=True).start()
    try:
        async with asyncio.timeout(2 * KNOCK_SECONDS):
            return await told
    except TimeoutError:
        return None


def _ask(url: str, application_name: str) -> bool | None:
    try:
        with psycopg.connect(url, connect_timeout=KNOCK_SECONDS, application_name=application_name) as connection:
            connection.execute("SELECT 1")
    except psycopg.errors.ConnectionTimeout:
        return None
    except psycopg.Error:
        return False
    return True

"""What the database of a deployment says about its processes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import psycopg

PATIENCE = 30.0


async def until_members(url: str, count: int) -> None:
    """Wait until so many processes are taken to be alive."""
    async with asyncio.timeout(PATIENCE), await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
        while (await (await connection.execute("SELECT COUNT(*) FROM processes")).fetchone()) != (count,):  # noqa: ASYNC110
            await asyncio.sleep(0.05)  # nobody in this process knows when


async def owners(url: str, stream: str) -> set[str]:
    """The names of the processes that own slots of a stream."""
    async with await psycopg.AsyncConnection.connect(url) as connection:
        rows = await connection.execute("SELECT DISTINCT owner FROM stream_slots WHERE stream = %s", (stream,))
        return {owner.rpartition("-")[0] for (owner,) in await rows.fetchall()}


@asynccontextmanager
async def standing_still(url: str, process: str, stream: str) -> AsyncIterator[None]:
    """A connection as a process has it that was stopped in the middle of a statement, and keeps others from a stream.

    For PostgreSQL it is not idle, only slow, and may be so for ever.
    """
    with suppress(psycopg.OperationalError):  # it is to be cut off
        async with await psycopg.AsyncConnection.connect(url, application_name=f"hs {process}") as connection:
            await connection.execute("UPDATE stream_positions SET position = position WHERE stream = %s", (stream,))
            async with connection.cursor().copy("COPY stream_slots FROM STDIN"):
                yield


async def is_writing(url: str, process: str) -> bool:
    """Whether a process that was stopped just now is in the middle of a transaction that has taken positions."""
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
        rows = await connection.execute(_LOCKING, (f"hs {process}",))
        return await rows.fetchone() is not None


_LOCKING = """
    SELECT 1 FROM pg_locks JOIN pg_stat_activity USING (pid)
    WHERE application_name = %s AND state LIKE 'idle in transaction%%' AND relation = 'stream_positions'::regclass
        AND pg_locks.mode = 'RowExclusiveLock'
"""

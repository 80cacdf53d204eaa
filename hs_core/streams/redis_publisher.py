"""Publish on Redis, and know when those who have subscribed can hear it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, Final

from redis.asyncio import Connection
from redis.exceptions import RedisError, ResponseError

ANSWER_SECONDS: Final = 5.0
"""How long Redis may take to accept what is published."""


class Publisher:
    """One connection, made when it is needed and made again when it is lost.

    Redis writes first to whom it has had something to tell last: after a mere PUBLISH to the publisher, who could be
    answered before the others have heard. EXEC has its answer begun before the commands are run, so that is written
    after the others have been written to. Where several threads of Redis write there is no such order, and it is asked
    once more: it answers that when it is through with what came before.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._in_order = False

    async def publish(self, messages: Sequence[tuple[bytes, bytes]]) -> bool:
        """Publish messages, each on its channel, and return when they are in the sockets of all who have subscribed;
        whether Redis took them. If it did not, some may have been published nevertheless.
        """
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                if not self._connection.is_connected:
                    await self._connect()
                await self._ask([("MULTI",), *(("PUBLISH", *message) for message in messages), ("EXEC",)])
                if not self._in_order:
                    await self._ask([("PING",)])
        except (RedisError, OSError, TimeoutError):
            await self.close()
            return False
        return True

    async def close(self) -> None:
        """Hang up."""
        await self._connection.disconnect(nowait=True)

    async def _connect(self) -> None:
        await self._connection.connect()  # type: ignore[no-untyped-call]
        try:
            answer = await self._ask([("CONFIG", "GET", "io-threads")])
        except ResponseError:  # some who offer Redis as a service do not tell
            answer = None
        self._in_order = answer == [b"io-threads", b"1"]

    async def _ask(self, commands: Sequence[tuple[Any, ...]]) -> Any:
        """The answer to the last of the commands. Raises RedisError, OSError."""
        await self._connection.send_packed_command(self._connection.pack_commands(commands))
        answer = None
        for _ in commands:
            answer = await self._connection.read_response()
        return answer

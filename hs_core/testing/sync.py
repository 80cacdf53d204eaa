"""`GET /sync` for tests: ask once, or go on asking until the server has shown what the test waits for."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import orjson

from hs_core.testing.http import Caller, Json

_PATIENCE = 15.0


class Sync(Json):
    """A sync response: the JSON object itself, with shorter words for what tests ask most. Absent parts are empty."""

    @property
    def next_batch(self) -> str:
        """Where the next sync goes on."""
        token: str = self["next_batch"]
        return token

    def rooms(self, membership: str = "join") -> dict[str, Json]:
        """Rooms by ID: those that the user is in, or the others under `invite`, `knock`, `leave`."""
        rooms: dict[str, Json] = self.get("rooms", {}).get(membership, {})
        return rooms

    def timeline(self, room: str) -> list[Json]:
        """The timeline of a joined room."""
        return self.events(room, "timeline")

    def events(self, room: str, part: str) -> list[Json]:
        """A list of events of a joined room: `timeline`, `state`, `state_after`, `ephemeral` or `account_data`."""
        events: list[Json] = self.rooms().get(room, {}).get(part, {}).get("events", [])
        return events

    def texts(self, room: str) -> list[str]:
        """The bodies of the messages in a joined room's timeline."""
        return [
            event["content"]["body"]
            for event in self.timeline(room)
            if event["type"] == "m.room.message" and "body" in event["content"]
        ]


class Syncing(Caller):
    """The reading half of a client that is always on."""

    async def sync(
        self,
        since: str | None = None,
        *,
        timeout: int = 0,  # noqa: ASYNC109  the names are those of the query parameters
        filter: str | Json | None = None,  # noqa: A002
        **query: str,
    ) -> Sync:
        """One sync; `timeout` in milliseconds, `filter` an ID or the filter itself."""
        params: dict[str, Any] = {"timeout": str(timeout)} | query
        if since is not None:
            params["since"] = since
        if filter is not None:
            params["filter"] = filter if isinstance(filter, str) else orjson.dumps(filter).decode()
        return Sync(await self.request("GET", "/sync", params=params))

    async def sync_until(
        self,
        shows: Callable[[Sync], object],
        since: str | None = None,
        *,
        filter: str | Json | None = None,  # noqa: A002
        patience: float = _PATIENCE,
        **query: str,
    ) -> Sync:
        """Sync on until `shows(sync)` is true of one response and return that; fail after `patience` seconds.

        This is how to wait for something that another process must hear of first: the server wakes the test.
        """
        last: Sync | None = None
        try:
            async with asyncio.timeout(patience):
                while last is None or not shows(last):
                    last = await self.sync(since, timeout=int(patience * 1000), filter=filter, **query)
                    since = last.next_batch
        except TimeoutError:
            raise AssertionError(f"not shown by /sync within {patience:g} s; the last response was {last}") from None
        return last

"""Every position that was handed out, and what it was handed out for: none is ever used again.

A unique index on a table's positions (`events`, `receipts`, `to_device_messages`, ... each have one) proves that for
the rows that are there. Of rows that were replaced, and positions that were announced and not kept, this tells.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import psycopg

from hs_core.clock import SystemClock
from hs_core.db import open_database
from hs_core.db.migrate import migrate
from hs_core.plugin.discovery import discover
from hs_core.process import CORE_MIGRATIONS
from hs_core.streams.batch import Batch
from hs_core.streams.bus_redis import RedisBus

_KEEP = """
CREATE TABLE positions_taken (
    id BIGSERIAL PRIMARY KEY, stream TEXT NOT NULL, after BIGINT NOT NULL, up_to BIGINT NOT NULL
);
CREATE FUNCTION note_positions() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        INSERT INTO positions_taken (stream, after, up_to) VALUES (NEW.stream, OLD.position, NEW.position);
        RETURN NULL;
    END
$$;
CREATE TRIGGER note_positions AFTER UPDATE OF position ON stream_positions
    FOR EACH ROW WHEN (OLD.position <> NEW.position) EXECUTE FUNCTION note_positions();
"""
_TAKEN = "SELECT after, up_to FROM positions_taken WHERE stream = %s ORDER BY id"

Lane = tuple[str, int, int]
"""A stream and, if it is in memory, a slot and its owner's epoch: only there numbers are taken without the database."""


@dataclass
class Ledger:
    """What the processes of a deployment announce to each other, and what the database says of the positions."""

    database: str
    rows: dict[tuple[Lane, int], Any] = field(default_factory=dict)
    batches: dict[str, list[tuple[int, int]]] = field(default_factory=dict)
    """Of stored streams: where each began and ended."""
    reused: list[tuple[Lane, int, Any, Any]] = field(default_factory=list)
    """Two rows that were announced at one position."""

    def receive(self, batch: Batch[Any]) -> None:
        """Somebody announces something."""
        lane = batch.stream, batch.slot, batch.epoch
        for position, row in batch.rows:
            known = self.rows.setdefault((lane, position), row)
            if known != row:
                self.reused.append((lane, position, known, row))
        if not batch.epoch:
            self.batches.setdefault(batch.stream, []).append((batch.after, batch.up_to))

    def look(self) -> None:
        """What the bus has lost is in the database."""

    async def check(self, streams: Collection[str]) -> None:
        """No position was used twice; of all these `streams` something was announced."""
        assert self.reused == []
        assert {stream for (stream, _, _), _ in self.rows} >= set(streams)
        async with await psycopg.AsyncConnection.connect(self.database) as connection:
            for stream, announced in self.batches.items():
                taken = await (await connection.execute(_TAKEN, (stream,))).fetchall()
                begins, ends = [after for after, _ in taken], [up_to for _, up_to in taken]
                assert begins[1:] == ends[:-1], f"the next position of {stream} is the one after the last"
                assert all(after < up_to for after, up_to in taken), f"positions of {stream} grow"
                assert {after for after, _ in announced} <= set(begins), f"what is announced of {stream} is committed"
                assert {up_to for _, up_to in announced} <= set(ends), f"what is announced of {stream} is committed"


@asynccontextmanager
async def ledger(database: str, redis: str, server_name: str) -> AsyncIterator[Ledger]:
    """A ledger that is kept for as long as the block lasts. Open it before there is anybody who takes positions."""
    core = await open_database(database)
    await migrate(core, [CORE_MIGRATIONS])
    await core.close()
    async with await psycopg.AsyncConnection.connect(database, autocommit=True) as connection:
        await connection.execute(_KEEP)
    kept = Ledger(database)
    streams = [stream for plugin in discover().plugins.values() for stream in plugin.writes]
    bus = RedisBus(redis, f"hs:{server_name}", streams, SystemClock())
    for stream in streams:
        bus.subscribe(stream.name, kept)
    async with bus.carrying():
        yield kept

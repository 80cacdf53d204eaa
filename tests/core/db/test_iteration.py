"""Reading more than fits into memory."""

from collections.abc import Iterator
from contextlib import aclosing

import pytest

from hs_core.db import Database, Transaction
from tests.core.db.notes import inserting


async def test_rows_can_be_iterated_within_a_transaction(db: Database) -> None:
    def work(tx: Transaction) -> int:
        tx.insert_many("notes", ["id"], [(n,) for n in range(2500)])
        return sum(row[0] for row in tx.iterate("SELECT id FROM notes WHERE id >= ?", (1,)))

    assert await db.write(work) == sum(range(2500))


async def test_two_iterations_may_be_open_at_once(db: Database) -> None:
    await db.write(lambda tx: tx.insert_many("notes", ["id"], [(n,) for n in range(3)]))

    def work(tx: Transaction) -> list[tuple[int, int]]:
        query = "SELECT id FROM notes ORDER BY id"
        return [(a, b) for (a,) in tx.iterate(query) for (b,) in tx.iterate(query)]

    assert await db.read(work) == [(a, b) for a in range(3) for b in range(3)]


async def test_an_export_arrives_in_batches_from_one_snapshot(db: Database) -> None:
    await db.write(lambda tx: tx.insert_many("notes", ["id"], [(n,) for n in range(1050)]))

    def work(tx: Transaction) -> Iterator[int]:
        for row in tx.iterate("SELECT id FROM notes ORDER BY id"):
            yield row[0]

    batches: list[list[int]] = []
    async with aclosing(db.stream(work, batch=100)) as stream:
        async for batch in stream:
            await db.write(inserting(5000 + len(batches)))
            batches.append(batch)
    assert [len(batch) for batch in batches] == [100] * 10 + [50]
    assert [n for batch in batches for n in batch] == list(range(1050))


async def test_an_export_can_be_left_early_and_can_fail(db: Database) -> None:
    await db.write(lambda tx: tx.insert_many("notes", ["id"], [(n,) for n in range(100)]))
    async with aclosing(db.stream(lambda tx: tx.iterate("SELECT id FROM notes ORDER BY id"), batch=10)) as stream:
        assert await anext(stream) == [(n,) for n in range(10)]

    def work(tx: Transaction) -> Iterator[int]:
        yield 1
        raise LookupError("half way")

    with pytest.raises(LookupError, match="half way"):
        _ = [batch async for batch in db.stream(work)]

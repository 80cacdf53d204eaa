"""What the storage interface promises, on every engine."""

import asyncio
from functools import partial
from threading import Event
from typing import Any

import pytest

from hs_core.db import (
    ConstraintViolated,
    Database,
    DatabaseUnavailable,
    Transaction,
    open_database,
)
from tests.core.db.notes import INSERT, ids, insert, inserting


async def test_one_and_value_of_no_row_are_none(db: Database) -> None:
    assert await db.read(lambda tx: tx.one("SELECT id FROM notes")) is None
    assert await db.read(lambda tx: tx.value("SELECT id FROM notes")) is None


async def test_run_tells_how_many_rows_it_changed(db: Database) -> None:
    def work(tx: Transaction) -> list[int]:
        tx.insert_many("notes", ["id", "body"], [(n, "x") for n in range(5)])
        return [
            tx.run("UPDATE notes SET body = ? WHERE id < ?", ("y", 3)),
            tx.run("INSERT INTO notes (id) VALUES (1) ON CONFLICT DO NOTHING"),
            tx.run(
                "WITH old AS (SELECT id FROM notes WHERE id > ?) DELETE FROM notes WHERE id IN (SELECT id FROM old)",
                (2,),
            ),
        ]

    assert await db.write(work) == [3, 0, 2]


@pytest.mark.parametrize("count", [0, 1, 30, 3000])
async def test_many_rows_can_be_inserted_at_once(db: Database, count: int) -> None:
    rows = [(n, f"tab\there \\ {n}\n" if n % 2 else None, bytes([n % 256]), n % 3 == 0, n / 4) for n in range(count)]

    def work(tx: Transaction) -> list[tuple[Any, ...]]:
        tx.insert_many("notes", ["id", "body", "raw", "done", "weight"], rows)
        return tx.all("SELECT id, body, raw, done, weight FROM notes ORDER BY id")

    assert await db.write(work) == rows


async def test_a_statement_can_be_run_for_many_rows(db: Database) -> None:
    await db.write(lambda tx: tx.run_many(INSERT, [(n, str(n)) for n in range(700)]))
    await db.write(lambda tx: tx.run_many("UPDATE notes SET body = ? WHERE id = ?", [("new", 1), ("new", 2)]))
    assert await db.read(lambda tx: tx.value("SELECT COUNT(*) FROM notes WHERE body = ?", ("new",))) == 2


async def test_a_unit_of_work_that_raises_changes_nothing(db: Database) -> None:
    def work(tx: Transaction) -> None:
        insert(tx, 1)
        raise LookupError("changed my mind")

    with pytest.raises(LookupError, match="changed my mind"):
        await db.write(work)
    assert await db.read(ids) == []


async def test_of_many_waiting_writes_one_that_fails_undoes_only_itself(db: Database) -> None:
    def work(tx: Transaction, number: int) -> None:
        insert(tx, number)
        if number == 7:
            raise LookupError(number)

    outcomes = await asyncio.gather(*(db.write(partial(work, number=n)) for n in range(20)), return_exceptions=True)
    assert [n for n, outcome in enumerate(outcomes) if outcome is not None] == [7]
    assert await db.read(ids) == [n for n in range(20) if n != 7]


async def test_a_broken_constraint_is_named_and_undone(db: Database) -> None:
    await db.write(lambda tx: insert(tx, 1))

    def work(tx: Transaction) -> None:
        insert(tx, 2)
        insert(tx, 1)

    with pytest.raises(ConstraintViolated):
        await db.write(work)
    with pytest.raises(ConstraintViolated):
        await db.write(lambda tx: tx.run_many(INSERT, [(3, ""), (1, "")]))
    assert await db.read(ids) == [1]


async def test_a_failed_statement_spoils_the_transaction_even_if_it_is_caught(db: Database) -> None:
    await db.write(lambda tx: insert(tx, 1))

    def work(tx: Transaction) -> None:
        insert(tx, 2)
        try:
            insert(tx, 1)
        except ConstraintViolated:
            return

    with pytest.raises(ConstraintViolated):
        await db.write(work)
    assert await db.read(ids) == [1]


async def test_a_read_cannot_write(db: Database) -> None:
    with pytest.raises(Exception, match=r"readonly|read-only"):
        await db.read(lambda tx: insert(tx, 1))
    assert await db.read(ids) == []


async def test_callbacks_run_on_the_event_loop_before_the_caller_goes_on(db: Database) -> None:
    said: list[str] = []

    def announce() -> None:
        asyncio.get_running_loop()
        said.append("announced")

    def work(tx: Transaction) -> None:
        insert(tx, 1)
        tx.after_commit(announce)

    await db.write(work)
    said.append("returned")
    assert said == ["announced", "returned"]


async def test_callbacks_run_in_the_order_of_the_commits(db: Database) -> None:
    await db.write(lambda tx: insert(tx, 0, "0"))
    announced: list[int] = []

    def work(tx: Transaction) -> None:
        tx.run("UPDATE notes SET body = CAST(CAST(body AS BIGINT) + 1 AS TEXT) WHERE id = 0")
        position = int(tx.value("SELECT body FROM notes WHERE id = 0") or "")
        tx.after_commit(lambda: announced.append(position))

    await asyncio.gather(*(db.write(work) for _ in range(60)))
    assert announced == list(range(1, 61))


async def test_callbacks_of_what_was_undone_never_run(db: Database) -> None:
    announced: list[int] = []

    def work(tx: Transaction) -> None:
        tx.after_commit(lambda: announced.append(1))
        raise LookupError

    with pytest.raises(LookupError):
        await db.write(work)
    await db.write(ids)
    assert announced == []


async def test_a_cancelled_caller_leaves_the_database_whole(db: Database) -> None:
    def work(tx: Transaction, number: int) -> None:
        insert(tx, number)
        insert(tx, number + 1000)

    tasks = [asyncio.ensure_future(db.write(partial(work, number=n))) for n in range(50)]
    await asyncio.sleep(0)
    for task in tasks[::2]:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    kept = await db.read(ids)
    assert {n for n in kept if n < 1000} == {n - 1000 for n in kept if n >= 1000}
    assert set(range(1, 50, 2)) <= set(kept)


async def test_a_healthy_database_says_so(db: Database) -> None:
    assert await db.healthy()


async def test_a_callback_that_fails_spoils_nothing(db: Database) -> None:
    complaints: list[str] = []
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _, context: complaints.append(context["message"]))

    def fail() -> None:
        raise LookupError

    def work(tx: Transaction) -> str:
        tx.after_commit(fail)
        tx.run_many(INSERT, [(1, "")])
        return "done"

    assert await db.write(work) == "done"
    loop.set_exception_handler(None)
    assert complaints == ["a callback after a commit failed"]


async def test_a_closed_database_takes_no_more_work(database_url: str) -> None:
    database = await open_database(database_url)
    last = asyncio.ensure_future(database.read(lambda tx: tx.value("SELECT 1")))
    await asyncio.sleep(0)
    await database.close()
    assert await last == 1
    for rows in (None, 1):
        with pytest.raises(DatabaseUnavailable, match="closed"):
            await database.read(ids, rows=rows)


@pytest.mark.parametrize("rows", [None, 1, 1_000_000])
async def test_a_read_sees_what_is_committed_and_nothing_else(db: Database, rows: int | None) -> None:
    loop = asyncio.get_running_loop()
    begun, seen = asyncio.Event(), Event()

    def work(tx: Transaction) -> None:
        insert(tx, 2)
        loop.call_soon_threadsafe(begun.set)
        seen.wait(10)

    await db.write(inserting(1))
    writing = asyncio.ensure_future(db.write(work))
    await begun.wait()
    assert await db.read(ids, rows=rows) == [1]
    seen.set()
    await writing
    assert await db.read(ids, rows=rows) == [1, 2]


@pytest.mark.parametrize("rows", [None, 1])
async def test_a_read_cannot_write_and_raises_what_its_work_raises(db: Database, rows: int | None) -> None:
    with pytest.raises(LookupError):
        await db.read(lambda tx: ids(tx)[99], rows=rows)
    with pytest.raises(Exception, match=r"readonly|read-only"):
        await db.read(inserting(1), rows=rows)
    assert await db.read(ids, rows=rows) == []


async def test_what_has_begun_is_announced_even_if_its_caller_has_gone(db: Database) -> None:
    loop = asyncio.get_running_loop()
    begun, gone, announced = asyncio.Event(), Event(), asyncio.Event()

    def work(tx: Transaction) -> None:
        tx.after_commit(announced.set)
        insert(tx, 1)
        loop.call_soon_threadsafe(begun.set)
        gone.wait(10)

    caller = asyncio.ensure_future(db.write(work))
    await begun.wait()
    caller.cancel()
    await asyncio.wait([caller])
    gone.set()
    await announced.wait()
    assert await db.read(ids) == [1]


async def test_a_unit_of_work_may_raise_even_stop_iteration(db: Database) -> None:
    with pytest.raises(RuntimeError, match="StopIteration"):
        await db.read(lambda tx: next(iter(())))


async def test_a_write_without_statements_commits_nothing_and_announces_all_the_same(db: Database) -> None:
    announced: list[int] = []
    await db.write(lambda tx: tx.after_commit(lambda: announced.append(1)))
    assert announced == [1]


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
async def test_waiting_writes_share_a_commit(db: Database) -> None:
    loop = asyncio.get_running_loop()
    queued = Event()
    seen: list[list[int]] = []

    def look(tx: Transaction) -> None:
        seen.append(asyncio.run_coroutine_threadsafe(db.read(ids), loop).result(10))

    first = asyncio.ensure_future(db.write(lambda tx: queued.wait(10)))
    others = [asyncio.ensure_future(db.write(work)) for work in (inserting(1), inserting(2), look)]
    await asyncio.sleep(0)
    queued.set()
    await asyncio.gather(first, *others)
    assert seen == [[]]
    assert await db.read(ids) == [1, 2]


async def test_a_transaction_cannot_be_used_after_its_unit_of_work(db: Database) -> None:
    kept = await db.write(lambda tx: tx)
    with pytest.raises(RuntimeError, match="had ended"):
        kept.all("SELECT 1")
    rows = await db.read(lambda tx: tx.iterate("SELECT 1"))
    with pytest.raises(RuntimeError, match="had ended"):
        next(rows)
    assert await db.healthy()

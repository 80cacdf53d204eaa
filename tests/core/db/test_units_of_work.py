"""What the storage interface promises, on every engine."""

import asyncio
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import aclosing
from functools import partial
from threading import Event
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hs_core.db import (
    ConstraintViolated,
    Database,
    DatabaseUnavailable,
    Param,
    Transaction,
    Work,
    open_database,
)

INSERT = "INSERT INTO notes (id, body) VALUES (?, ?)"


def insert(tx: Transaction, number: int, body: str = "") -> int:
    return tx.run(INSERT, (number, body))


def inserting(number: int) -> Work[int]:
    return lambda tx: insert(tx, number)


def select(tx: Transaction, sql: str, params: Sequence[Param]) -> list[tuple[Any, ...]]:
    return tx.all(sql, params)


def ids(tx: Transaction) -> list[int]:
    return [row[0] for row in tx.all("SELECT id FROM notes ORDER BY id")]


async def test_what_is_written_can_be_read(db: Database) -> None:
    row = (2**63 - 1, "naïve ☃", b"\x00\xff", True, 1.5, -(2**63))
    await db.write(lambda tx: tx.run("INSERT INTO notes VALUES (?, ?, ?, ?, ?, ?)", row))
    found = await db.read(lambda tx: tx.one("SELECT * FROM notes"))
    assert found is not None
    assert [(value, type(value)) for value in found] == [(value, type(value)) for value in row]


async def test_null_can_be_stored_in_any_column(db: Database) -> None:
    await db.write(lambda tx: tx.run("INSERT INTO notes VALUES (?, ?, ?, ?, ?, ?)", (1, *[None] * 5)))
    assert await db.read(lambda tx: tx.one("SELECT * FROM notes")) == (1, *[None] * 5)


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


async def test_a_list_of_keys_is_one_parameter(db: Database) -> None:
    await db.write(
        lambda tx: tx.insert_many("notes", ["id", "body", "raw"], [(n, f'"{n}",\\', bytes([n])) for n in range(9)])
    )

    def work(tx: Transaction) -> list[list[tuple[Any, ...]]]:
        return [
            tx.all("SELECT id FROM notes WHERE id = ANY(?) ORDER BY id", ([1, 3, 77],)),
            tx.all("SELECT id FROM notes WHERE body = ANY(?) ORDER BY id", (['"2",\\', '"4",\\'],)),
            tx.all("SELECT id FROM notes WHERE raw = ANY(?) ORDER BY id", ([b"\5", b"\6"],)),
            tx.all("SELECT id FROM notes WHERE id = ANY(?)", ([],)),
            tx.all("SELECT id FROM notes WHERE id <> ALL(?) ORDER BY id", (list(range(1, 8)),)),
        ]

    assert await db.read(work) == [[(1,), (3,)], [(2,), (4,)], [(5,), (6,)], [], [(0,), (8,)]]


@pytest.mark.parametrize("value", ["NUL \0 inside", "lone \ud800 surrogate"])
async def test_text_that_cannot_be_stored_is_refused(db: Database, value: str) -> None:
    with pytest.raises(ValueError):
        await db.write(lambda tx: insert(tx, 1, value))
    with pytest.raises(ValueError):
        await db.write(lambda tx: tx.run_many(INSERT, [(1, value)]))
    with pytest.raises(ValueError):
        await db.read(lambda tx: tx.all("SELECT id FROM notes WHERE body = ANY(?)", ([value],)))
    assert await db.read(ids) == []


async def test_an_integer_of_more_than_64_bits_is_refused(db: Database) -> None:
    for number in (2**63, -(2**63) - 1):
        with pytest.raises(ValueError):
            await db.write(inserting(number))
    await db.write(lambda tx: insert(tx, -(2**63)))
    assert await db.read(ids) == [-(2**63)]


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


async def test_a_healthy_database_says_so(db: Database) -> None:
    assert await db.healthy()


def of_type(kind: type, values: list[Any]) -> list[Any]:
    """Those of exactly this type: True is no integer."""
    return list(filter(lambda value: type(value) is kind, values))


scalars = (
    st.integers(-(2**63), 2**63 - 1)
    | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)
    | st.binary(max_size=20)
    | st.booleans()
    | st.floats(allow_nan=False, allow_infinity=False)
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(scalars, min_size=1, max_size=70))
async def test_whatever_a_column_can_hold_comes_back_as_it_was(db: Database, values: list[Any]) -> None:
    column_of: dict[type, str] = {int: "number", str: "body", bytes: "raw", bool: "done", float: "weight"}

    def work(tx: Transaction) -> list[list[Any]]:
        tx.run("DELETE FROM notes")
        found: list[list[Any]] = []
        for kind, column in column_of.items():
            kept = of_type(kind, values)
            tx.insert_many("notes", ["id", column], [(place, value) for place, value in enumerate(kept)])
            found.append([row[0] for row in tx.all(f"SELECT {column} FROM notes ORDER BY id")])
            tx.run("DELETE FROM notes")
        return found

    expected = [of_type(kind, values) for kind in column_of]
    found = await db.write(work)
    assert [[(value, type(value)) for value in kept] for kept in found] == [
        [(value, type(value)) for value in kept] for kept in expected
    ]


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")), max_size=9),
    st.text('ab"\\,{}'),
)
async def test_a_list_holds_any_text(db: Database, texts: list[str], text: str) -> None:
    query = "SELECT CAST(? AS TEXT) = ANY(?)"
    for value in (text, *texts):
        found = await db.read(partial(select, sql=query, params=(value, texts)))
        assert found == [(value in texts,)]


async def test_a_sum_of_integers_is_an_integer(db: Database) -> None:
    await db.write(lambda tx: tx.insert_many("notes", ["id"], [(1,), (2**40,)]))
    total, mean = await db.read(lambda tx: tx.one("SELECT SUM(id), AVG(id) FROM notes")) or (0, 0)
    assert (total, type(total)) == (2**40 + 1, int)
    assert mean == 2**39 + 0.5


async def test_like_matches_case(db: Database) -> None:
    await db.write(lambda tx: insert(tx, 1, "Alice"))
    assert await db.read(lambda tx: tx.all("SELECT id FROM notes WHERE body LIKE ? ESCAPE '!'", ("a%",))) == []
    assert await db.read(lambda tx: tx.all("SELECT id FROM notes WHERE body LIKE ? ESCAPE '!'", ("A%",))) == [(1,)]


async def test_a_mistake_in_the_sql_is_not_taken_for_trouble_with_the_database(db: Database) -> None:
    for sql, params in [
        ("SELECT nothing FROM notes", ()),
        ("SELECT id FROM notes WHERE id = ?", (1, 2)),
        ("SELEKT", ()),
    ]:
        with pytest.raises((sqlite3.Error, psycopg.Error)):
            await db.read(partial(select, sql=sql, params=params))
    assert await db.read(ids) == []


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
    with pytest.raises(DatabaseUnavailable, match="closed"):
        await database.read(ids)


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

"""Units of work that get in each other's way in PostgreSQL."""

import asyncio
from functools import partial
from threading import Barrier, Event

import pytest

from hs_core.db import Database, DatabaseUnavailable, Transaction, open_database

pytestmark = pytest.mark.parametrize("engine", ["postgresql"], indirect=True)

ADD = "UPDATE notes SET body = body || ? WHERE id = ?"


@pytest.fixture
async def two_notes(db: Database) -> Database:
    await db.write(lambda tx: tx.insert_many("notes", ["id", "body"], [(1, ""), (2, "")]))
    return db


def bodies(tx: Transaction) -> list[str]:
    return [row[0] for row in tx.all("SELECT body FROM notes ORDER BY id")]


async def test_of_two_that_wait_for_each_other_one_is_run_again(two_notes: Database) -> None:
    both_hold_one = Barrier(2)
    runs: list[int] = []
    announced: list[int] = []

    def work(tx: Transaction, first: int, second: int) -> None:
        tx.run("SET LOCAL deadlock_timeout = '20ms'")
        runs.append(first)
        tx.run(ADD, ("x", first))
        if len(runs) <= 2:
            both_hold_one.wait(10)
        tx.run(ADD, ("x", second))
        tx.after_commit(lambda: announced.append(first))

    await asyncio.gather(two_notes.write(lambda tx: work(tx, 1, 2)), two_notes.write(lambda tx: work(tx, 2, 1)))
    assert await two_notes.read(bodies) == ["xx", "xx"]
    assert len(runs) == 3
    assert sorted(announced) == [1, 2]


async def test_a_serialisation_failure_is_tried_again(two_notes: Database) -> None:
    loop = asyncio.get_running_loop()
    attempts: list[int] = []

    def interfere() -> None:
        asyncio.run_coroutine_threadsafe(two_notes.write(lambda tx: tx.run(ADD, ("other", 1))), loop).result(10)

    def work(tx: Transaction) -> None:
        tx.run("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        tx.all("SELECT 1 FROM notes")
        attempts.append(1)
        if len(attempts) == 1:
            interfere()
        tx.run(ADD, ("mine", 1))

    await two_notes.write(work)
    assert len(attempts) == 2
    assert await two_notes.read(bodies) == ["othermine", ""]


async def test_who_never_gets_through_is_told_to_come_back_later(two_notes: Database) -> None:
    loop = asyncio.get_running_loop()
    held, done = asyncio.Event(), Event()

    def hold(tx: Transaction) -> None:
        tx.run(ADD, ("held", 1))
        loop.call_soon_threadsafe(held.set)
        done.wait(20)

    def work(tx: Transaction) -> None:
        tx.run("SET LOCAL lock_timeout = '1ms'")
        tx.run(ADD, ("never", 1))

    holding = asyncio.ensure_future(two_notes.write(hold))
    await held.wait()
    with pytest.raises(DatabaseUnavailable, match="lock timeout"):
        await two_notes.write(work)
    done.set()
    await holding
    assert await two_notes.read(bodies) == ["held", ""]


async def test_a_read_sees_one_snapshot_however_often_it_looks(two_notes: Database) -> None:
    loop = asyncio.get_running_loop()

    def work(tx: Transaction) -> list[list[str]]:
        before = bodies(tx)
        asyncio.run_coroutine_threadsafe(two_notes.write(lambda tx: tx.run(ADD, ("new", 1))), loop).result(10)
        return [before, bodies(tx)]

    assert await two_notes.read(work) == [["", ""], ["", ""]]
    assert await two_notes.read(bodies) == ["new", ""]


async def test_commits_are_announced_in_their_order_even_with_inserts_held_back(two_notes: Database) -> None:
    """Each transaction conflicts with the others only in a statement that is held back until its commit."""
    announced: list[int] = []

    def work(tx: Transaction, number: int) -> None:
        tx.run_many(ADD, [(f"{number},", 1)])
        tx.after_commit(lambda: announced.append(number))

    await asyncio.gather(*(two_notes.write(partial(work, number=n)) for n in range(50)))
    assert (await two_notes.read(bodies))[0] == "".join(f"{number}," for number in announced)


async def test_commits_in_turn_are_announced_in_their_order_with_all_that_was_held_back(two_notes: Database) -> None:
    """Each transaction has waited for those before it at the first note, and writes the second with its commit."""
    announced: list[int] = []

    def work(tx: Transaction, number: int) -> None:
        assert tx.value("UPDATE notes SET body = body WHERE id = 1 RETURNING id") == 1
        tx.run_many(ADD, [(f"{number},", 2)])
        tx.after_commit(lambda: announced.append(number), in_turn=True)

    await asyncio.gather(*(two_notes.write(partial(work, number=n)) for n in range(50)))
    assert (await two_notes.read(bodies))[1] == "".join(f"{number}," for number in announced)


async def test_a_migration_of_a_table_in_use_does_not_disturb_prepared_statements(two_notes: Database) -> None:
    for _ in range(8):
        await two_notes.read(lambda tx: tx.all("SELECT * FROM notes"))
    await two_notes.write(lambda tx: tx.run("ALTER TABLE notes ADD COLUMN more TEXT"))
    rows = await asyncio.gather(*(two_notes.read(lambda tx: tx.one("SELECT * FROM notes")) for _ in range(8)))
    assert {len(row or ()) for row in rows} == {7}


async def test_statements_that_are_made_up_do_not_pile_up_on_the_server(database_url: str) -> None:
    database = await open_database(database_url, readers=1)

    def make_up(tx: Transaction, start: int) -> None:
        for number in range(start, start + 100):
            tx.value(f"SELECT {number}")

    for start in range(0, 900, 100):
        await database.read(partial(make_up, start=start))
    count = await database.read(lambda tx: tx.value("SELECT COUNT(*) FROM pg_prepared_statements"))
    await database.close()
    assert count is not None
    assert count < 705


async def test_a_connection_is_named_for_its_process(database_url: str) -> None:
    database = await open_database(database_url, application_name="hs sync 2")
    assert await database.read(lambda tx: tx.value("SELECT current_setting('application_name')")) == "hs sync 2"
    await database.close()

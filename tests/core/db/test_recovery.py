"""Crashes, restarts and full disks: what was acknowledged stays, and nobody has to restart anything."""

import asyncio
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from threading import Event

import psycopg
import pytest

from hs_core.db import Database, DatabaseInUse, DatabaseUnavailable, Transaction, open_database
from hs_core.testing.postgres import PostgresServer, run_postgres

sqlite_only = pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
postgresql_only = pytest.mark.parametrize("engine", ["postgresql"], indirect=True)

CUT_THE_OTHERS = """
SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity
WHERE pid <> pg_backend_pid() AND datname = current_database()
"""
COUNT = "SELECT COUNT(*) FROM notes"


def insert(tx: Transaction, number: int) -> None:
    tx.run("INSERT INTO notes (id) VALUES (?)", (number,))


KILLED_WRITER = """
import asyncio, os, signal, sys
from hs_core.db import open_database

async def main():
    db = await open_database(sys.argv[1])
    await db.write(lambda tx: tx.run("CREATE TABLE notes (id BIGINT)"))
    async def one(number):
        await db.write(lambda tx: tx.run("INSERT INTO notes VALUES (?)", (number,)))
        os.write(1, b"x")
        if number == 40:
            os.kill(os.getpid(), signal.SIGKILL)
    await asyncio.gather(*(one(number) for number in range(100)))

asyncio.run(main())
"""


@sqlite_only
async def test_a_write_that_was_acknowledged_survives_the_process(database_url: str) -> None:
    command = [sys.executable, "-c", KILLED_WRITER, database_url]
    killed = await asyncio.to_thread(subprocess.run, command, stdout=subprocess.PIPE, check=False)
    assert killed.returncode == -9
    acknowledged = len(killed.stdout)
    assert acknowledged > 0
    database = await open_database(database_url)  # and the lock of the dead is no hindrance
    assert (await database.read(lambda tx: tx.one(COUNT)) or (0,))[0] >= acknowledged
    await database.close()


@sqlite_only
async def test_a_second_process_is_refused_the_file(db: Database, database_url: str) -> None:
    with pytest.raises(DatabaseInUse, match=f"in use by process {os.getpid()}"):
        await open_database(database_url)


@sqlite_only
async def test_the_file_is_free_after_close(database_url: str) -> None:
    for _ in range(2):
        database = await open_database(database_url)
        await database.close()


@sqlite_only
async def test_a_file_that_cannot_be_opened_is_named(database_url: str, tmp_path: Path) -> None:
    with pytest.raises(DatabaseUnavailable, match=r"nowhere/hs\.db"):
        await open_database(f"sqlite:///{tmp_path}/nowhere/hs.db")


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///:memory:", "sqlite:///a.db?x=1", "mysql://host/db"])
async def test_a_url_that_is_no_database_is_refused(url: str) -> None:
    with pytest.raises(ValueError):
        await open_database(url)


@sqlite_only
async def test_a_full_disk_is_answered_as_unavailable_and_recovers(db: Database) -> None:
    def limit(tx: Transaction, pages: int) -> None:
        tx.run(f"PRAGMA max_page_count = {pages}")

    await db.write(lambda tx: limit(tx, 5))
    big = "x" * 100_000
    outcomes = await asyncio.gather(
        *(db.write(lambda tx: tx.run("INSERT INTO notes (id, body) VALUES (1, ?)", (big,))) for _ in range(3)),
        return_exceptions=True,
    )
    assert {type(outcome) for outcome in outcomes} == {DatabaseUnavailable}
    await db.write(lambda tx: limit(tx, 1_000_000))
    await db.write(lambda tx: insert(tx, 2))
    assert await db.read(lambda tx: tx.all("SELECT id FROM notes")) == [(2,)]


@pytest.fixture
def own_server() -> Iterator[PostgresServer]:
    """A PostgreSQL that this test may stop."""
    with run_postgres(durable=True) as server:
        yield server


async def test_a_restart_of_postgresql_under_load_loses_nothing_and_needs_no_restart_of_ours(
    own_server: PostgresServer,
) -> None:
    database = await open_database(own_server.url())
    await database.write(lambda tx: tx.run("CREATE TABLE notes (id BIGINT PRIMARY KEY)"))
    acknowledged: list[int] = []
    enough = asyncio.Condition()
    restarted = asyncio.Event()

    async def writer(number: int) -> None:
        while not restarted.is_set():
            try:
                await database.write(partial(insert, number=number))
                acknowledged.append(number)
            except DatabaseUnavailable:
                await asyncio.to_thread(lambda: None)
            async with enough:
                enough.notify_all()
            number += 10

    writers = [asyncio.ensure_future(writer(n)) for n in range(10)]
    async with enough:
        await enough.wait_for(lambda: len(acknowledged) > 50)
    await asyncio.to_thread(own_server.stop, "immediate")
    assert not await database.healthy()
    with pytest.raises(DatabaseUnavailable):
        await database.read(lambda tx: tx.value(COUNT))
    await asyncio.to_thread(own_server.start)
    before = len(acknowledged)
    async with enough:
        await enough.wait_for(lambda: len(acknowledged) > before + 50)
    restarted.set()
    await asyncio.gather(*writers)
    stored = {row[0] for row in await database.read(lambda tx: tx.all("SELECT id FROM notes"))}
    assert await database.healthy()
    await database.close()
    assert stored >= set(acknowledged)


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A second is long enough to find out that nobody answers."""
    monkeypatch.setattr("hs_core.db.postgresql.ANSWER_SECONDS", 0.1)
    monkeypatch.setattr("hs_core.db.postgresql_knock.KNOCK_SECONDS", 2)  # which libpq makes of anything shorter


async def _health(database: Database) -> tuple[bool, bool]:
    """Whether it answers, and whether it is silent."""
    return await database.healthy(), database.silent


@pytest.mark.usefixtures("impatient")
async def test_a_postgresql_that_says_nothing_lets_nobody_wait_but_whom_it_will_answer(
    own_server: PostgresServer,
) -> None:
    database = await open_database(own_server.url())
    await database.write(lambda tx: tx.run("CREATE TABLE notes (id BIGINT PRIMARY KEY)"))
    loop = asyncio.get_running_loop()
    begun, frozen = asyncio.Event(), Event()

    def write(tx: Transaction) -> None:
        insert(tx, 1)
        loop.call_soon_threadsafe(begun.set)
        frozen.wait(20)
        insert(tx, 2)

    writing = asyncio.ensure_future(database.write(write))
    await begun.wait()
    own_server.freeze()
    try:
        frozen.set()
        reading = [asyncio.ensure_future(database.read(lambda tx: tx.value(COUNT))) for _ in range(30)]
        assert await _health(database) == (False, True)
        assert {type(each) for each in await asyncio.gather(*reading, return_exceptions=True)} == {DatabaseUnavailable}
        with pytest.raises(DatabaseUnavailable):
            await database.write(partial(insert, number=3))
        assert not writing.done()
        assert await _health(database) == (False, True)
    finally:
        own_server.thaw()
    await writing
    assert await _health(database) == (True, False)
    await database.write(partial(insert, number=4))
    assert await database.read(lambda tx: tx.all("SELECT id FROM notes ORDER BY id")) == [(1,), (2,), (4,)]
    await database.close()


@postgresql_only
@pytest.mark.usefixtures("impatient")
async def test_a_database_whose_connections_are_all_busy_is_not_silent(database_url: str) -> None:
    database = await open_database(database_url, readers=1)
    free = Event()
    busy = [asyncio.ensure_future(database.read(lambda tx: free.wait(20))) for _ in range(10)]

    assert await _health(database) == (True, False)
    free.set()
    assert await asyncio.gather(*busy) == [True] * 10
    await database.close()


@postgresql_only
async def test_work_whose_connection_broke_before_the_commit_is_run_again(db: Database) -> None:
    runs: list[int] = []

    def work(tx: Transaction) -> None:
        insert(tx, 1)
        runs.append(1)
        if len(runs) == 1:
            tx.run("SELECT pg_terminate_backend(pg_backend_pid())")

    await db.write(work)
    assert len(runs) == 2
    assert await db.read(lambda tx: tx.value(COUNT)) == 1


@postgresql_only
async def test_idle_connections_that_were_cut_are_replaced_unnoticed(db: Database, database_url: str) -> None:
    await asyncio.gather(*(db.read(lambda tx: tx.value(COUNT)) for _ in range(20)))
    with psycopg.connect(database_url, autocommit=True) as other:
        other.execute(CUT_THE_OTHERS)
    assert await asyncio.gather(*(db.read(lambda tx: tx.value(COUNT)) for _ in range(20))) == [0] * 20


@postgresql_only
async def test_work_that_breaks_every_connection_is_given_up(db: Database) -> None:
    with pytest.raises(DatabaseUnavailable):
        await db.write(lambda tx: tx.run("SELECT pg_terminate_backend(pg_backend_pid())"))


@postgresql_only
async def test_a_frozen_process_loses_its_locks_and_begins_again_when_it_thaws(db: Database) -> None:
    loop = asyncio.get_running_loop()
    holding, thaw = asyncio.Event(), Event()
    runs: list[int] = []

    def freeze(tx: Transaction) -> None:
        runs.append(1)
        if len(runs) == 1:
            assert tx.value("SELECT current_setting('idle_in_transaction_session_timeout')") == "5s"
            tx.run("SET LOCAL idle_in_transaction_session_timeout = '20ms'")
        tx.run("UPDATE notes SET body = body || 'frozen' WHERE id = 1")
        if len(runs) == 1:
            loop.call_soon_threadsafe(holding.set)
            thaw.wait(20)
        tx.value("SELECT 1")  # without it COMMIT would be the first to meet the closed connection: a case of doubt

    await db.write(lambda tx: tx.run("INSERT INTO notes (id, body) VALUES (1, '')"))
    frozen = asyncio.ensure_future(db.write(freeze))
    await holding.wait()
    await db.write(lambda tx: tx.run("UPDATE notes SET body = body || 'quick ' WHERE id = 1"))
    thaw.set()
    await frozen
    assert await db.read(lambda tx: tx.value("SELECT body FROM notes")) == "quick frozen"
    assert len(runs) == 2


async def test_nobody_waits_for_more_than_one_connection_that_times_out() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        database = await open_database(f"postgresql://postgres@127.0.0.1:{port}/x?connect_timeout=2", readers=1)
        outcomes = await asyncio.gather(*(database.read(lambda tx: 1) for _ in range(20)), return_exceptions=True)
        await database.close()
        silent.accept()[0].close()
        silent.setblocking(False)
        with pytest.raises(BlockingIOError):
            silent.accept()
    assert {type(outcome) for outcome in outcomes} == {DatabaseUnavailable}


async def test_a_database_that_is_not_in_utf8_is_refused(postgres_server: PostgresServer) -> None:
    with psycopg.connect(postgres_server.url(), autocommit=True) as connection:
        connection.execute("CREATE DATABASE latin ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0")
    database = await open_database(postgres_server.url("latin"))
    with pytest.raises(DatabaseUnavailable, match="not in UTF-8"):
        await database.read(lambda tx: tx.value("SELECT 1"))
    await database.close()
    postgres_server.drop_database("latin")

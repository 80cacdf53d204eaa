"""What columns hold and parameters may be, the same on every engine."""

import sqlite3
from functools import partial
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hs_core.db import Database, Transaction
from tests.core.db.notes import INSERT, ids, insert, inserting, select


async def test_what_is_written_can_be_read(db: Database) -> None:
    row = (2**63 - 1, "naïve ☃", b"\x00\xff", True, 1.5, -(2**63))
    await db.write(lambda tx: tx.run("INSERT INTO notes VALUES (?, ?, ?, ?, ?, ?)", row))
    found = await db.read(lambda tx: tx.one("SELECT * FROM notes"))
    assert found is not None
    assert [(value, type(value)) for value in found] == [(value, type(value)) for value in row]


async def test_null_can_be_stored_in_any_column(db: Database) -> None:
    await db.write(lambda tx: tx.run("INSERT INTO notes VALUES (?, ?, ?, ?, ?, ?)", (1, *[None] * 5)))
    assert await db.read(lambda tx: tx.one("SELECT * FROM notes")) == (1, *[None] * 5)


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

"""The table that these tests write to."""

from collections.abc import Sequence
from typing import Any

from hs_core.db import Param, Transaction, Work

TABLE = """
CREATE TABLE notes (
    id BIGINT PRIMARY KEY, body TEXT, raw BYTEA, done BOOLEAN, weight DOUBLE PRECISION, number BIGINT
)
"""
INSERT = "INSERT INTO notes (id, body) VALUES (?, ?)"


def insert(tx: Transaction, number: int, body: str = "") -> int:
    return tx.run(INSERT, (number, body))


def inserting(number: int) -> Work[int]:
    return lambda tx: insert(tx, number)


def select(tx: Transaction, sql: str, params: Sequence[Param]) -> list[tuple[Any, ...]]:
    return tx.all(sql, params)


def ids(tx: Transaction) -> list[int]:
    return [row[0] for row in tx.all("SELECT id FROM notes ORDER BY id")]

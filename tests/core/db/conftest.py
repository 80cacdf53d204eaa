"""A database of each engine with one table in it."""

from collections.abc import AsyncIterator

import pytest

from hs_core.db import Database, open_database
from tests.core.db.notes import TABLE


@pytest.fixture
async def db(database_url: str) -> AsyncIterator[Database]:
    """An open database with a table of notes."""
    database = await open_database(database_url)
    await database.write(lambda tx: tx.run(TABLE))
    yield database
    await database.close()

"""Storage: one small interface over SQLite and PostgreSQL, and the migrations of every plugin.

`open_database` opens either. A unit of work is a plain function, `await db.write(lambda tx: store.add(tx, row))`;
docs/adr/0001 says why.
"""

from hs_core.db.database import Database, Engine, Param, Row, Scalar, Transaction, Work
from hs_core.db.errors import ConstraintViolated, DatabaseError, DatabaseInUse, DatabaseUnavailable
from hs_core.db.opening import glance, open_database

__all__ = [
    "ConstraintViolated",
    "Database",
    "DatabaseError",
    "DatabaseInUse",
    "DatabaseUnavailable",
    "Engine",
    "Param",
    "Row",
    "Scalar",
    "Transaction",
    "Work",
    "glance",
    "open_database",
]

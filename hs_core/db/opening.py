"""From a URL of the configuration to an open database."""

import asyncio
from pathlib import Path
from typing import TypeVar
from urllib.parse import unquote, urlsplit

from hs_core.db.database import Database, Work
from hs_core.db.errors import DatabaseUnavailable

T = TypeVar("T")


async def open_database(url: str, *, readers: int | None = None, application_name: str = "hs") -> Database:
    """Open `sqlite:///relative.db`, `sqlite:////absolute.db` or `postgresql://user:password@host/name`.

    `readers` is how many reads may run at once (default 2) in SQLite; in PostgreSQL, the number of connections, which
    reads and writes share (default 6). `application_name` is what PostgreSQL shows of the process.

    Raises ValueError for a URL that is neither, DatabaseInUse, and DatabaseUnavailable (SQLite only: PostgreSQL may
    come up later than we do).
    """
    scheme = urlsplit(url).scheme
    if scheme == "sqlite":
        from hs_core.db.sqlite import SqliteDatabase

        return await SqliteDatabase.open(sqlite_path(url), readers or 2)
    if scheme in ("postgresql", "postgres"):
        from hs_core.db.postgresql import PostgresDatabase

        return PostgresDatabase(url, readers or 6, application_name)
    raise ValueError(f"{scheme}: is not a database; use sqlite:///FILE or postgresql://...")


async def glance(url: str, work: Work[T]) -> T:
    """Run a unit of work that only reads, beside the processes that use the database, the embedded one included.

    Raises DatabaseUnavailable, and ValueError as `open_database`.
    """
    if urlsplit(url).scheme != "sqlite":
        db = await open_database(url, readers=1, application_name="hs glance")
        try:
            return await db.read(work)
        finally:
            await db.close()
    from hs_core.db.sqlite import read_once

    path, seen = sqlite_path(url), list[T]()
    if not path.exists():
        raise DatabaseUnavailable(f"there is no database {path}; `hs run` makes one")
    await asyncio.to_thread(read_once, path, lambda tx: seen.append(work(tx)))
    return seen[0]


def sqlite_path(url: str) -> Path:
    """The file that a `sqlite:///` URL names. Raises ValueError."""
    parts = urlsplit(url)
    path = unquote(parts.path.removeprefix("/"))
    if parts.netloc or not path or path == ":memory:" or parts.query:
        raise ValueError(f"{url}: write sqlite:///relative/file.db or sqlite:////absolute/file.db")
    return Path(path)

"""From a URL of the configuration to an open database."""

from pathlib import Path
from urllib.parse import unquote, urlsplit

from hs_core.db.database import Database


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


def sqlite_path(url: str) -> Path:
    """The file that a `sqlite:///` URL names. Raises ValueError."""
    parts = urlsplit(url)
    path = unquote(parts.path.removeprefix("/"))
    if parts.netloc or not path or path == ":memory:" or parts.query:
        raise ValueError(f"{url}: write sqlite:///relative/file.db or sqlite:////absolute/file.db")
    return Path(path)

"""One process per SQLite file."""

import fcntl
import os
from pathlib import Path

from hs_core.db.errors import DatabaseInUse


def holder(database: Path) -> int | None:
    """The process that has the database open, as it wrote it down; `None` if nobody has."""
    try:
        descriptor = os.open(_lock_file(database), os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        written = os.read(descriptor, 20).decode(errors="replace").strip()
        return int(written) if written.isdecimal() else 0
    finally:
        os.close(descriptor)
    return None


def _lock_file(database: Path) -> Path:
    return Path(f"{database.resolve()}.lock")


class FileLock:
    """An exclusive lock beside the database file, let go by the operating system even if the process is killed."""

    def __init__(self, database: Path) -> None:
        """Raises DatabaseInUse, naming the process that has it."""
        self._descriptor = os.open(_lock_file(database), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.read(self._descriptor, 20).decode(errors="replace").strip()
            os.close(self._descriptor)
            raise DatabaseInUse(
                f"{database} is in use by process {holder or 'unknown'}; "
                "several processes need PostgreSQL, or stop the other one"
            ) from None
        os.ftruncate(self._descriptor, 0)
        os.write(self._descriptor, f"{os.getpid()}\n".encode())

    def release(self) -> None:
        """Let another process have the file. The lock file stays: removing it would race with who opens it."""
        os.close(self._descriptor)

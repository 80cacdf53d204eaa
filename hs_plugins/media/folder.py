"""The folder that all files are in: `media` below `data_dir`, one and the same for all processes with this plugin.

A file is complete or not there: it is written under `partial`, forced to disk, and then given its name. Its ID says
where it is, and what is in it never changes.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final, ParamSpec, TypeVar

import structlog

from hs_core.errors import Unavailable

log = structlog.get_logger(__name__)
P = ParamSpec("P")
R = TypeVar("R")

WRITTEN_AT_ONCE: Final = 256 * 1024
READ_AT_ONCE: Final = 256 * 1024
THREADS: Final = 8
ID_FILE: Final = "folder-id"


class OpenFile:
    """A file that is being read; `close` may be called while another thread still reads."""

    def __init__(self, file: BinaryIO, pool: ThreadPoolExecutor) -> None:
        self.size = os.fstat(file.fileno()).st_size
        self._file = file
        self._pool = pool
        self._reading: Future[bytes] | None = None

    async def read(self, first: int, end: int) -> AsyncIterator[bytes]:
        """The bytes from `first` up to `end`, in parts. A file that is shorter raises EOFError."""
        while first < end:
            self._reading = self._pool.submit(os.pread, self._file.fileno(), min(READ_AT_ONCE, end - first), first)
            part = await asyncio.wrap_future(self._reading)
            if not part:
                raise EOFError("a file is shorter than it was")
            first += len(part)
            yield part

    def close(self) -> None:
        if self._reading is None:
            self._file.close()
        else:
            self._reading.add_done_callback(lambda _: self._file.close())


@dataclass(frozen=True)
class Folder:
    """Files by their IDs. Whoever names one is sure of what is in it; what nobody names is removed by somebody else."""

    root: Path
    pool: ThreadPoolExecutor

    def path(self, file_id: str) -> Path:
        """Where a complete file is: no folder gets too many of them."""
        return self.root / "files" / file_id[:2] / file_id[2:4] / file_id

    def partial(self, file_id: str) -> Path:
        """Where it is written."""
        return self.root / "partial" / file_id

    async def receive(self, file_id: str, body: AsyncIterator[bytes]) -> int:
        """Write what comes to `partial`; its size. Raises what `body` does, and Unavailable if it cannot be written."""
        file = await self._done(self.pool.submit(self._create, file_id))
        size, waiting, working = 0, bytearray(), self.pool.submit(int)
        try:
            async for chunk in body:
                size += len(chunk)
                waiting += chunk
                if len(waiting) >= WRITTEN_AT_ONCE:
                    working = self.pool.submit(file.write, bytes(waiting))
                    waiting.clear()
                    await self._done(working)
            working = self.pool.submit(file.write, bytes(waiting))
            await self._done(working)
            await self._done(self.pool.submit(file.close))
        except BaseException:
            working.add_done_callback(lambda _: _abandon(file, self.partial(file_id)))
            raise
        return size

    async def complete(self, file_id: str) -> None:
        """Give what was written its name; after that it is on disk. Raises Unavailable."""
        await self._run(self._complete, file_id)

    def discard(self, file_id: str) -> None:
        """What was written to `partial`, if it is there still."""
        self.pool.submit(self.partial(file_id).unlink, missing_ok=True)

    async def open(self, file_id: str) -> OpenFile:
        """Raises FileNotFoundError, Unavailable."""
        try:
            return OpenFile(await asyncio.wrap_future(self.pool.submit(self._open, file_id)), self.pool)
        except FileNotFoundError:
            raise
        except OSError as error:
            log.error("a file cannot be read", error=str(error))
            raise Unavailable("Files cannot be read at the moment", retry_after=30) from error

    async def remove(self, file_ids: Iterable[str]) -> None:
        """Complete or not, there or not."""
        paths = [path for file_id in file_ids for path in (self.path(file_id), self.partial(file_id))]
        await self._run(_unlink, paths)

    async def remove_partial(self, before_ms: int) -> None:
        """What nobody has written to since a time: whoever began it has died."""
        await self._run(self._remove_partial, before_ms / 1000)

    def prepare(self) -> None:
        """Make what is always there. Raises OSError."""
        for folder in ("partial", "files"):
            (self.root / folder).mkdir(parents=True, exist_ok=True)

    def read_id(self) -> str | None:
        """What this folder is known by; `None` if it is new."""
        with suppress(FileNotFoundError):
            return (self.root / ID_FILE).read_text(encoding="utf-8").strip()
        return None

    def write_id(self, folder_id: str) -> str:
        """Give it an ID, if nobody else does; the one that it has."""
        draft = self.partial(folder_id)
        draft.write_text(folder_id + "\n", encoding="utf-8")
        with suppress(FileExistsError):
            os.link(draft, self.root / ID_FILE)
        draft.unlink()
        _force(self.root)
        return (self.root / ID_FILE).read_text(encoding="utf-8").strip()

    async def _run(self, work: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        return await self._done(self.pool.submit(work, *args, **kwargs))

    async def _done(self, working: Future[R]) -> R:
        """Raises Unavailable if it fails."""
        try:
            return await asyncio.wrap_future(working)
        except OSError as error:
            log.error("a file cannot be stored", error=str(error))
            raise Unavailable("Files cannot be stored at the moment", retry_after=30) from error

    def _create(self, file_id: str) -> BinaryIO:
        return open(os.open(self.partial(file_id), os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")

    def _open(self, file_id: str) -> BinaryIO:
        return self.path(file_id).open("rb", buffering=0)

    def _complete(self, file_id: str) -> None:
        partial, path = self.partial(file_id), self.path(file_id)
        _force(partial)
        for folder in (path.parent.parent, path.parent):
            if not folder.exists():
                folder.mkdir(exist_ok=True)
                _force(folder.parent)
        partial.rename(path)
        _force(path.parent)

    def _remove_partial(self, before: float) -> None:
        with os.scandir(self.root / "partial") as entries:
            for entry in entries:
                with suppress(FileNotFoundError):
                    if entry.stat().st_mtime < before:
                        os.unlink(entry.path)


def _abandon(file: BinaryIO, path: Path) -> None:
    with suppress(OSError):
        file.close()
    path.unlink(missing_ok=True)


def _unlink(paths: Iterable[Path]) -> None:
    for path in paths:
        path.unlink(missing_ok=True)


def _force(path: Path) -> None:
    """To disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

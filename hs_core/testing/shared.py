"""A folder that several processes use together, and that vanishes, with the server in it, when the last one is gone."""

import fcntl
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from signal import Signals
from uuid import uuid4

from hs_core.testing import guard


@contextmanager
def shared_folder(
    name: str | None, begin: Callable[[Path], None], pidfile: str, stop_signal: Signals
) -> Iterator[Path]:
    """A folder under the system's temporary one, the same for all who give the same `name` (None: for us alone).

    Whoever comes first runs `begin`, which starts a server in it; the others wait until that is done. `pidfile`, in the
    folder, names the process that gets `stop_signal` when all have left or were killed.
    """
    folder = Path(tempfile.gettempdir()) / f"hs-{name or uuid4().hex[:12]}"
    users = _hold(folder.with_suffix(".users"))
    try:
        with _one_at_a_time(users):
            if not folder.exists():
                _start(folder, begin, pidfile, stop_signal)
        yield folder
    finally:
        os.close(users)


def _hold(lock: Path) -> int:
    """A shared lock on the file of this name, which a guard may be removing just now."""
    while True:
        descriptor = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        fcntl.flock(descriptor, fcntl.LOCK_SH)
        try:
            if lock.stat().st_ino == os.fstat(descriptor).st_ino:
                return descriptor
        except FileNotFoundError:
            pass
        os.close(descriptor)


@contextmanager
def _one_at_a_time(users: int) -> Iterator[None]:
    """Alone among those who hold the file. Record locks know nothing of `flock`, so one file serves for both."""
    fcntl.lockf(users, fcntl.LOCK_EX)
    try:
        yield
    finally:
        fcntl.lockf(users, fcntl.LOCK_UN)


def _start(folder: Path, begin: Callable[[Path], None], pidfile: str, stop_signal: Signals) -> None:
    lock = folder.with_suffix(".users")
    arguments = [guard.__file__, lock, folder, folder / pidfile, str(stop_signal.value)]
    folder.mkdir(mode=0o700)
    try:
        # First of all: from here on nothing is left behind, whatever happens to us.
        subprocess.run(
            [sys.executable, "-I", "-S", *map(str, arguments)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,  # not ours: who reads our output would wait for the guard's end
            stderr=subprocess.DEVNULL,
            check=True,
            start_new_session=True,
            cwd="/",
        )
        begin(folder)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise

"""A process of its own that clears a server away when the last of its users is gone, however they went.

Users hold a shared lock on a file; the operating system lets it go even if they are killed. Run as
`python -I -S guard.py LOCK FOLDER PIDFILE SIGNAL`: goes into the background, waits until nobody else holds LOCK, stops
the process that PIDFILE names (in its first line), if there is one, and removes FOLDER and LOCK. Standard library only.
"""

import fcntl
import os
import select
import shutil
import signal
import sys
from contextlib import suppress
from pathlib import Path


def main() -> None:
    """Wait, stop, remove."""
    lock, folder, pidfile = map(Path, sys.argv[1:4])
    with lock.open() as held:
        if os.fork():
            os._exit(0)
        for ignored in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(ignored, signal.SIG_IGN)
        fcntl.flock(held, fcntl.LOCK_EX)
        with suppress(FileNotFoundError, ValueError, ProcessLookupError):
            stop(int(pidfile.read_text().split("\n", 1)[0]), signal.Signals(int(sys.argv[4])))
        shutil.rmtree(folder, ignore_errors=True)
        lock.unlink(missing_ok=True)


def stop(pid: int, how: signal.Signals) -> None:
    """Signal a process, which need not be our child, and wait for its end."""
    process = os.pidfd_open(pid)
    signal.pidfd_send_signal(process, how)
    select.select([process], [], [])


if __name__ == "__main__":
    main()

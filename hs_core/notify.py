"""This process and whoever supervises it: systemd, or `hs up`. Both are told how it is, as sd_notify(3) says."""

import ctypes
import os
import signal
import socket
from collections.abc import Mapping
from typing import Final

import structlog

log = structlog.get_logger(__name__)

SOCKET: Final = "NOTIFY_SOCKET"
"""Names the supervisor's datagram socket in the environment; `@` begins one that is not in the file system."""

SUPERVISOR: Final = "HS_SUPERVISOR"
"""The process ID of an `hs up`, in the environment of what it runs."""

READY: Final = "READY=1"
STOPPING: Final = "STOPPING=1"


def supervised(environ: Mapping[str, str] = os.environ) -> bool:
    """Whether somebody wants to be told."""
    return SOCKET in environ


def notify(state: str, environ: Mapping[str, str] = os.environ) -> None:
    """Tell the supervisor, if there is one. That it cannot be told is logged, and no reason to stop."""
    address = environ.get(SOCKET)
    if not address:
        return
    if address.startswith("@"):
        address = "\0" + address[1:]
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sender:
            sender.sendto(state.encode(), address)
    except OSError as error:
        log.warning("the supervisor cannot be told", state=state, error=str(error))


def end_with_supervisor(environ: Mapping[str, str] = os.environ) -> None:
    """Have the kernel send this process a SIGTERM when the `hs up` that started it is gone, however that came about.

    Raises ProcessLookupError if it is gone already.
    """
    pid = environ.get(SUPERVISOR, "")
    if not pid.isdecimal():
        return
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, int(signal.SIGTERM))
    if os.getppid() != int(pid):
        raise ProcessLookupError(f"the supervisor, process {pid}, has gone")


_PR_SET_PDEATHSIG: Final = 1

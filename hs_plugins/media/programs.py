"""Programs of ours that look at what strangers made, each in a process of its own.

They bound their work and memory themselves (`hs_plugins.media.bounds`); whatever becomes of them, the server goes on.
"""

from __future__ import annotations

import asyncio
import signal
import sys
from contextlib import suppress
from typing import Final

import structlog

from hs_core.errors import Unavailable

log = structlog.get_logger(__name__)

SECONDS: Final = 30.0
"""That one may take, however busy the machine is."""
MAX_SAID: Final = 1 << 20
"""Bytes that one may say."""
ITS_OWN_FAULT: Final = {
    *(signal.SIGXCPU, signal.SIGSEGV, signal.SIGBUS, signal.SIGABRT, signal.SIGFPE, signal.SIGILL),
}
"""What ends a program because of what it looks at; other signals come from people, or from a machine without memory."""


class GaveUp(Exception):
    """What the program was to look at was too much for it."""


async def run(module: str, *arguments: str, given: bytes = b"") -> bytes:
    """What the program says of what it is given. Raises GaveUp; Unavailable if it fails, or does not end in time."""
    # A session of its own: whoever interrupts the server from a terminal lets it finish this first.
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-P", "-m", module, *arguments),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        limit=MAX_SAID,
        start_new_session=True,
    )
    try:
        async with asyncio.timeout(SECONDS):
            said, _ = await process.communicate(given)
    except TimeoutError:
        raise Unavailable("That took too long") from None
    finally:
        with suppress(ProcessLookupError):
            if process.returncode is None:
                process.kill()
                await process.wait()
    status = process.returncode or 0
    if -status in ITS_OWN_FAULT:
        log.warning("a program was ended by what it looked at", program=module, signal=-status)
        raise GaveUp
    if status:
        log.error("a program failed", program=module, status=status)
        raise Unavailable("That cannot be done at the moment", retry_after=60)
    return said

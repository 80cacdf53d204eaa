"""One process from its configuration to its end: what `hs run` does."""

import asyncio
import gc
import os
import resource
import signal
import sys
from collections.abc import Callable, Sequence

import structlog

from hs_core import keyfile
from hs_core.clock import Clock, SystemClock
from hs_core.config import Config
from hs_core.notify import READY, STOPPING, end_with_supervisor, notify
from hs_core.process import DRAIN_SECONDS, Composition, Process, running

log = structlog.get_logger(__name__)

SWITCH_INTERVAL = 0.001
"""Seconds after which a database thread hands the interpreter back to the event loop: a tenth less latency at p95."""


END_SECONDS = DRAIN_SECONDS + 10
"""How long a process takes to stop at the most. A database that says nothing could keep it for ever."""

READY_INTERVAL = 0.2
"""Seconds between two looks at whether the process can serve, for who supervises it."""


async def serve(config: Config, composition: Composition, announce: Callable[[Sequence[str]], None]) -> None:
    """Run a process until SIGTERM, SIGINT or SIGHUP, then drain it. `announce` is told the addresses once it answers.

    A second SIGINT, or `END_SECONDS`, end the process where it stands, with status 1.

    Raises:
        KeyFileError, DatabaseInUse, DatabaseUnavailable, MigrationError, OSError: if it cannot start.
    """
    sys.setswitchinterval(SWITCH_INTERVAL)
    raise_descriptor_limit()
    clock = SystemClock()
    key = keyfile.read_or_create(config.signing_key_path, clock)
    stop = _stop_signals()
    end_with_supervisor()
    async with running(config, composition, key, clock) as process, asyncio.TaskGroup() as group:
        announce(process.addresses)
        keep_what_is_there()
        _log_start(composition, process)
        telling = group.create_task(_tell_when_ready(process, clock), name="tell the supervisor")
        await stop.wait()
        telling.cancel()
        notify(STOPPING)
        log.info("draining")
        asyncio.get_running_loop().call_later(END_SECONDS, _end_here, "it takes too long")
    log.info("stopped")


async def _tell_when_ready(process: Process, clock: Clock) -> None:
    """Whoever supervises this process goes on with the next one when this one can serve."""
    while process.readiness.reasons():
        await clock.sleep(READY_INTERVAL)
    notify(READY)


def keep_what_is_there() -> None:
    """Collect garbage from now on, but never again look for it in what the start has made."""
    gc.freeze()
    gc.enable()


def raise_descriptor_limit() -> None:
    """Let this process have as many files and connections as it may: the usual soft limit is 1024."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    except (OSError, ValueError) as error:  # a hard limit above what the kernel allows now, say
        log.warning("descriptor limit not raised", soft=soft, hard=hard, error=str(error))


def _stop_signals() -> asyncio.Event:
    stop, loop = asyncio.Event(), asyncio.get_running_loop()

    def interrupted() -> None:
        stop.set()
        loop.add_signal_handler(signal.SIGINT, _end_here, "it was interrupted again")

    loop.add_signal_handler(signal.SIGINT, interrupted)
    for number in (signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, stop.set)
    return stop


def _end_here(reason: str) -> None:
    """What somebody was told is in the database; nothing else is lost."""
    log.warning("not drained to the end", reason=reason)
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(1)


def _log_start(composition: Composition, process: Process) -> None:
    log.info("serving", process=composition.name, plugins=list(composition.active), addresses=list(process.addresses))

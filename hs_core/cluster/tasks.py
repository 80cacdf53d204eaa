"""Background work that is declared: done, then again after a while."""

from collections.abc import Callable

import structlog

from hs_core.clock import Clock
from hs_core.db import DatabaseUnavailable
from hs_core.plugin.declaration import Task

log = structlog.get_logger(__name__)


async def repeat(task: Task, role: object, clock: Clock, is_ours: Callable[[], bool]) -> None:
    """Run `task` every so often, beginning one interval from now, for as long as the process lives.

    Turns for which `is_ours` denies that they fall to this process are left out.

    A turn that fails says so in the log; the next turn tries again. That is the policy of every declared task: each of
    them must be able to go on from wherever a turn left off.
    """
    while True:
        await clock.sleep(task.every.total_seconds())
        if not is_ours():
            continue
        try:
            await task.run(role)
        except DatabaseUnavailable:
            log.warning("task skipped, the database is away", task=task.name)
        except Exception:
            log.exception("task failed, its next turn tries again", task=task.name)

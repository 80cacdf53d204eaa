"""Background work that is declared: done, then again after a while."""

from collections.abc import Mapping

import structlog

from hs_core.clock import Clock
from hs_core.cluster.shards import TaskSlots
from hs_core.db import DatabaseUnavailable
from hs_core.plugin.declaration import Feed, Plugin, Scope, Task

log = structlog.get_logger(__name__)


def name_of(plugin: Plugin, work: Task | Feed) -> str:
    """What is not for every process to do is held like a stream of this name."""
    return f"task: {plugin.name}: {work.name}"


def slots_of(work: Task | Feed) -> int:
    """How many slots it has; none, if every process does it."""
    if isinstance(work, Feed) or work.scope is Scope.SINGLETON:
        return 1
    return work.slots if work.scope is Scope.SHARDED else 0


def shared_work(plugin: Plugin) -> Mapping[str, int]:
    """The names of what is not for every process to do, with their slots."""
    works: list[Task | Feed] = [*plugin.tasks, *plugin.feeds]
    return {name_of(plugin, work): slots for work in works if (slots := slots_of(work))}


async def repeat(task: Task, role: object, clock: Clock, slots: TaskSlots | None) -> None:
    """Run `task` every so often, beginning one interval from now, for as long as the process lives.

    Turns for which nothing of `slots` falls to this process are left out; without `slots`, all turns do.

    A turn that fails says so in the log; the next turn tries again. That is the policy of every declared task: each of
    them must be able to go on from wherever a turn left off.
    """
    while True:
        await clock.sleep(task.every.total_seconds())
        try:
            await _turn(task, role, slots)
        except DatabaseUnavailable:
            log.warning("task skipped, the database is away", task=task.name)
        except Exception:
            log.exception("task failed, its next turn tries again", task=task.name)


async def _turn(task: Task, role: object, slots: TaskSlots | None) -> None:
    if slots is None:
        await task.run(role)
        return
    async with slots.turn:
        share = slots.share()
        if share.own:
            await (task.run(role, share) if task.scope is Scope.SHARDED else task.run(role))

"""From a configuration to the programs that make up its deployment on this host."""

from collections.abc import Collection, Iterable, Sequence
from pathlib import Path

from hs_core.config import Config, Listener
from hs_core.supervision.child import Place, Program


def programs(config: Config, hs: Path, file: str | None, only: Collection[str] = ()) -> list[Program]:
    """One `hs run` for each replica of each process, in the file's order; for a file without processes, one.

    `only` names those processes that are to run here, if that is not all.
    """
    run = [str(hs), "run", *(["-c", file] if file is not None else [])]
    if not config.processes:
        return [Program("hs", run, _places(config.listeners, 0))]
    return [
        Program(
            process.name_of_replica(name, index),
            [*run, "--process", name, *_replica(index, process.replicas)],
            _places(process.listeners, index),
        )
        for name, process in config.processes.items()
        if name in (only or config.processes)
        for index in range(process.replicas)
    ]


def _replica(index: int, replicas: int) -> Sequence[str]:
    return () if replicas == 1 else ("--replica", str(index))


def _places(listeners: Iterable[Listener], replica: int) -> frozenset[Place]:
    """Where a replica listens; not on ports that the system chooses, which are free."""
    own = [listener.of_replica(replica) for listener in listeners]
    return frozenset(
        Place(socket=each.socket) if each.socket is not None else Place(each.bind, each.port)
        for each in own
        if each.socket is not None or each.port
    )

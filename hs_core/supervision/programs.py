"""From a configuration to the programs that make up its deployment on this host."""

from collections.abc import Sequence
from pathlib import Path

from hs_core.config import Config
from hs_core.supervision.child import Program


def programs(config: Config, hs: Path, file: str | None) -> list[Program]:
    """One `hs run` for each replica of each process, in the file's order; for a file without processes, one."""
    run = [str(hs), "run", *(["-c", file] if file is not None else [])]
    if not config.processes:
        return [Program("hs", run)]
    return [
        _program(name, replica, process.replicas, run)
        for name, process in config.processes.items()
        for replica in range(process.replicas)
    ]


def _program(process: str, replica: int, replicas: int, run: Sequence[str]) -> Program:
    command = [*run, "--process", process]
    if replicas == 1:
        return Program(process, command)
    return Program(f"{process}-{replica}", [*command, "--replica", str(replica)])

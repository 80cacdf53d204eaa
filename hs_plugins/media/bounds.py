"""What a program that looks at things of strangers may use: for a process of its own, for it bounds all of it."""

from __future__ import annotations

import resource


def bound_this_process(*, cpu_seconds: int, memory: int, file_size: int = 0) -> None:
    """In seconds of work and bytes. Beyond them the process is ended, has no memory, cannot write."""
    for limit, value in (
        (resource.RLIMIT_CPU, cpu_seconds),
        (resource.RLIMIT_AS, memory),
        (resource.RLIMIT_FSIZE, file_size),
        (resource.RLIMIT_CORE, 0),
    ):
        _, hard = resource.getrlimit(limit)
        resource.setrlimit(limit, (value if hard == resource.RLIM_INFINITY else min(value, hard), hard))


def cpu_seconds() -> float:
    """How long this process has worked."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime

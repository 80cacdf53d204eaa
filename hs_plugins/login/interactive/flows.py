"""How far a set of completed stages gets one. Pure."""

from __future__ import annotations

from collections.abc import Collection, Sequence

Flows = Sequence[Sequence[str]]


def is_complete(flows: Flows, completed: Collection[str]) -> bool:
    """ "When all stages in a flow are complete, authentication is complete" """
    return any(set(stages) <= set(completed) for stages in flows)


def may_come_next(flows: Flows, completed: Collection[str], stage: str) -> bool:
    """ "The client is free to choose which flow it follows, however the flow's stages must be completed in order."

    A stage that is part of no flow helps nobody, and does no harm.
    """
    with_stage = [stages for stages in flows if stage in stages]
    if not with_stage:
        return True
    return any(all(earlier in completed for earlier in stages[: list(stages).index(stage)]) for stages in with_stage)

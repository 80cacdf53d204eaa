"""Answers to the requests of state resolution, for callers that keep events and nothing that is derived from them."""

from collections.abc import Callable, Collection, Container, Mapping

from hs_core.matrix.event import Event
from hs_core.matrix.identifiers import EventId
from hs_core.matrix.state_res.auth_difference import walk_auth_difference
from hs_core.matrix.state_res.requests import (
    FetchAuthDifference,
    FetchConflictedSubgraph,
    FetchedEvents,
    FetchEvents,
    Reply,
    Request,
    Steps,
    T,
    Walk,
)
from hs_core.matrix.state_res.subgraph import walk_conflicted_subgraph


def walk_for_answer(request: FetchAuthDifference | FetchConflictedSubgraph) -> Walk[frozenset[EventId]]:
    """The reply to a question about auth chains, found by walking them: batch by batch, each event once."""
    if isinstance(request, FetchAuthDifference):
        return walk_auth_difference(request.conflict)
    return walk_conflicted_subgraph(request.conflicted)


def asking_for_events_only(steps: Steps[T]) -> Walk[T]:
    """The same resolution for a caller that answers nothing but `FetchEvents`."""
    reply: Reply | None = None
    while True:
        try:
            request: Request = next(steps) if reply is None else steps.send(reply)
        except StopIteration as finished:
            result: T = finished.value
            return result
        reply = (yield request) if isinstance(request, FetchEvents) else (yield from walk_for_answer(request))


def run(
    walk: Walk[T],
    lookup: Callable[[Collection[EventId]], Mapping[EventId, Event]],
    rejected: Container[EventId] = frozenset(),
) -> T:
    """Run a resolution to its end over events that can be had at once. `lookup` leaves out what it does not know."""
    reply: FetchedEvents | None = None
    while True:
        try:
            request = next(walk) if reply is None else walk.send(reply)
        except StopIteration as finished:
            result: T = finished.value
            return result
        reply = FetchedEvents(lookup(request.ids), rejected)

"""What state resolution asks of whoever keeps the events.

The algorithms are generators: they yield a request, are sent its reply, and return the resolved state. So the caller
decides where events come from, and may await in between.
"""

from collections.abc import Container, Generator, Mapping
from typing import TypeAlias, TypeVar

import msgspec

from hs_core.matrix.event import Event
from hs_core.matrix.identifiers import EventId
from hs_core.matrix.state_res.conflict import Conflict

T = TypeVar("T")


class FetchEvents(msgspec.Struct, frozen=True):
    """Asks for events, of the states or of their auth chains, rejected ones included. The reply is `FetchedEvents`."""

    ids: frozenset[EventId]


class FetchAuthDifference(msgspec.Struct, frozen=True, eq=False):
    """Asks for the auth difference of states ("Auth difference"). The reply is a set of event IDs.

    The *i*th state consists of `conflict.unconflicted` and of `conflict.branches[i]`. "The full auth chain for each
    state is the union of the auth chains for each event" in it; an event is not part of its own auth chain. The
    difference is "every event that doesn't appear in every" full auth chain, but does in one.
    """

    conflict: Conflict


class FetchConflictedSubgraph(msgspec.Struct, frozen=True):
    """Asks for the events on all paths along `auth_events` between any two of these events, endpoints included
    ("Conflicted state subgraph"). The reply is a set of event IDs; these events themselves need not be in it.
    """

    conflicted: frozenset[EventId]


class FetchedEvents(msgspec.Struct, frozen=True, eq=False):
    """The reply to `FetchEvents`. It may hold more than was asked for."""

    events: Mapping[EventId, Event]
    """Events that the caller does not know are absent. They count as if nothing had named them."""
    rejected: Container[EventId] = frozenset()
    """Those of the events that were rejected when they were received ("Rejected events")."""


Request: TypeAlias = FetchEvents | FetchAuthDifference | FetchConflictedSubgraph
Reply: TypeAlias = FetchedEvents | frozenset[EventId]

Steps: TypeAlias = Generator[Request, Reply, T]
"""A part of an algorithm that comes to a `T`."""

Walk: TypeAlias = Generator[FetchEvents, FetchedEvents, T]
"""The same for a part that needs nothing but events."""

"""The part of a room's history that a plan speaks of: from memory if it is all there, else from the database.

Everything that memory knows is taken at once, before anything is waited for, so that a response is of one moment.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from hs_core.matrix.identifiers import RoomId
from hs_plugins.rooms.api import EventRow, RoomsRead, StateRoot
from hs_plugins.sync.recent import Placed, Recent
from hs_plugins.sync.wanted import RoomPlan

EMPTY_STATE: StateRoot = b""
"""Stands for the state of a room before its first event."""


@dataclass(slots=True)
class Span:
    """The newest events of a plan, the oldest first."""

    plan: RoomPlan
    rows: list[Placed]
    gap: bool
    """Whether there are others before them."""
    before: StateRoot
    """The room's state before the first of them."""
    start: StateRoot
    """The state that the client knows."""
    end: StateRoot
    """The state at the end."""

    def state_before(self, index: int) -> StateRoot:
        """The room's state before one of the rows."""
        if index >= len(self.rows):
            return self.end
        return self.rows[index - 1].row.room_state if index else self.before

    def continues(self, index: int) -> bool:
        """Whether the events from this one on are all that changed the state, as it is where there are no branches."""
        state = self.state_before(index)
        for placed in self.rows[index:]:
            row = placed.row
            if row.state_before != state or row.state_after != row.room_state:
                return False
            state = row.room_state
        return True


def take_live(plans: Iterable[RoomPlan], recent: Recent) -> tuple[list[Span], list[RoomPlan]]:
    """The spans that memory has whole, and the plans that need the database."""
    spans, rest = [], []
    for plan in plans:
        span = _live(plan, recent) if plan.after >= recent.horizon else None
        if span is None:
            rest.append(plan)
        else:
            spans.append(span)
    return spans, rest


def _live(plan: RoomPlan, recent: Recent) -> Span | None:
    tail = recent.rooms.get(plan.room_id)
    if tail is None:
        return None
    rows = [placed for placed in tail.after(plan.after) if placed.position <= plan.up_to]
    start = tail.state_at(plan.after)
    if not rows or start is None:
        return None
    return Span(plan, rows, gap=False, before=start, start=start, end=rows[-1].row.room_state)


async def read_spans(plans: Sequence[RoomPlan], read: RoomsRead, count: int) -> list[Span]:
    """The newest `count` events of each plan, at most, out of the database: a few reads for all of them together."""
    starts = await _states_at([(plan.room_id, plan.after) for plan in plans if plan.after], read)
    groups: dict[tuple[int, int], list[RoomPlan]] = {}
    for plan in plans:
        groups.setdefault((plan.after, plan.up_to), []).append(plan)
    spans = []
    for (after, up_to), group in groups.items():
        # One more than is shown tells whether there are more, and the state before the others.
        found = await read.timelines.recent([plan.room_id for plan in group], after, up_to, count + 1)
        quiet = await _states_at([(plan.room_id, up_to) for plan in group if plan.room_id not in found], read)
        for plan in group:
            start = starts.get((plan.room_id, after), EMPTY_STATE)
            end = quiet.get((plan.room_id, up_to), start)
            spans.append(_stored(plan, found.get(plan.room_id, []), count, start, end))
    return spans


def _stored(plan: RoomPlan, found: list[tuple[int, EventRow]], count: int, start: StateRoot, end: StateRoot) -> Span:
    gap = len(found) > count
    before = found[0][1].room_state if gap else start
    rows = [Placed(position, row) for position, row in (found[1:] if gap else found)]
    if found:
        end = found[-1][1].room_state
    return Span(plan, rows, gap, before, start, end)


async def _states_at(places: Sequence[tuple[RoomId, int]], read: RoomsRead) -> dict[tuple[RoomId, int], StateRoot]:
    """The states of rooms when the stream stood at certain positions; the few positions are asked for in turn."""
    by_position: dict[int, list[RoomId]] = {}
    for room_id, position in places:
        by_position.setdefault(position, []).append(room_id)
    states: dict[tuple[RoomId, int], StateRoot] = {}
    for position, room_ids in by_position.items():
        last = await read.timelines.recent(room_ids, 0, position, 1)
        states.update({(room_id, position): rows[-1][1].room_state for room_id, rows in last.items()})
    return states

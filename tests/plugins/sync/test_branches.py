"""Where a room's history has branches: what a client is told makes its state the room's."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from itertools import count
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from hs_core.matrix.event import StateKey, StateMap
from hs_core.matrix.identifiers import EventId, RoomId, ServerName, UserId
from hs_plugins.rooms.api import EventRow, StateRoot
from hs_plugins.sync.recent import Placed, Recent
from hs_plugins.sync.spans import Span
from hs_plugins.sync.state import state_delta
from hs_plugins.sync.timeline import Shown, Timeline
from hs_plugins.sync.wanted import RoomPlan

ROOM, ALICE, FAR = RoomId("!room:hs.test"), UserId("@alice:hs.test"), UserId("@far:example.org")
KEYS = ("a", "b", "c")

Story = list[tuple[int, Mapping[str, int]]]
"""For each event: which key it sets (or none), and what resolution changes besides."""


class States:
    """States by names that tests can read."""

    def __init__(self) -> None:
        self._states: dict[StateRoot, dict[StateKey, EventId]] = {b"0": {}}

    def put(self, state: Mapping[StateKey, EventId]) -> StateRoot:
        root = repr(sorted(state.items())).encode()
        self._states[root] = dict(state)
        return root

    async def ids(self, root: StateRoot) -> StateMap:
        return self._states[root]

    async def besides_members(self, root: StateRoot) -> StateMap:
        raise AssertionError("not asked here")

    async def difference(self, old: StateRoot | None, new: StateRoot) -> dict[StateKey, EventId | None]:
        before, after = self._states[old or b"0"], self._states[new]
        return {key: after.get(key) for key in before.keys() | after.keys() if before.get(key) != after.get(key)}

    async def event(self, root: StateRoot, key: StateKey) -> None:
        raise AssertionError("not asked here")

    async def prepare(self, roots: Collection[StateRoot]) -> None:
        raise AssertionError("not asked here")

    async def lookup(self, root: StateRoot, keys: Collection[StateKey]) -> dict[StateKey, EventId]:
        raise AssertionError("not asked here")

    async def at(self, room_id: RoomId, position: int) -> StateRoot | None:
        raise AssertionError("not asked here")


def _row(event_id: str, state_key: str | None, before: bytes, after: bytes, room: bytes, sender: UserId) -> EventRow:
    fields: dict[str, Any] = dict.fromkeys(each.name for each in msgspec.structs.fields(EventRow))
    fields |= {"room_id": ROOM, "event_id": EventId(event_id), "type": "t", "state_key": state_key, "sender": sender}
    fields |= {"origin_server_ts": 0, "depth": 1, "client_json": b"{}"}
    return EventRow(**fields | {"state_before": before, "state_after": after, "room_state": room})


def _history(states: States, story: Story, sender: UserId = FAR) -> list[EventRow]:
    """Each event continues the room's state, and resolution may then decide otherwise for some keys."""
    ids, state = count(), dict[StateKey, EventId]()
    rows = []
    for key, resolved in story:
        event_id = EventId(f"${next(ids)}")
        before = states.put(state)
        if key < len(KEYS):
            state[("t", KEYS[key])] = event_id
        after = states.put(state)
        state |= {("t", name): EventId(f"$resolved{value}") for name, value in resolved.items()}
        state_key = KEYS[key] if key < len(KEYS) else None
        rows.append(_row(event_id, state_key, before, after, states.put(state), sender))
    return rows


STORIES = st.lists(
    st.tuples(st.integers(0, 4), st.dictionaries(st.sampled_from(KEYS), st.integers(0, 3), max_size=2)),
    min_size=1,
    max_size=8,
)


@settings(max_examples=100, deadline=None)
@given(STORIES, st.integers(0, 8), st.integers(0, 8), st.booleans())
async def test_the_client_arrives_at_the_rooms_state(story: Story, since: int, shown: int, after: bool) -> None:
    states = States()
    rows = _history(states, story)
    known, new = rows[: min(since, len(rows))], rows[min(since, len(rows)) :]
    start = known[-1].room_state if known else b"0"
    first = max(0, len(new) - shown)
    placed = [Placed(position, row) for position, row in enumerate(new, 1)]
    end = new[-1].room_state if new else start
    span = Span(RoomPlan(ROOM, "join", 1, 9, full=False), placed, gap=False, before=start, start=start, end=end)
    timeline = Timeline(span, [Shown(row, "join", False) for row in new[first:]], first, limited=False, prev_batch=None)

    client = dict(await states.ids(start)) | await state_delta(timeline, states, after=after)
    overridden = set()
    if not after:
        own = {("t", row.state_key): row.event_id for row in new[first:] if row.state_key is not None}
        client |= own
        overridden = set(own)

    room = await states.ids(end)
    # Only what the timeline itself shows last can hide what was decided otherwise; `state_after` is exact.
    assert {key: each for key, each in client.items() if key not in overridden} == {
        key: each for key, each in room.items() if key not in overridden
    }


async def test_memory_knows_where_branches_met() -> None:
    states = States()
    plain, decided = _history(states, [(0, {}), (1, {"a": 1})], sender=ALICE)
    recent = Recent(0, 10**6, 100, ServerName("hs.test"))

    assert recent.add(1, plain)
    assert not recent.add(2, decided)
    assert recent.rooms[ROOM].state_at(0) == plain.state_before


async def test_what_was_the_rooms_state_before_a_remote_event_is_not_guessed() -> None:
    (row,) = _history(States(), [(0, {})], sender=FAR)
    recent = Recent(0, 10**6, 100, ServerName("hs.test"))
    recent.add(1, row)

    assert recent.rooms[ROOM].state_at(0) is None
    assert recent.rooms[ROOM].state_at(1) == row.room_state

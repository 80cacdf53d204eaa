"""Whatever happens between their syncs, clients are told every event of their rooms exactly once and in order."""

from __future__ import annotations

from collections import defaultdict
from itertools import count
from typing import Any

import orjson
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hs_core.core import Core
from hs_core.matrix.filters import parse_filter
from hs_core.matrix.identifiers import DeviceId, RoomId, UserId
from hs_core.matrix.room_version import room_version
from hs_core.streams.token import parse_token
from hs_core.testing.homeserver import Homeserver
from hs_plugins.rooms.api import ROOMS, Draft, Join, new_room
from hs_plugins.sync.service import Syncing
from hs_plugins.sync.wanted import Wanted
from tests.layouts import in_one_process

ALICE = UserId("@alice:hs.test")


async def _make_room(core: Core) -> RoomId:
    room_id, create = new_room(
        ALICE, room_version("11"), {}, server_name=core.server_name, signing_key=core.signing_key, clock=core.clock
    )
    member = Draft(sender=ALICE, type="m.room.member", state_key=ALICE, content={"membership": "join"})
    rules = Draft(sender=ALICE, type="m.room.join_rules", state_key="", content={"join_rule": "public"})
    await core.services[ROOMS].create_room(room_id, create, [member, rules])
    return room_id


class Reader:
    """A client: it remembers what it was told, as a client does."""

    def __init__(self, syncing: Syncing, user_id: UserId) -> None:
        self.syncing = syncing
        self.user_id = user_id
        self.since: str | None = None
        self.told: dict[RoomId, list[str]] = defaultdict(list)
        self.state: dict[RoomId, dict[tuple[str, str], str]] = defaultdict(dict)
        self.gaps: dict[RoomId, int] = defaultdict(int)

    async def sync(self, limit: int) -> None:
        wanted = Wanted(
            user_id=self.user_id,
            device_id=DeviceId("PHONE"),
            filter=parse_filter({"room": {"timeline": {"limit": limit}}}),
            since=None if self.since is None else parse_token(self.since),
        )
        response = orjson.loads(await self.syncing.sync(wanted))
        self.since = response["next_batch"]
        for room_id, room in response.get("rooms", {}).get("join", {}).items():
            self._take(RoomId(room_id), room)

    def _take(self, room_id: RoomId, room: dict[str, Any]) -> None:
        timeline = room["timeline"]
        self.gaps[room_id] += timeline["limited"]
        assert timeline["events"] or room["state"]["events"]
        self.told[room_id] += [event["event_id"] for event in timeline["events"]]
        for event in [*room["state"]["events"], *timeline["events"]]:
            if "state_key" in event:
                self.state[room_id][event["type"], event["state_key"]] = event["event_id"]


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("message"), st.integers(0, 2)),
        st.tuples(st.just("topic"), st.integers(0, 2)),
        st.tuples(st.just("sync"), st.integers(1, 4)),
        st.tuples(st.just("forget"), st.integers(0, 3)),
    ),
    max_size=40,
)


_numbers = count()


@in_one_process
@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
@given(STEPS)
async def test_every_event_is_told_once_in_order_and_states_agree(
    server: Homeserver, steps: list[tuple[str, int]]
) -> None:
    await _tell(server.core, UserId(f"@bob{next(_numbers)}:hs.test"), steps)


async def _tell(core: Core, bob: UserId, steps: list[tuple[str, int]]) -> None:
    rooms = core.services[ROOMS]
    async with Syncing.start(core) as syncing:
        room_ids = [await _make_room(core) for _ in range(3)]
        for room_id in room_ids:
            await rooms.join(room_id, Join(user_id=bob, content={}))
        reader = Reader(syncing, bob)
        await reader.sync(1)
        sent: dict[RoomId, list[str]] = defaultdict(list)
        for number, (act, which) in enumerate(steps):
            if act == "sync":
                await reader.sync(which)
            elif act == "forget":
                # How much is in memory is anybody's guess: from now on the newest `which` rows of the server.
                syncing.following.recent.max_rows = which
            else:
                draft = _topic(number) if act == "topic" else _message(number)
                sent[room_ids[which]].append((await rooms.send(room_ids[which], draft)).event_id)
        await reader.sync(100)
        for room_id in room_ids:
            _check(reader, room_id, sent[room_id])
            info = (await syncing.read.members.rooms([room_id]))[room_id]
            assert reader.state[room_id] == await syncing.read.states.ids(info.state)


def _message(number: int) -> Draft:
    return Draft(sender=ALICE, type="m.room.message", content={"body": str(number)})


def _topic(number: int) -> Draft:
    return Draft(sender=ALICE, type="m.room.topic", state_key="", content={"topic": str(number)})


def _check(reader: Reader, room_id: RoomId, sent: list[str]) -> None:
    told = reader.told[room_id][1:]
    assert len(set(told)) == len(told)
    assert [event_id for event_id in sent if event_id in set(told)] == told
    if reader.gaps[room_id] == 1:  # the initial sync's
        assert told == sent

"""What local users do to rooms, in every room version, and how it survives a restart."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from hs_core.errors import MatrixError
from hs_core.matrix.identifiers import DeviceId, EventId, RoomId, ServerName, UserId
from hs_core.matrix.room_version import ROOM_VERSIONS, V11, RoomVersion
from hs_core.matrix.signing import SigningKey, sign_json
from hs_core.testing.homeserver import Homeserver, homeserver
from hs_plugins.rooms.api import ROOMS, ROOMS_READ, Draft, Join, Sent, new_room
from hs_plugins.rooms.plugin import plugin

ALICE = UserId("@alice:hs.test")
BOB = UserId("@bob:hs.test")
IDENTITY_SERVER = ServerName("id.test")
KEY = SigningKey("0", bytes(32))

every_version = pytest.mark.parametrize("version", ROOM_VERSIONS.values(), ids=lambda version: version.identifier)


class Room:
    """A room that Alice made."""

    def __init__(self, server: Homeserver, room_id: RoomId) -> None:
        self.rooms = server.core.services[ROOMS]
        self.read = server.core.read_sides[ROOMS_READ]
        self.room_id = room_id

    @classmethod
    async def create(cls, server: Homeserver, version: RoomVersion, join_rule: dict[str, Any]) -> "Room":
        core = server.core
        room_id, create = new_room(
            ALICE, version, {}, server_name=core.server_name, signing_key=core.signing_key, clock=core.clock
        )
        users = {} if version.creators_have_infinite_power else {ALICE: 100}
        drafts = [
            Draft(sender=ALICE, type="m.room.member", state_key=ALICE, content={"membership": "join"}),
            Draft(sender=ALICE, type="m.room.power_levels", state_key="", content={"users": users}),
            Draft(sender=ALICE, type="m.room.join_rules", state_key="", content=join_rule),
        ]
        await core.services[ROOMS].create_room(room_id, create, drafts)
        return cls(server, room_id)

    async def send(
        self, sender: UserId, event_type: str, content: dict[str, Any], state_key: str | None = None, **about: Any
    ) -> Sent:
        draft = Draft(sender=sender, type=event_type, content=content, state_key=state_key, **about)
        return await self.rooms.send(self.room_id, draft)

    async def membership(self, user: UserId) -> str | None:
        found = await self.read.members.membership(self.room_id, user)
        return found.membership if found else None

    async def content(self, event_id: EventId) -> Any:
        return (await self.read.timelines.events([event_id]))[event_id].event.content


@every_version
async def test_a_room_is_made_joined_talked_in_and_moderated(server: Homeserver, version: RoomVersion) -> None:
    room = await Room.create(server, version, {"join_rule": "public"})
    await room.rooms.join(room.room_id, Join(user_id=BOB, content={"displayname": "Bob"}))
    bad = await room.send(BOB, "m.room.message", {"body": "bad"}, device_id=DeviceId("D"), txn_id="1")
    assert await room.send(BOB, "m.room.message", {"body": "bad"}, device_id=DeviceId("D"), txn_id="1") == bad
    await room.send(ALICE, "m.room.redaction", {}, redacts=bad.event_id)
    assert await room.content(bad.event_id) == {}
    topic = await room.send(ALICE, "m.room.topic", {"topic": "t"}, "")
    assert await room.send(ALICE, "m.room.topic", {"topic": "t"}, "") == topic
    with pytest.raises(MatrixError, match=r"power level|join"):
        await room.send(BOB, "m.room.tombstone", {"replacement_room": "!new:hs.test"}, "")
    await room.send(ALICE, "m.room.tombstone", {"replacement_room": "!new:hs.test"}, "")
    await room.send(ALICE, "m.room.member", {"membership": "ban"}, BOB)
    with pytest.raises(MatrixError, match=r"power level|join"):
        await room.send(BOB, "m.room.message", {"body": "worse"})
    assert await room.membership(BOB) == "ban"
    info = (await room.read.members.rooms([room.room_id]))[room.room_id]
    assert (info.joined_members, info.version) == (1, version.identifier)


@every_version
async def test_somebody_is_invited_by_another_name(server: Homeserver, version: RoomVersion) -> None:
    room = await Room.create(server, version, {"join_rule": "invite"})
    promise = {"display_name": "B...", "public_key": KEY.verify_key.to_base64(), "key_validity_url": "https://id.test"}
    await room.send(ALICE, "m.room.third_party_invite", promise, "token")
    signed = sign_json({"mxid": BOB, "token": "token"}, IDENTITY_SERVER, KEY)
    content = {"membership": "invite", "third_party_invite": {"display_name": "B...", "signed": signed}}
    await room.send(ALICE, "m.room.member", content, BOB)
    assert await room.membership(BOB) == "invite"
    await room.rooms.join(room.room_id, Join(user_id=BOB, content={}))
    assert await room.membership(BOB) == "join"


@every_version
async def test_members_of_one_room_may_join_another(server: Homeserver, version: RoomVersion) -> None:
    if not version.restricted_joins:
        pytest.skip("not in this room version")
    club = await Room.create(server, version, {"join_rule": "public"})
    allow = [{"type": "m.room_membership", "room_id": club.room_id}]
    room = await Room.create(server, version, {"join_rule": "restricted", "allow": allow})
    await club.rooms.join(club.room_id, Join(user_id=BOB, content={}))
    sent = await room.rooms.join(room.room_id, Join(user_id=BOB, content={}))
    assert (await room.content(sent.event_id))["join_authorised_via_users_server"] == ALICE


@every_version
async def test_somebody_knocks_and_is_let_in(server: Homeserver, version: RoomVersion) -> None:
    if not version.knocking:
        pytest.skip("not in this room version")
    room = await Room.create(server, version, {"join_rule": "knock"})
    await room.rooms.knock(room.room_id, Join(user_id=BOB, content={"reason": "please"}))
    assert await room.membership(BOB) == "knock"
    await room.send(ALICE, "m.room.member", {"membership": "invite"}, BOB)
    await room.rooms.join(room.room_id, Join(user_id=BOB, content={}))
    assert await room.membership(BOB) == "join"


@asynccontextmanager
async def rooms_only(folder: Path, url: str) -> AsyncIterator[Homeserver]:
    async with homeserver(folder, url, plugins=[plugin]) as server:
        yield server


async def test_after_a_restart_the_same_request_is_still_the_same(tmp_path: Path, database_url: str) -> None:
    about: dict[str, Any] = {"device_id": DeviceId("D"), "txn_id": "1"}
    async with rooms_only(tmp_path, database_url) as server:
        room = await Room.create(server, V11, {"join_rule": "public"})
        sent = await room.send(ALICE, "m.room.message", {"body": "once"}, **about)
        topic = await room.send(ALICE, "m.room.topic", {"topic": "t"}, "")
    async with rooms_only(tmp_path, database_url) as server:
        again = Room(server, room.room_id)
        assert await again.send(ALICE, "m.room.message", {"body": "once"}, **about) == sent
        assert await again.send(ALICE, "m.room.topic", {"topic": "t"}, "") == topic
        assert (await again.send(ALICE, "m.room.message", {"body": "new"})).position == topic.position + 1

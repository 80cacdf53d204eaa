"""Plugins have their say in what local users do in rooms, and a client is told their words."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from hs_core.matrix.identifiers import UserId
from hs_core.plugin import Plugin, Refusal, hookimpl
from hs_core.plugin.discovery import discover
from hs_core.plugin.hookspecs import EventDraft, RoomView
from hs_core.testing.client import Client
from hs_core.testing.homeserver import homeserver


class Doorkeeper:
    """In rooms with a door nobody swears, nobody invites Mallory, and nobody joins who was not invited."""

    @hookimpl
    async def check_event(self, draft: EventDraft, room: RoomView) -> Refusal | None:
        door = await room.state_event("org.example.door", "")
        swears = "damn" in str(draft.content.get("body"))
        return Refusal("Mind your language") if door is not None and swears else None

    @hookimpl
    async def check_invite(self, invited: UserId) -> Refusal | None:
        return Refusal("Mallory stays out", "M_LIMIT_EXCEEDED") if invited.startswith("@mallory:") else None

    @hookimpl
    async def check_join(self, invited: bool) -> Refusal | None:
        return None if invited else Refusal("By invitation only")


@asynccontextmanager
async def doorkept(folder: Path) -> AsyncIterator[Client]:
    """A client of a server that has the doorkeeper."""
    plugins = [*discover().plugins.values(), Plugin("doorkeeper", hooks=lambda core: Doorkeeper())]
    async with (
        homeserver(folder, f"sqlite:///{folder}/hs.db", plugins=plugins) as server,
        Client(server.url, shared_secret=server.shared_secret) as client,
    ):
        yield client


async def test_an_event_can_be_refused_by_what_the_room_says(tmp_path: Path) -> None:
    async with doorkept(tmp_path) as client:
        alice = await client.register("alice")
        room = await alice.create_room()
        await alice.send_text(room, "damn")
        await alice.send_state(room, "org.example.door", {})

        body = {"msgtype": "m.text", "body": "damn"}
        answer = await alice.answer("PUT", f"/rooms/{room}/send/m.room.message/t", json=body)

        assert (answer.status, answer.body) == (403, {"errcode": "M_FORBIDDEN", "error": "Mind your language"})
        await alice.send_text(room, "dear me")


async def test_an_invitation_can_be_refused_with_another_code(tmp_path: Path) -> None:
    async with doorkept(tmp_path) as client:
        alice = await client.register("alice")
        room = await alice.create_room()

        mallory = f"@mallory:{alice.server_name}"
        refused = (403, "M_LIMIT_EXCEEDED")
        assert await alice.error("POST", f"/rooms/{room}/invite", json={"user_id": mallory}) == refused
        assert await alice.error("POST", "/createRoom", json={"invite": [mallory]}) == refused


async def test_a_join_can_be_refused_but_a_change_of_profile_is_none(tmp_path: Path) -> None:
    async with doorkept(tmp_path) as client:
        alice, bob, carol = [await client.register(name) for name in ("alice", "bob", "carol")]
        room = await alice.create_room(preset="public_chat", invite=[bob.user_id])

        await bob.join(room)
        await bob.send_state(room, "m.room.member", {"membership": "join", "displayname": "Bob"}, bob.user_id)
        assert await carol.error("POST", f"/rooms/{room}/join", json={}) == (403, "M_FORBIDDEN")

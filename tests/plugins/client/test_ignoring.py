"""What users whom the reader ignores have said is not shown."""

from collections.abc import Sequence
from pathlib import Path

from hs_core.matrix.identifiers import UserId
from hs_core.plugin import Plugin, hookimpl
from hs_core.plugin.discovery import discover
from hs_core.testing.client import Client
from hs_core.testing.homeserver import homeserver


class Peace:
    """Everybody but the troll ignores the troll."""

    @hookimpl
    async def ignored_users(self, user: UserId) -> Sequence[UserId]:
        return [] if user == "@troll:hs.test" else [UserId("@troll:hs.test")]


async def test_pages_and_threads_are_without_ignored_users(tmp_path: Path) -> None:
    plugins = [*discover().plugins.values(), Plugin(name="peace", hooks=lambda _core: Peace())]
    async with (
        homeserver(tmp_path, f"sqlite:///{tmp_path}/hs.db", plugins=plugins) as server,
        Client(server.url, shared_secret=server.shared_secret) as client,
    ):
        alice, troll = await client.register(), await client.register("troll")
        room = await alice.create_room(preset="public_chat")
        await troll.join(room)
        root = await alice.send_text(room, "hi")
        threaded = {"body": "boo", "m.relates_to": {"rel_type": "m.thread", "event_id": root}}
        await troll.send(room, "m.room.message", threaded)

        senders = {event["sender"] for event in (await alice.messages(room))["chunk"] if "state_key" not in event}
        assert senders == {alice.user_id}
        assert (await alice.members(room))[troll.user_id] == "join"
        assert "m.relations" not in (await alice.event(room, root))["unsigned"]
        assert (await troll.event(room, root))["unsigned"]["m.relations"]["m.thread"]["count"] == 1

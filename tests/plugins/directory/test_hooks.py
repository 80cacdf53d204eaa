"""What other plugins say of aliases."""

from collections.abc import Sequence
from pathlib import Path

from hs_core.matrix.identifiers import RoomAlias, RoomId, ServerName
from hs_core.plugin import Plugin, Refusal, hookimpl
from hs_core.plugin.discovery import discover
from hs_core.testing.client import Client
from hs_core.testing.homeserver import homeserver
from hs_core.testing.http import path

ELSEWHERE = RoomId("!elsewhere:other.test")


class Bridge:
    """Owns the aliases that begin with `irc_`, and knows one of another server."""

    @hookimpl
    async def check_alias(self, alias: RoomAlias) -> Refusal | None:
        return Refusal("That is the bridge's", "M_EXCLUSIVE") if alias.startswith("#irc_") else None

    @hookimpl
    async def find_alias(self, alias: RoomAlias) -> tuple[RoomId, Sequence[ServerName]] | None:
        return (ELSEWHERE, [ServerName("other.test")]) if alias == "#known:other.test" else None


async def test_plugins_keep_aliases_for_themselves_and_find_others(tmp_path: Path) -> None:
    bridge = Plugin(name="bridge", hooks=lambda _core: Bridge())
    plugins = [*discover().plugins.values(), bridge]
    async with (
        homeserver(tmp_path, f"sqlite:///{tmp_path}/hs.db", plugins=plugins) as server,
        Client(server.url, shared_secret=server.shared_secret) as client,
    ):
        alice = await client.register()
        room = await alice.create_room()
        where = path("directory", "room", "#irc_x:hs.test")
        assert await alice.error("PUT", where, json={"room_id": room}) == (400, "M_EXCLUSIVE")
        assert await alice.error("POST", "/createRoom", json={"room_alias_name": "irc_x"}) == (400, "M_EXCLUSIVE")
        found = await client.request("GET", path("directory", "room", "#known:other.test"))
        assert found == {"room_id": ELSEWHERE, "servers": ["other.test"]}

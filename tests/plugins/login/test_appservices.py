"""Names that application services claim, and users that they make. A plugin of the test knows the service."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from hs_core.http.requester import Requester
from hs_core.matrix.identifiers import UserId
from hs_core.plugin import Plugin
from hs_core.plugin.discovery import discover
from hs_core.plugin.hookspecs import NameClaims, hookimpl
from hs_core.testing.client import Client
from hs_core.testing.homeserver import homeserver

BRIDGE = Requester(user_id=UserId("@bridge:hs.test"), appservice="bridge")


class BridgeHooks:
    @hookimpl
    async def check_token(self, token: str) -> Requester | None:
        return BRIDGE if token == "the bridge's token" else None

    @hookimpl
    async def claims_on(self, user: UserId) -> NameClaims | None:
        return NameClaims(("bridge",), exclusive=True) if user.startswith("@irc_") else None


@asynccontextmanager
async def bridged(folder: Path) -> AsyncIterator[Client]:
    bridge = Plugin(name="bridge", hooks=lambda core: BridgeHooks())
    plugins = [*discover().plugins.values(), bridge]
    async with homeserver(folder, f"sqlite:///{folder}/hs.db", plugins=plugins) as server, Client(server.url) as client:
        yield client


async def test_only_the_service_makes_and_becomes_users_in_its_namespace(tmp_path: Path) -> None:
    async with bridged(tmp_path) as client:
        mine = {"username": "irc_alice", "auth": {"type": "m.login.dummy"}}
        assert await client.error("POST", "/register", json=mine) == (400, "M_EXCLUSIVE")
        assert await client.error("GET", "/register/available?username=irc_alice") == (400, "M_EXCLUSIVE")

        body = {"type": "m.login.application_service", "username": "irc_alice", "inhibit_login": True}
        assert await client.error("POST", "/register", json=body) == (401, "M_MISSING_TOKEN")
        token = {"Authorization": "Bearer the bridge's token"}
        made = await client.request("POST", "/register", json=body, headers=token)
        assert made == {"user_id": "@irc_alice:hs.test", "home_server": "hs.test"}
        foreign = await client.answer("POST", "/register", json=body | {"username": "alice"}, headers=token)
        assert (foreign.status, foreign.errcode) == (400, "M_EXCLUSIVE")

        login = {"type": "m.login.application_service", "user": "irc_alice"}
        assert (await client.request("POST", "/login", json=login, headers=token))["user_id"] == "@irc_alice:hs.test"
        wrong = await client.answer("POST", "/login", json=login, headers={"Authorization": "Bearer other"})
        assert (wrong.status, wrong.errcode) == (401, "M_UNKNOWN_TOKEN")

"""Names that application services claim, users and devices that they make. A plugin of the test knows the service."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from hs_core.http.requester import Requester
from hs_core.matrix.identifiers import UserId
from hs_core.plugin import Plugin
from hs_core.plugin.discovery import discover
from hs_core.plugin.hookspecs import NameClaims, hookimpl
from hs_core.testing.client import Client, User
from hs_core.testing.homeserver import homeserver
from tests.plugins.keys.devices import Identity, query
from tests.spec import schema

REQUESTERS = {
    "the bridge's token": Requester(user_id=UserId("@bridge:hs.test"), appservice="bridge"),
    "as Alice": Requester(user_id=UserId("@irc_alice:hs.test"), appservice="bridge"),
}
MADE_BY_SERVICE = {"type": "m.login.application_service", "username": "irc_alice", "inhibit_login": True}


class BridgeHooks:
    @hookimpl
    async def check_token(self, token: str) -> Requester | None:
        return REQUESTERS.get(token)

    @hookimpl
    async def claims_on(self, user: UserId) -> NameClaims | None:
        return NameClaims(("bridge",), exclusive=True) if user.startswith("@irc_") else None


@asynccontextmanager
async def bridged(folder: Path) -> AsyncIterator[Client]:
    bridge = Plugin(name="bridge", hooks=lambda core: BridgeHooks())
    plugins = [*discover().plugins.values(), bridge]
    async with (
        homeserver(folder, f"sqlite:///{folder}/hs.db", plugins=plugins) as server,
        Client(server.url, check=schema.check) as client,
    ):
        yield client


def by(token: str) -> dict[str, str]:
    """Headers."""
    return {"Authorization": f"Bearer {token}"}


async def test_only_the_service_makes_and_becomes_users_in_its_namespace(tmp_path: Path) -> None:
    async with bridged(tmp_path) as client:
        mine = {"username": "irc_alice", "auth": {"type": "m.login.dummy"}}
        assert await client.error("POST", "/register", json=mine) == (400, "M_EXCLUSIVE")
        assert await client.error("GET", "/register/available?username=irc_alice") == (400, "M_EXCLUSIVE")

        body = MADE_BY_SERVICE
        assert await client.error("POST", "/register", json=body) == (401, "M_MISSING_TOKEN")
        token = by("the bridge's token")
        made = await client.request("POST", "/register", json=body, headers=token)
        assert made == {"user_id": "@irc_alice:hs.test", "home_server": "hs.test"}
        foreign = await client.answer("POST", "/register", json=body | {"username": "alice"}, headers=token)
        assert (foreign.status, foreign.errcode) == (400, "M_EXCLUSIVE")

        login = {"type": "m.login.application_service", "user": "irc_alice"}
        assert (await client.request("POST", "/login", json=login, headers=token))["user_id"] == "@irc_alice:hs.test"
        wrong = await client.answer("POST", "/login", json=login, headers={"Authorization": "Bearer other"})
        assert (wrong.status, wrong.errcode) == (401, "M_UNKNOWN_TOKEN")


async def test_the_service_makes_and_deletes_devices_and_proves_nothing(tmp_path: Path) -> None:
    async with bridged(tmp_path) as client:
        await client.request("POST", "/register", json=MADE_BY_SERVICE, headers=by("the bridge's token"))
        alice = by("as Alice")

        async def names() -> dict[str, str | None]:
            found = (await client.request("GET", "/devices", headers=alice))["devices"]
            return {device["device_id"]: device.get("display_name") for device in found}

        for device in ("A", "B"):
            await client.request("PUT", f"/devices/{device}", json={}, headers=alice, expect=201)
        await client.request("PUT", "/devices/A", json={"display_name": "IRC"}, headers=alice)
        assert await names() == {"A": "IRC", "B": None}

        # "MUST NOT require User-Interactive Authentication when used by an application service"
        await client.request("DELETE", "/devices/A", headers=alice)
        await client.request("POST", "/delete_devices", json={"devices": ["A", "B"]}, headers=alice)
        assert await names() == {}


async def test_the_service_replaces_cross_signing_keys_and_proves_nothing(tmp_path: Path) -> None:
    async with bridged(tmp_path) as client:
        made = {key: value for key, value in MADE_BY_SERVICE.items() if key != "inhibit_login"}
        login = await client.request("POST", "/register", json=made, headers=by("the bridge's token"))
        where, alice = "/keys/device_signing/upload", User(client, login, None)
        for _ in range(2):
            identity = Identity(alice)
            await client.request("POST", where, json=identity.body(), headers=by("as Alice"))

        assert identity.master.public in str((await query(alice, alice))["master_keys"])

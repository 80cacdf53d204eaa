"""`POST /register`, through its public door."""

from hs_core.testing.client import Client
from hs_core.testing.homeserver import Homeserver


async def test_a_registered_user_is_who_the_token_stands_for(client: Client) -> None:
    user = await client.register("first")
    me = await user.whoami()
    assert me == {"user_id": "@first:hs.test", "device_id": user.device_id, "is_guest": False}
    assert user.login["access_token"].startswith("hst_Zmlyc3Q_")


async def test_the_shared_secret_registers_users_too(server: Homeserver) -> None:
    async with Client(server.url, shared_secret=server.shared_secret) as client:
        user = await client.register("Shared", admin=True)
        assert user.user_id == "@shared:hs.test"
        assert (await user.whoami())["user_id"] == user.user_id


async def test_who_has_registered_can_log_in_and_out(client: Client) -> None:
    await client.register("second", "a password")
    user = await client.login("second", "a password", device_id="PHONE")
    assert user.device_id == "PHONE"
    await user.logout()
    assert await user.error("GET", "/account/whoami") == (401, "M_UNKNOWN_TOKEN")

"""Passwords, the end of an account, refresh and login tokens."""

import asyncio

from hs_core.matrix.identifiers import UserId
from hs_core.testing.client import Client
from hs_core.testing.homeserver import Homeserver
from hs_plugins.rooms.api import EVENTS, ROOMS_READ
from tests.plugins.login.test_devices import PASSWORD, proof


async def test_a_new_password_ends_other_sessions_but_not_this_one(client: Client) -> None:
    alice = await client.register()
    other = await client.login(alice.localpart)
    body = {"new_password": "better horse", "auth": proof(alice)}
    await alice.request("POST", "/account/password", json=body)
    await alice.whoami()
    assert await other.error("GET", "/account/whoami") == (401, "M_UNKNOWN_TOKEN")
    login = {"type": "m.login.password", "identifier": {"type": "m.id.user", "user": alice.user_id}}
    assert await client.error("POST", "/login", json=login | {"password": PASSWORD}) == (403, "M_FORBIDDEN")
    await client.login(alice.user_id, "better horse")


async def test_other_sessions_can_outlive_a_new_password(client: Client) -> None:
    alice = await client.register()
    other = await client.login(alice.localpart)
    body = {"new_password": "better horse", "logout_devices": False, "auth": proof(alice)}
    await alice.request("POST", "/account/password", json=body)
    await other.whoami()


async def test_a_deactivated_account_is_gone_but_its_name_stays_taken(client: Client) -> None:
    alice = await client.register()
    wrong = {"auth": proof(alice, password="wrong")}
    await alice.request("POST", "/account/deactivate", json=wrong, expect=401)
    done = await alice.request("POST", "/account/deactivate", json={"auth": proof(alice)})
    assert done == {"id_server_unbind_result": "success"}
    assert await alice.error("GET", "/account/whoami") == (401, "M_UNKNOWN_TOKEN")
    login = {"type": "m.login.password", "user": alice.localpart, "password": PASSWORD}
    assert await client.error("POST", "/login", json=login) == (403, "M_FORBIDDEN")
    again = {"username": alice.localpart, "auth": {"type": "m.login.dummy"}}
    assert await client.error("POST", "/register", json=again) == (400, "M_USER_IN_USE")


async def test_a_deactivated_user_leaves_all_rooms(server: Homeserver, client: Client) -> None:
    alice = await client.register()
    for _ in range(3):
        await alice.create_room()
    await alice.request("POST", "/account/deactivate", json={"auth": proof(alice)})
    changes = server.core.follower(EVENTS)
    members = server.core.read_sides[ROOMS_READ].members
    async with asyncio.timeout(10):
        position = changes.position
        while await members.of_user(UserId(alice.user_id), ("join",)):
            await changes.reached(position + 1)
            position = changes.position
    assert {each.membership for each in await members.of_user(UserId(alice.user_id))} == {"leave"}


async def test_a_refresh_token_stays_good_until_what_it_gave_is_used(client: Client) -> None:
    await client.register("refresher")
    alice = await client.login("refresher", refresh_token=True)
    old = {"refresh_token": alice.login["refresh_token"]}
    await client.request("POST", "/refresh", json=old)
    second = await client.request("POST", "/refresh", json=old)
    await alice.whoami()
    assert second["expires_in_ms"] == 3_600_000

    first_token, alice.access_token = alice.access_token, second["access_token"]
    await alice.whoami()
    assert await client.error("POST", "/refresh", json=old) == (401, "M_UNKNOWN_TOKEN")
    alice.access_token = first_token
    assert await alice.error("GET", "/account/whoami") == (401, "M_UNKNOWN_TOKEN")
    await client.request("POST", "/refresh", json={"refresh_token": second["refresh_token"]})


async def test_a_login_token_is_good_for_one_login_and_one_proof(client: Client) -> None:
    alice = await client.register()
    where = "/_matrix/client/v1/login/get_token"
    session = (await alice.request("POST", where, json={}, expect=401))["session"]
    body = {"auth": proof(alice, session)}
    token = (await alice.request("POST", where, json=body))["login_token"]
    await alice.request("POST", where, json={"auth": {"session": session}}, expect=401)
    login = {"type": "m.login.token", "token": token}
    assert (await client.request("POST", "/login", json=login))["user_id"] == alice.user_id
    assert await client.error("POST", "/login", json=login) == (403, "M_FORBIDDEN")


async def test_all_sessions_end_at_once(client: Client) -> None:
    alice = await client.register()
    other = await client.login(alice.localpart)
    await alice.request("POST", "/logout/all")
    assert await other.error("GET", "/account/whoami") == (401, "M_UNKNOWN_TOKEN")
    assert await alice.error("GET", "/account/whoami") == (401, "M_UNKNOWN_TOKEN")

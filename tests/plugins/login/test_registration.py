"""`POST /register` and its neighbours, through their public doors."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from hs_core.errors import UserInUse
from hs_core.http.authenticate import token_hash
from hs_core.matrix.identifiers import UserId
from hs_core.testing.client import Client, User
from hs_core.testing.homeserver import Homeserver, homeserver
from hs_plugins.login.api import ACCOUNTS
from hs_plugins.login.store import registration
from hs_plugins.login.values import NewAccount, RegistrationToken
from tests.spec import schema

DUMMY = {"type": "m.login.dummy"}
TOKEN_STAGE = "m.login.registration_token"


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def stranger(server: Homeserver) -> AsyncIterator[Client]:
    """Somebody without an account; registration is open."""
    async with Client(server.url, check=schema.check) as client:
        yield client


async def register(client: Client, expect: int = 200, **body: Any) -> Any:
    return await client.request("POST", "/register", json=body, expect=expect)


async def test_a_registered_user_is_who_the_token_stands_for(stranger: Client) -> None:
    user = await stranger.register("first")
    assert await user.whoami() == {"user_id": "@first:hs.test", "device_id": user.device_id, "is_guest": False}
    assert user.login["access_token"].startswith("hst_Zmlyc3Q_")


async def test_registration_asks_for_a_stage_first(stranger: Client) -> None:
    challenge = await register(stranger, expect=401)
    assert challenge["flows"] == [{"stages": ["m.login.dummy"]}]
    assert "errcode" not in challenge


async def test_a_registration_repeated_in_its_session_is_the_same_one(stranger: Client) -> None:
    session = (await register(stranger, expect=401, password="sUp3rs3kr1t"))["session"]
    again: dict[str, Any] = {"password": "sUp3rs3kr1t", "auth": DUMMY | {"session": session}}
    first, second = await register(stranger, **again), await register(stranger, **again)
    assert first["user_id"] == second["user_id"]
    assert first["access_token"] != second["access_token"]


async def test_a_session_remembers_what_its_first_request_said(stranger: Client) -> None:
    said = {"username": "rememberer", "password": "sUp3rs3kr1t", "device_id": "xyzzy"}
    session = (await register(stranger, expect=401, **said))["session"]
    made = await register(stranger, auth=DUMMY | {"session": session})
    assert (made["user_id"], made["device_id"]) == ("@rememberer:hs.test", "xyzzy")
    await stranger.login("rememberer", "sUp3rs3kr1t")


async def test_without_a_login_there_is_no_token(stranger: Client) -> None:
    made = await register(stranger, username="quiet", inhibit_login=True, auth=DUMMY)
    assert made == {"user_id": "@quiet:hs.test", "home_server": "hs.test"}


@pytest.mark.parametrize("character", list("!\":?\\@[]{|}£é\n'"))
async def test_a_name_outside_the_grammar_is_refused(stranger: Client, character: str) -> None:
    body = {"username": f"chars{character}", "auth": DUMMY}
    assert await stranger.error("POST", "/register", json=body) == (400, "M_INVALID_USERNAME")


@pytest.mark.parametrize("character", list("q3._=-/"))
async def test_a_name_within_the_grammar_is_the_localpart(stranger: Client, character: str) -> None:
    made = await register(stranger, username=f"chars{character}", auth=DUMMY)
    assert made["user_id"] == f"@chars{character}:hs.test"


async def test_capitals_become_small_and_a_name_is_given_once(stranger: Client) -> None:
    assert (await register(stranger, username="LOUD", auth=DUMMY))["user_id"] == "@loud:hs.test"
    body = {"username": "Loud"}
    assert await stranger.error("POST", "/register", json=body) == (400, "M_USER_IN_USE")
    assert await stranger.error("GET", "/register/available?username=loud") == (400, "M_USER_IN_USE")
    assert await stranger.request("GET", "/register/available?username=louder") == {"available": True}


@pytest.mark.parametrize(
    "body",
    [
        {"username": 5},
        {"password": ["x"]},
        {"device_id": {}},
        {"device_id": "", "auth": DUMMY},
        {"initial_device_display_name": 1},
        {"inhibit_login": "yes"},
        {"refresh_token": 0},
        {"auth": "m.login.dummy"},
        {"auth": {"type": 5}},
        {"auth": {"session": []}},
        {"auth": DUMMY, "password": ""},
        {"auth": DUMMY, "password": "x" * 513},
        [],
        "text",
        None,
    ],
)
async def test_what_has_the_wrong_type_is_refused(stranger: Client, body: Any) -> None:
    status, errcode = await stranger.error("POST", "/register", json=body, data=b"null" if body is None else None)
    assert (status, errcode) in {(400, "M_BAD_JSON"), (400, "M_INVALID_PARAM")}


async def test_a_guest_becomes_a_user_and_nobody_else_does(stranger: Client) -> None:
    guest = await stranger.register_guest()
    assert (await guest.whoami())["is_guest"] is True
    upgrade: dict[str, Any] = {"guest_access_token": guest.access_token, "password": "secret horse", "auth": DUMMY}
    other = upgrade | {"username": "somebody-else"}
    assert await stranger.error("POST", "/register", json=other) == (403, "M_FORBIDDEN")
    await register(stranger, username=guest.localpart, **upgrade)
    user = await stranger.login(guest.localpart)
    assert (await user.whoami())["is_guest"] is False


@pytest.mark.parametrize("path", ["/devices/X", "/account/password", "/_matrix/client/v1/login/get_token"])
async def test_guests_may_not_do_what_only_users_may(stranger: Client, path: str) -> None:
    guest = await stranger.register_guest()
    method = "DELETE" if "devices" in path else "POST"
    assert await guest.error(method, path, json={}) == (403, "M_GUEST_ACCESS_FORBIDDEN")


async def test_the_shared_secret_registers_users_and_administrators(server: Homeserver) -> None:
    async with Client(server.url, shared_secret=server.shared_secret) as client:
        user: User = await client.register("Shared", admin=True)
        assert user.user_id == "@shared:hs.test"
        with pytest.raises(AssertionError, match="M_INVALID_USERNAME"):
            await client.register("sh!red")
        where = "/_synapse/admin/v1/register"
        nonce = (await client.request("GET", where))["nonce"]
        forged = {"nonce": nonce, "username": "x", "password": "y", "mac": "é"}
        assert await client.error("POST", where, json=forged) == (403, "M_FORBIDDEN")
        assert await client.error("POST", where, json=forged) == (400, "M_UNKNOWN")


async def test_a_registration_token_is_spent_by_those_who_register_with_it(tmp_path: Path) -> None:
    settings = {"registration": {"enabled": True, "require_token": True}}
    async with homeserver(tmp_path, f"sqlite:///{tmp_path}/hs.db", settings=settings) as server:
        token = RegistrationToken("once", uses_allowed=1)
        await server.core.db.write(lambda tx: registration.add_token(tx, token, 0))
        async with Client(server.url, check=schema.check) as client:
            validity = f"/_matrix/client/v1/register/{TOKEN_STAGE}/validity?token=once"
            assert await client.request("GET", validity) == {"valid": True}
            challenge = await register(client, expect=401, auth=DUMMY)
            assert challenge["flows"] == [{"stages": [TOKEN_STAGE]}]
            wrong = await register(client, expect=401, auth={"type": TOKEN_STAGE, "token": "twice"})
            assert wrong["errcode"] == "M_FORBIDDEN"

            page = f"/auth/{TOKEN_STAGE}/fallback/web?session={challenge['session']}"
            assert (await client.answer("GET", page)).status == 200
            assert (await client.answer("POST", page, data=b"token=never")).status == 401
            done = await client.answer("POST", page, data=b"token=once")
            assert (done.status, b"onAuthDone" in done.body) == (200, True)
            await register(client, username="early", auth={"session": challenge["session"]})
            assert await client.request("GET", validity) == {"valid": False}
            late = {"username": "late", "auth": {"type": TOKEN_STAGE, "token": "once"}}
            assert (await register(client, expect=401, **late))["errcode"] == "M_FORBIDDEN"


async def test_registration_can_be_closed(tmp_path: Path) -> None:
    settings = {"registration": {"enabled": False}}
    async with (
        homeserver(tmp_path, f"sqlite:///{tmp_path}/hs.db", settings=settings) as server,
        Client(server.url, check=schema.check) as client,
    ):
        assert await client.error("POST", "/register", json={"auth": DUMMY}) == (403, "M_FORBIDDEN")
        assert await client.error("POST", "/register?kind=guest", json={}) == (403, "M_FORBIDDEN")
        validity = f"/_matrix/client/v1/register/{TOKEN_STAGE}/validity?token=x"
        assert await client.error("GET", validity) == (403, "M_FORBIDDEN")


async def test_the_call_that_makes_an_account_can_be_made_again(server: Homeserver, stranger: Client) -> None:
    """As it is when its owner dies before it can answer."""
    challenge = await register(stranger, expect=401, username="once")
    accounts, session = server.core.services[ACCOUNTS], token_hash(challenge["session"])
    for _ in range(2):
        await accounts.register(UserId("@once:hs.test"), NewAccount(session=session))
    with pytest.raises(UserInUse):
        await accounts.register(UserId("@once:hs.test"), NewAccount())

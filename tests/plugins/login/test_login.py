"""`POST /login`, and whose a token is, in its many states."""

from typing import Any

import pytest

from hs_core.matrix.identifiers import UserId
from hs_core.testing.client import Client
from hs_core.testing.homeserver import Homeserver
from hs_plugins.login.api import ACCOUNT_CHANGES, ACCOUNTS, USERS, Marks
from hs_plugins.login.sightings import Sightings


def password_login(user: str, **more: Any) -> dict[str, Any]:
    identifier = {"type": "m.id.user", "user": user}
    return {"type": "m.login.password", "identifier": identifier, "password": "secret horse"} | more


async def test_the_flows_are_those_that_work(client: Client) -> None:
    flows = (await client.request("GET", "/login"))["flows"]
    assert flows == [
        {"type": "m.login.password"},
        {"type": "m.login.token", "get_login_token": True},
        {"type": "m.login.application_service"},
    ]


async def test_a_user_may_be_named_in_every_way(client: Client) -> None:
    alice = await client.register()
    for name in (alice.localpart, alice.user_id, alice.localpart.upper(), alice.user_id.replace("@u", "@U")):
        assert (await client.request("POST", "/login", json=password_login(name)))["user_id"] == alice.user_id
    old = {"type": "m.login.password", "user": alice.user_id, "password": "secret horse"}
    assert (await client.request("POST", "/login", json=old))["user_id"] == alice.user_id


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ({"type": "m.login.password", "password": "x"}, (400, "M_MISSING_PARAM")),
        (password_login("nobody-at-all"), (403, "M_FORBIDDEN")),
        (password_login("@nobody:elsewhere.test"), (403, "M_FORBIDDEN")),
        (password_login("a" * 300), (400, "M_INVALID_PARAM")),
        (password_login("nul\0"), (400, "M_INVALID_PARAM")),
        (password_login("nobody", password=5), (400, "M_BAD_JSON")),
        (password_login("nobody", password=None), (400, "M_MISSING_PARAM")),
        (password_login("nobody", password="x" * 2000), (403, "M_FORBIDDEN")),
        (password_login("nobody", identifier={"type": "m.id.user", "user": 1}), (400, "M_BAD_JSON")),
        (password_login("nobody", identifier={"type": "m.id.star"}), (400, "M_UNKNOWN")),
        (password_login("nobody", identifier={}), (400, "M_MISSING_PARAM")),
        (
            password_login("nobody", identifier={"type": "m.id.thirdparty", "medium": "email", "address": "a@b"}),
            (403, "M_FORBIDDEN"),
        ),
        ({"type": "m.login.token", "token": "hsl_x"}, (403, "M_FORBIDDEN")),
        ({"type": "m.login.token"}, (400, "M_MISSING_PARAM")),
        ({"type": "m.login.application_service", "user": "x"}, (401, "M_MISSING_TOKEN")),
        ({"type": "m.login.magic"}, (400, "M_UNKNOWN")),
        ({}, (400, "M_MISSING_PARAM")),
        ({"type": 1}, (400, "M_BAD_JSON")),
        ([], (400, "M_BAD_JSON")),
    ],
)
async def test_who_cannot_prove_who_they_are_is_refused(client: Client, body: Any, error: tuple[int, str]) -> None:
    assert await client.error("POST", "/login", json=body) == error


@pytest.mark.parametrize("token", ["x", "hst_YQ_" + "a" * 32 + "_00000000", "hsr_x", "é"])
async def test_what_is_no_refresh_token_of_ours_is_refused(client: Client, token: str) -> None:
    assert await client.error("POST", "/refresh", json={"refresh_token": token}) == (401, "M_UNKNOWN_TOKEN")


async def test_a_locked_user_may_only_log_out(server: Homeserver, client: Client) -> None:
    alice = await client.register()
    accounts = server.core.services[ACCOUNTS]
    await alice.whoami()
    await accounts.mark(UserId(alice.user_id), Marks(locked=True))
    answer = await alice.answer("GET", "/account/whoami")
    assert (answer.status, answer.errcode, answer.body["soft_logout"]) == (401, "M_USER_LOCKED", True)
    await accounts.mark(UserId(alice.user_id), Marks(locked=False))
    await alice.whoami()
    await accounts.mark(UserId(alice.user_id), Marks(locked=True))
    await alice.logout()


async def test_every_process_hears_which_tokens_to_forget(server: Homeserver, client: Client) -> None:
    alice = await client.register()
    rows: list[tuple[str, str | None, int]] = []
    follower = server.core.follower(ACCOUNT_CHANGES)
    follower.subscribe(
        lambda batch: rows.extend(
            (row.change, row.device_id, len(row.tokens)) for _, row in batch.rows if row.user_id == alice.user_id
        )
    )
    start = follower.position
    await client.login(alice.localpart, device_id="PHONE")
    await client.login(alice.localpart, device_id="PHONE")
    await alice.request("POST", "/logout/all")
    told = [
        ("device_created", "PHONE", 0),
        ("tokens_revoked", "PHONE", 1),
        *sorted([("device_deleted", alice.device_id, 1), ("device_deleted", "PHONE", 1)], key=lambda row: row[1]),
    ]
    assert rows == told
    stored = await server.core.db.read(lambda tx: ACCOUNT_CHANGES.load(tx, start, follower.position, 100))
    assert [(row.change, row.device_id, len(row.tokens)) for _, row in stored if row.user_id == alice.user_id] == told


async def test_it_is_noted_when_and_from_where_a_device_was_seen(server: Homeserver, client: Client) -> None:
    alice = await client.register()
    sightings = Sightings(server.core.db, server.core.clock)
    requester = await server.core.authenticator.tokens.check(alice.access_token or "")  # type: ignore[union-attr]
    assert requester is not None
    sightings.saw(requester, "192.0.2.1")
    sightings.saw(requester, "192.0.2.2")
    await sightings.write()
    (device,) = await server.core.read_sides[USERS].devices(UserId(alice.user_id))
    assert device.last_seen_ip == "192.0.2.1"
    assert (await alice.request("GET", f"/devices/{alice.device_id}"))["last_seen_ip"] == "192.0.2.1"

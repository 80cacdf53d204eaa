"""Who a service may be, and what is for it alone."""

from __future__ import annotations

import pytest

from hs_core.testing.http import path
from tests.plugins.appservice.bridges import Bridge, Puppet, puppet
from tests.plugins.appservice.conftest import Site


async def whoami(someone: Puppet) -> tuple[int, str | None, str | None]:
    """Status, error code or user, and device."""
    answer = await someone.answer("GET", "/account/whoami")
    return answer.status, answer.errcode or answer.body["user_id"], answer.body.get("device_id")


async def test_a_service_is_its_sender_or_any_of_its_users(site: Site) -> None:
    dora = await puppet(site.client, site.irc, "dora")

    assert await whoami(Puppet(site.client, site.irc)) == (200, site.irc.sender, None)
    assert await whoami(Puppet(site.client, site.irc, site.irc.sender)) == (200, site.irc.sender, None)
    assert await whoami(dora) == (200, site.irc.user("dora"), None)


async def test_a_service_is_nobody_else(site: Site) -> None:
    alice = await site.client.register()

    assert await whoami(Puppet(site.client, site.irc, alice.user_id)) == (403, "M_FORBIDDEN", None)
    assert await whoami(Puppet(site.client, site.irc, site.irc.user("nobody"))) == (403, "M_FORBIDDEN", None)
    assert await whoami(Puppet(site.client, site.log, site.irc.user("dora"))) == (403, "M_FORBIDDEN", None)
    assert await whoami(Puppet(site.client, site.irc, "@_irc_dora:other.test")) == (403, "M_FORBIDDEN", None)
    assert await whoami(Puppet(site.client, site.irc, "nonsense")) == (400, "M_INVALID_PARAM", None)


async def test_who_is_not_the_service_is_only_themselves(site: Site) -> None:
    alice = await site.client.register()

    assert (await alice.request("GET", f"/account/whoami?user_id={site.irc.user('dora')}"))["user_id"] == alice.user_id


async def test_a_service_can_ask_as_a_device(site: Site) -> None:
    await puppet(site.client, site.irc, "eve")
    eve = Puppet(site.client, site.irc, site.irc.user("eve"), "PHONE")

    assert await whoami(eve) == (400, "M_UNKNOWN_DEVICE", None)
    await Puppet(site.client, site.irc, eve.user_id).request("PUT", "/devices/PHONE", json={}, expect=201)
    assert await whoami(eve) == (200, eve.user_id, "PHONE")
    await eve.request("DELETE", "/devices/PHONE", json={})
    assert await whoami(eve) == (400, "M_UNKNOWN_DEVICE", None)


async def test_a_deactivated_user_is_nobody_any_more(site: Site) -> None:
    fred = await puppet(site.client, site.irc, "fred")
    assert (await whoami(fred))[0] == 200

    await fred.request("POST", "/account/deactivate", json={})

    assert await whoami(fred) == (403, "M_USER_DEACTIVATED", None)


async def test_names_of_a_service_are_for_it_alone(site: Site) -> None:
    wanted = {"username": "_irc_taken", "auth": {"type": "m.login.dummy"}}
    by_service = {"type": "m.login.application_service", "username": "_irc_taken", "inhibit_login": True}

    assert await site.client.error("POST", "/register", json=wanted) == (400, "M_EXCLUSIVE")
    assert await site.client.error("POST", "/register", json=wanted | {"username": "_irc_bot"}) == (400, "M_EXCLUSIVE")
    assert await site.client.error("GET", "/register/available?username=_irc_taken") == (400, "M_EXCLUSIVE")
    assert await Puppet(site.client, site.log).error("POST", "/register", json=by_service) == (400, "M_EXCLUSIVE")
    assert await Puppet(site.client, site.irc).request("POST", "/register", json=by_service)


async def test_a_service_makes_nobody_outside_of_its_namespace(site: Site) -> None:
    body = {"type": "m.login.application_service", "username": "free", "inhibit_login": True}

    assert await Puppet(site.client, site.irc).error("POST", "/register", json=body) == (400, "M_EXCLUSIVE")


async def test_names_that_are_not_exclusive_are_for_everybody(site: Site) -> None:
    body = {"username": "loud-speaker", "auth": {"type": "m.login.dummy"}}
    speaker = await site.client.request("POST", "/register", json=body)

    assert await whoami(Puppet(site.client, site.log, speaker["user_id"])) == (200, "@loud-speaker:hs.test", None)


async def test_a_service_logs_its_users_in(site: Site) -> None:
    grace = await puppet(site.client, site.irc, "grace")
    body = {"type": "m.login.application_service", "identifier": {"type": "m.id.user", "user": grace.user_id}}

    login = await Puppet(site.client, site.irc).request("POST", "/login", json=body)

    assert login["user_id"] == grace.user_id
    assert await Puppet(site.client, site.log).error("POST", "/login", json=body) == (400, "M_EXCLUSIVE")
    assert {"type": "m.login.application_service"} in (await site.client.request("GET", "/login"))["flows"]


async def test_aliases_of_a_service_are_for_it_alone(site: Site) -> None:
    alice, henry = await site.client.register(), await puppet(site.client, site.irc, "henry")
    room, theirs = await alice.create_room(), await henry.create_room()
    alias = site.irc.alias(room[1:8])
    where = path("directory", "room", alias)

    assert await alice.error("PUT", where, json={"room_id": room}) == (400, "M_EXCLUSIVE")
    options = {"room_alias_name": alias[1:].partition(":")[0]}
    assert await alice.error("POST", "/createRoom", json=options) == (400, "M_EXCLUSIVE")
    await henry.request("PUT", where, json={"room_id": theirs})
    assert await alice.error("DELETE", where) == (400, "M_EXCLUSIVE")
    # "full control over its namespace": its sender has not made this alias.
    await Puppet(site.client, site.irc).request("DELETE", where)
    assert (await alice.error("GET", where))[0] == 404


async def test_a_service_makes_no_aliases_outside_of_its_namespace(site: Site) -> None:
    ida = await puppet(site.client, site.irc, "ida")
    room = await ida.create_room()

    wanted = path("directory", "room", f"#free-{room[1:8]}:hs.test")
    assert await ida.error("PUT", wanted, json={"room_id": room}) == (400, "M_EXCLUSIVE")


@pytest.mark.parametrize(("ts", "taken"), [("1000", 1000), ("0", 0), ("-1", None), ("soon", None), (str(2**53), None)])
async def test_a_service_says_when_something_was_sent(site: Site, ts: str, taken: int | None) -> None:
    jane = await puppet(site.client, site.irc, "jane")
    room = await jane.create_room()
    for where in (path("rooms", room, "send", "m.room.message", f"at{ts}"), path("rooms", room, "state", "m.x", "")):
        answer = await jane.answer("PUT", where, params={"ts": ts}, json={"msgtype": "m.text", "body": "then"})
        if taken is None:
            assert (answer.status, answer.errcode) == (400, "M_INVALID_PARAM")
        else:
            assert (await jane.event(room, answer.body["event_id"]))["origin_server_ts"] == taken


async def test_nobody_else_says_when_something_was_sent(site: Site) -> None:
    alice = await site.client.register()
    room = await alice.create_room()
    where = path("rooms", room, "send", "m.room.message", "then") + "?ts=1000"
    sent = await alice.request("PUT", where, json={"msgtype": "m.text", "body": "now"})

    assert (await alice.event(room, sent["event_id"]))["origin_server_ts"] > 1_000_000


async def test_a_token_of_nobody_is_refused(site: Site) -> None:
    stranger = Bridge("stranger")

    assert await whoami(Puppet(site.client, stranger)) == (401, "M_UNKNOWN_TOKEN", None)

"""What the server asks services: whether users and aliases exist, whether they are there, about other networks."""

from __future__ import annotations

from typing import Any

import pytest

from hs_core.testing.http import path
from tests.plugins.appservice.bridges import Bridge, Puppet, puppet, running
from tests.plugins.appservice.conftest import Site

PROTOCOL: dict[str, Any] = {
    "user_fields": ["network", "nickname"],
    "location_fields": ["network", "channel"],
    "icon": "mxc://example.org/aBcDeFgH",
    "field_types": {"network": {"regexp": "[a-z]+", "placeholder": "freenode"}},
    "instances": [{"network_id": "freenode", "desc": "Freenode", "fields": {"network": "freenode"}}],
}
USER = {"userid": "@_irc_jim:hs.test", "protocol": "irc", "fields": {"nickname": "jim"}}
LOCATION = {"alias": "#_irc_matrix:hs.test", "protocol": "irc", "fields": {"channel": "#matrix"}}


async def test_a_room_is_made_when_somebody_wants_to_join_it(site: Site) -> None:
    alice, kim = await site.client.register(), await puppet(site.client, site.irc, "kim")
    rooms = []

    async def make(alias: str) -> bool:
        rooms.append(await kim.create_room(preset="public_chat", room_alias_name=alias[1:].partition(":")[0]))
        return True

    site.irc.makes = make
    joined = await alice.join(site.irc.alias("portal"))

    assert rooms == [joined]
    assert len(site.irc.asked("/_matrix/app/v1/rooms/" + site.irc.alias("portal"))) == 1


async def test_a_room_that_a_service_does_not_make_is_not_there(site: Site) -> None:
    alice = await site.client.register()

    async def refuse(_: str) -> bool:
        return False

    site.irc.makes = refuse
    before = len(site.log.told)

    assert (await alice.error("GET", path("directory", "room", site.irc.alias("none"))))[0] == 404
    assert (await alice.error("GET", path("directory", "room", "#nowhere:hs.test")))[0] == 404
    assert not site.log.asked("/_matrix/app/v1/rooms/")[before:]


async def test_a_user_is_made_when_somebody_invites_them(site: Site) -> None:
    alice = await site.client.register()

    async def make(user: str) -> bool:
        await puppet(site.client, site.irc, user.removeprefix("@_irc_").partition(":")[0])
        return True

    site.irc.makes = make
    room = await alice.create_room()
    await alice.invite(room, site.irc.user("leo"))
    await site.irc.until(lambda: any(each.get("state_key") == site.irc.user("leo") for each in site.irc.events))

    leo = await puppet(site.client, site.irc, "leo")
    await leo.join(room)
    assert len(site.irc.asked("/_matrix/app/v1/users/" + site.irc.user("leo"))) == 1


async def test_a_user_is_made_when_somebody_looks_for_them(site: Site) -> None:
    alice = await site.client.register()

    async def make(user: str) -> bool:
        mia = await puppet(site.client, site.irc, "mia")
        await mia.request("PUT", path("profile", user, "displayname"), json={"displayname": "Mia"})
        return True

    site.irc.makes = make

    assert (await alice.request("GET", path("profile", site.irc.user("mia"))))["displayname"] == "Mia"


async def test_a_service_can_see_whether_it_is_reached(site: Site) -> None:
    where = "/_matrix/client/v1/appservice/irc/ping"
    bot = Puppet(site.client, site.irc)

    answer = await bot.request("POST", where, json={"transaction_id": "meow"})

    assert isinstance(answer["duration_ms"], int)
    assert site.irc.asked("/_matrix/app/v1/ping")[-1].body == {"transaction_id": "meow"}
    assert await Puppet(site.client, site.log).error("POST", where, json={}) == (403, "M_FORBIDDEN")
    alice = await site.client.register()
    assert await alice.error("POST", where, json={}) == (403, "M_FORBIDDEN")


async def test_a_service_sees_why_it_is_not_reached(site: Site) -> None:
    where = "/_matrix/client/v1/appservice/irc/ping"
    bot = Puppet(site.client, site.irc)
    token = site.irc.registration["hs_token"]
    site.irc.registration["hs_token"] = "another"
    try:
        answer = await bot.answer("POST", where, json={})
    finally:
        site.irc.registration["hs_token"] = token
    assert (answer.status, answer.errcode, answer.body["status"]) == (502, "M_BAD_STATUS", 403)
    assert "M_FORBIDDEN" in answer.body["body"]

    await site.irc.go()
    try:
        assert await bot.error("POST", where, json={}) == (502, "M_CONNECTION_FAILED")
    finally:
        await site.irc.come()


async def test_networks_are_described_by_their_services(site: Site) -> None:
    alice = await site.client.register()
    other = PROTOCOL["instances"][0] | {"network_id": "oftc"}
    site.irc.answers["thirdparty/protocol/irc"] = PROTOCOL
    site.log.answers["thirdparty/protocol/irc"] = PROTOCOL | {"instances": [other]}
    site.log.answers["thirdparty/protocol/gitter"] = {"nonsense": True}

    protocols = await alice.request("GET", "/thirdparty/protocols")
    irc = await alice.request("GET", "/thirdparty/protocol/irc")

    assert protocols == {"irc": irc}
    assert [each["instance_id"] for each in irc["instances"]] == ["irc|freenode", "log|oftc"]
    assert (await alice.error("GET", "/thirdparty/protocol/telegram")) == (404, "M_NOT_FOUND")


async def test_users_and_places_of_networks_are_found(site: Site) -> None:
    alice = await site.client.register()
    site.irc.answers["thirdparty/user/irc"] = [USER, {"userid": 1}]
    site.irc.answers["thirdparty/location/irc"] = [LOCATION]
    site.irc.answers["thirdparty/user"] = [USER]
    site.irc.answers["thirdparty/location"] = [LOCATION]
    site.log.answers["thirdparty/location"] = "nonsense"

    assert await alice.request("GET", "/thirdparty/user/irc?nickname=jim&network=free%26node") == [USER]
    (asked,) = site.irc.asked("/_matrix/app/v1/thirdparty/user/irc")
    assert asked.query == {"nickname": "jim", "network": "free&node"}
    assert await alice.request("GET", "/thirdparty/location/irc?channel=%23matrix") == [LOCATION]
    assert await alice.request("GET", "/thirdparty/user?userid=%40_irc_jim%3Ahs.test") == [USER]
    assert await alice.request("GET", "/thirdparty/location?alias=%23_irc_matrix%3Ahs.test") == [LOCATION]
    assert site.irc.asked("/_matrix/app/v1/thirdparty/location")[-1].query == {"alias": "#_irc_matrix:hs.test"}


@pytest.mark.parametrize(
    ("where", "refusal"),
    [
        ("/thirdparty/user/telegram", (404, "M_NOT_FOUND")),
        ("/thirdparty/location/telegram", (404, "M_NOT_FOUND")),
        ("/thirdparty/user", (400, "M_MISSING_PARAM")),
        ("/thirdparty/user?userid=jim", (400, "M_INVALID_PARAM")),
        ("/thirdparty/location", (400, "M_MISSING_PARAM")),
        ("/thirdparty/user/irc?" + "&".join(f"f{n}=1" for n in range(60)), (400, "M_INVALID_PARAM")),
    ],
)
async def test_what_cannot_be_found_is_said_so(site: Site, where: str, refusal: tuple[int, str]) -> None:
    alice = await site.client.register()

    assert await alice.error("GET", where) == refusal


async def test_a_service_has_a_list_of_rooms_of_its_network(site: Site) -> None:
    alice, nora = await site.client.register(), await puppet(site.client, site.irc, "nora")
    room = await nora.create_room(preset="public_chat", name="Portal")
    where = path("directory", "list", "appservice", "freenode", room)

    async def listed() -> list[str]:
        body = {"third_party_instance_id": "irc|freenode"}
        return [each["room_id"] for each in (await alice.request("POST", "/publicRooms", json=body))["chunk"]]

    await Puppet(site.client, site.irc).request("PUT", where, json={"visibility": "public"})
    assert await listed() == [room]
    assert await alice.error("PUT", where, json={"visibility": "public"}) == (403, "M_FORBIDDEN")
    await Puppet(site.client, site.irc).request("PUT", where, json={"visibility": "private"})
    assert await listed() == []
    nowhere = path("directory", "list", "appservice", "freenode", "!nowhere:hs.test")
    refused = await Puppet(site.client, site.irc).error("PUT", nowhere, json={"visibility": "public"})
    assert refused == (404, "M_NOT_FOUND")


async def test_a_running_bridge_is_what_it_says(site: Site) -> None:
    """Guards the tests' own bridge: it refuses who has not its token."""
    bridge = Bridge()
    async with running(bridge), site.client.session.get(f"{bridge.registration['url']}/_matrix/app/v1/ping") as answer:
        assert answer.status == 403

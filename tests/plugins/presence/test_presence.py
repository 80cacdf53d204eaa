"""Who is online, as clients see it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from hs_core.clock import Clock
from hs_core.matrix.identifiers import UserId
from hs_core.testing.client import Client, User
from hs_core.testing.clock import TestClock
from hs_core.testing.homeserver import Homeserver, homeserver
from hs_core.testing.http import Json, path
from hs_core.testing.sync import Sync
from hs_plugins.presence.api import PRESENCE, PresenceRow

EVENTS = "/_matrix/client/r0/events"
"""As its schema knows room events only, it is not asked under the name that the schema is for."""


def status(user: User) -> str:
    return path("presence", user.user_id, "status")


async def says(user: User, presence: str, **body: Any) -> None:
    await user.request("PUT", status(user), json={"presence": presence, **body})


async def asks(user: User, of: User) -> Json:
    found: Json = await user.request("GET", status(of))
    return found


def seen(sync: Sync, user: User) -> Json | None:
    """The content of the last `m.presence` of a user."""
    events = sync.get("presence", {}).get("events", [])
    return next((event["content"] for event in reversed(events) if event["sender"] == user.user_id), None)


def shows(user: User, presence: str) -> Any:
    return lambda sync: (seen(sync, user) or {}).get("presence") == presence


async def room_of(*users: User) -> str:
    room = await users[0].create_room(preset="public_chat")
    for user in users[1:]:
        await user.join(room)
    return room


@asynccontextmanager
async def served(folder: Path, clock: Clock | None = None, **section: Any) -> AsyncIterator[Client]:
    settings = {"plugins": {"presence": section}}
    async with (
        homeserver(folder, f"sqlite:///{folder}/hs.db", clock=clock, settings=settings) as server,
        Client(server.url, shared_secret=server.shared_secret) as client,
    ):
        yield client


async def test_a_user_sees_their_own_presence_in_the_first_sync(client: Client) -> None:
    alice = await client.register()

    own = seen(await alice.sync(), alice)

    assert own is not None
    assert (own["presence"], own["currently_active"]) == ("online", True)
    assert own["last_active_ago"] >= 0


async def test_clients_of_old_are_told_and_online(client: Client) -> None:
    alice, bob = await client.register(), await client.register()
    await room_of(alice, bob)

    first = await alice.request("GET", "/initialSync")

    (own,) = [event["content"] for event in first["presence"] if event["content"]["user_id"] == alice.user_id]
    assert own["presence"] == "online"
    assert (await asks(bob, alice))["presence"] == "online"
    await says(bob, "unavailable", status_msg="away")
    chunk: list[Json] = []
    since = first["end"]
    while not any(event["type"] == "m.presence" and event["sender"] == bob.user_id for event in chunk):
        answer = await alice.request("GET", EVENTS, params={"from": since, "timeout": "10000"})
        chunk, since = answer["chunk"], answer["end"]


async def test_coming_online_by_a_sync_is_told_in_that_sync_only(client: Client) -> None:
    alice = await client.register()

    sync = await alice.sync()

    assert shows(alice, "online")(sync)
    assert seen(await alice.sync(sync.next_batch, timeout=500), alice) is None


async def test_coming_online_is_told_at_once_by_a_server_that_has_just_started(tmp_path: Path) -> None:
    clock = TestClock()
    async with served(tmp_path, clock) as client:
        alice, bob = await client.register(), await client.register()
        await room_of(alice, bob)
        since = (await alice.sync()).next_batch

        await bob.sync()

        sync = await alice.sync(since)
        assert shows(bob, "online")(sync)
        await clock.advance(1)
        assert "presence" not in await alice.sync(sync.next_batch)


async def test_all_who_say_that_they_are_online_are_told_of_at_once(tmp_path: Path) -> None:
    async with served(tmp_path, TestClock()) as client:
        alice, bob = await client.register(), await client.register()
        await room_of(alice, bob)

        for user in (alice, bob):
            await says(user, "online")

        assert shows(bob, "online")(await alice.sync())


async def test_who_joins_a_room_sees_at_once_who_is_online_there(tmp_path: Path) -> None:
    async with served(tmp_path, TestClock()) as client:  # in which no turn of presence comes
        alice, bob = await client.register(), await client.register()
        room = await room_of(alice)
        await alice.sync()
        since = (await bob.sync()).next_batch

        await bob.join(room)

        assert shows(alice, "online")(await bob.sync(since))
        assert shows(alice, "online")(await bob.sync())
        snapshot = await bob.request("GET", path("rooms", room, "initialSync"))
        assert alice.user_id in {event["content"]["user_id"] for event in snapshot["presence"]}
        since = (await bob.sync()).next_batch
        await bob.leave(room)
        assert seen(await bob.sync(), alice) is None


async def test_a_change_of_ones_own_is_told_to_oneself(client: Client) -> None:
    alice = await client.register()
    since = (await alice.sync()).next_batch

    await says(alice, "online", status_msg="here")

    told = await alice.sync_until(lambda sync: seen(sync, alice), since)
    assert (seen(told, alice) or {})["status_msg"] == "here"


async def test_who_syncs_as_offline_is_not_online(client: Client) -> None:
    alice = await client.register()

    assert seen(await alice.sync(set_presence="offline"), alice) is None
    assert (await asks(alice, alice))["presence"] == "offline"


async def test_those_who_share_a_room_are_told(client: Client) -> None:
    alice, bob, carol = [await client.register() for _ in range(3)]
    await room_of(alice, bob)
    since = {user: (await user.sync()).next_batch for user in (bob, carol)}

    await says(alice, "unavailable", status_msg="at lunch")

    told = await bob.sync_until(shows(alice, "unavailable"), since[bob])
    assert (seen(told, alice) or {})["status_msg"] == "at lunch"
    assert seen(await carol.sync(since[carol]), alice) is None
    assert seen(await carol.sync(), alice) is None


async def test_a_first_sync_shows_who_is_online(client: Client) -> None:
    alice, bob, carol = [await client.register() for _ in range(3)]
    await room_of(alice, bob, carol)
    since = (await alice.sync(set_presence="offline")).next_batch
    await says(carol, "offline")
    await says(bob, "online", status_msg="here")
    await alice.sync_until(shows(bob, "online"), since, set_presence="offline")

    sync = await alice.sync(set_presence="offline")

    assert (seen(sync, bob) or {})["status_msg"] == "here"
    assert seen(sync, carol) is None


async def test_syncing_makes_online_and_set_presence_says_how(client: Client) -> None:
    alice, bob = await client.register(), await client.register()
    await room_of(alice, bob)
    since = (await bob.sync()).next_batch

    await alice.sync()
    since = (await bob.sync_until(shows(alice, "online"), since)).next_batch
    await alice.sync(set_presence="unavailable")
    await bob.sync_until(shows(alice, "unavailable"), since)


async def test_who_joins_and_who_is_there_see_each_other(client: Client) -> None:
    alice, bob = await client.register(), await client.register()
    room = await room_of(alice)
    since = {user: (await user.sync()).next_batch for user in (alice, bob)}

    await bob.join(room)

    assert seen(await bob.sync(since[bob]), alice) is not None
    await alice.sync_until(shows(bob, "online"), since[alice])


async def test_moving_about_is_no_news_to_oneself_or_to_those_who_know(client: Client) -> None:
    alice, bob, carol = [await client.register() for _ in range(3)]
    await room_of(alice, bob)
    other = await room_of(carol)
    await carol.sync()
    since = {user: (await user.sync()).next_batch for user in (alice, bob)}
    await bob.sync_until(shows(alice, "online"), None, set_presence="offline")

    await alice.join(other)
    await says(carol, "unavailable")

    told = await alice.sync_until(shows(carol, "unavailable"), since[alice])
    assert seen(told, alice) is None
    await says(bob, "unavailable")
    told = await bob.sync_until(shows(bob, "unavailable"), since[bob], set_presence="offline")
    assert seen(told, alice) is None


async def test_who_sends_something_is_active_again(client: Client) -> None:
    alice, bob = await client.register(), await client.register()
    room = await room_of(alice, bob)
    since = (await bob.sync()).next_batch
    await says(alice, "unavailable")
    since = (await bob.sync_until(shows(alice, "unavailable"), since)).next_batch

    await alice.send_text(room, "I am back")

    told = await bob.sync_until(shows(alice, "online"), since)
    assert (seen(told, alice) or {})["currently_active"]


async def test_whose_client_is_not_heard_of_is_offline_after_a_minute_and_a_half(tmp_path: Path) -> None:
    clock = TestClock()
    async with served(tmp_path, clock) as client:
        alice, bob = await client.register("alice"), await client.register("bob")
        await room_of(alice, bob)
        await alice.sync()

        async def alone(seconds: float) -> tuple[str, bool | None]:
            await clock.advance(seconds)
            found = await asks(bob, alice)
            return found["presence"], found.get("currently_active")

        assert await alone(1) == ("online", True)
        await says(alice, "online")
        assert await alone(59) == ("online", True)
        assert await alone(29) == ("online", False)
        assert await alone(1) == ("offline", None)


async def test_others_are_told_when_somebody_stays_away(tmp_path: Path) -> None:
    clock = TestClock()
    async with served(tmp_path, clock) as client:
        alice, bob = await client.register("alice"), await client.register("bob")
        await room_of(alice, bob)
        await alice.sync()
        await clock.advance(1)
        since = (await bob.sync(set_presence="offline")).next_batch

        await clock.advance(91)
        await clock.advance(1)

        gone = seen(await bob.sync_until(shows(alice, "offline"), since, set_presence="offline"), alice)
        assert gone is not None
        assert gone["last_active_ago"] >= 60_000


async def test_a_restart_forgets_no_message_and_tells_of_those_who_do_not_come_back(tmp_path: Path) -> None:
    async with served(tmp_path) as client:
        alice, bob = await client.register("alice"), await client.register("bob")
        await room_of(alice, bob)
        since = (await bob.sync()).next_batch
        await says(alice, "online", status_msg="here to stay")
        since = (await bob.sync_until(shows(alice, "online"), since)).next_batch

    clock = TestClock(1_900_000_000_000)
    async with served(tmp_path, clock) as client:
        bob = await client.login("bob")
        await clock.advance(1)
        assert (await asks(bob, alice))["status_msg"] == "here to stay"
        await clock.advance(62)
        await clock.advance(1)
        told = await bob.sync_until(shows(alice, "offline"), since, set_presence="offline")
        assert (seen(told, alice) or {})["status_msg"] == "here to stay"


async def test_a_device_that_is_logged_out_is_gone(client: Client) -> None:
    alice, bob = await client.register(), await client.register()
    await room_of(alice, bob)
    await alice.sync()
    assert (await asks(bob, alice))["presence"] == "online"

    await alice.logout()

    assert (await asks(bob, alice))["presence"] == "offline"


async def test_only_those_who_share_a_room_may_ask(client: Client) -> None:
    alice, bob = await client.register(), await client.register()

    assert await bob.error("GET", status(alice)) == (403, "M_FORBIDDEN")
    assert await bob.error("GET", path("presence", "@nobody:hs.test", "status")) == (404, "M_NOT_FOUND")
    assert await bob.error("GET", path("presence", "nonsense", "status")) == (400, "M_INVALID_PARAM")
    room = await room_of(alice, bob)
    assert (await asks(bob, alice))["presence"] == "offline"
    await bob.leave(room)
    assert await bob.error("GET", status(alice)) == (403, "M_FORBIDDEN")


@pytest.mark.parametrize(
    ("body", "refusal"),
    [
        ({}, (400, "M_MISSING_PARAM")),
        ({"presence": "busy"}, (400, "M_INVALID_PARAM")),
        ({"presence": 7}, (400, "M_BAD_JSON")),
        ({"presence": "online", "status_msg": 7}, (400, "M_BAD_JSON")),
        ({"presence": "online", "status_msg": "x" * 2000}, (400, "M_INVALID_PARAM")),
        ({"presence": "online", "status_msg": "a\0b"}, (400, "M_INVALID_PARAM")),
    ],
)
async def test_a_status_that_is_none_is_refused(client: Client, body: Json, refusal: tuple[int, str]) -> None:
    alice = await client.register()

    assert await alice.error("PUT", status(alice), json=body) == refusal


async def test_nobody_speaks_for_somebody_else(client: Client) -> None:
    alice, bob = await client.register(), await client.register()

    refused = await bob.error("PUT", status(alice), json={"presence": "online"})
    assert refused == (403, "M_FORBIDDEN")


async def test_a_filter_keeps_it_out(client: Client) -> None:
    alice = await client.register()

    assert "presence" not in await alice.sync(filter={"presence": {"not_types": ["m.presence"]}})


async def test_where_it_is_disabled_everybody_is_offline(tmp_path: Path) -> None:
    async with served(tmp_path, enabled=False) as client:
        alice, bob = await client.register("alice"), await client.register("bob")
        await room_of(alice, bob)
        await says(alice, "online", status_msg="here")

        assert "presence" not in await bob.sync()
        assert await asks(bob, alice) == {"presence": "offline"}


async def test_users_of_other_servers_are_shown_as_they_say(server: Homeserver, client: Client) -> None:
    alice = await client.register()
    remote = UserId("@carol:elsewhere.test")
    row = PresenceRow(remote, "online", "far away", 1_600_000_000_000, currently_active=True)

    await server.core.services[PRESENCE].received(remote, row)

    found = await server.core.services[PRESENCE].of(remote)
    assert found is not None
    assert (found.presence, found.status_msg, found.currently_active) == ("online", "far away", True)
    assert await alice.error("GET", path("presence", remote, "status")) == (403, "M_FORBIDDEN")

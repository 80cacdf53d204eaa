"""What clients want to be given, and how little of it."""

from hs_core.testing.client import Client
from hs_core.testing.homeserver import Homeserver
from hs_core.testing.http import Json


async def test_the_same_definition_has_the_same_id(client: Client) -> None:
    alice, bob = await client.register(), await client.register()
    definition = {"room": {"timeline": {"limit": 5}}, "org.example": 1}
    ids = [(await alice.request("POST", alice.path("filter"), json=definition))["filter_id"] for _ in range(2)]

    assert ids[0] == ids[1]
    assert await alice.request("GET", alice.path("filter", ids[0])) == definition
    assert await alice.error("GET", alice.path("filter", "nothing")) == (404, "M_NOT_FOUND")
    assert await bob.error("GET", alice.path("filter", ids[0])) == (403, "M_FORBIDDEN")
    bad = await alice.error("POST", alice.path("filter"), json={"room": 5})
    assert bad == (400, "M_BAD_JSON")


async def test_a_stored_filter_is_used_like_one_that_is_sent_along(client: Client) -> None:
    alice = await client.register()
    room = await alice.create_room()
    await alice.send_text(room, "one")
    await alice.send_text(room, "two")
    definition = {"room": {"timeline": {"limit": 1}}}
    stored = (await alice.request("POST", alice.path("filter"), json=definition))["filter_id"]

    for chosen in (stored, definition):
        assert (await alice.sync(filter=chosen)).texts(room) == ["two"]
    assert await alice.error("GET", "/sync?filter=nothing") == (404, "M_NOT_FOUND")


async def test_events_that_a_filter_leaves_out_of_the_timeline_still_change_the_state(client: Client) -> None:
    alice = await client.register()
    room = await alice.create_room()
    since = (await alice.sync()).next_batch
    await alice.send_text(room, "hi")
    await alice.send_state(room, "m.room.topic", {"topic": "late"})

    sync = await alice.sync(since, filter={"room": {"timeline": {"types": ["m.room.message"]}}})

    assert sync.texts(room) == ["hi"]
    assert [event["content"] for event in sync.events(room, "state")] == [{"topic": "late"}]


async def test_a_filter_that_lets_nothing_through_keeps_the_client_waiting(client: Client) -> None:
    alice = await client.register()
    room = await alice.create_room()
    since = (await alice.sync()).next_batch
    nothing: Json = {"room": {"timeline": {"types": []}, "state": {"types": []}}}
    await alice.send_text(room, "hi")

    first = await alice.sync(since, filter=nothing, timeout=30)

    assert "rooms" not in first
    assert (await alice.sync(first.next_batch)).texts(room) == []


async def test_rooms_and_senders_can_be_chosen(client: Client) -> None:
    alice, bob = await client.register(), await client.register()
    one, two = [await alice.create_room(preset="public_chat") for _ in range(2)]
    await bob.join(one)
    await bob.send_text(one, "bob")
    await alice.send_text(one, "alice")

    assert set((await alice.sync(filter={"room": {"rooms": [one]}})).rooms()) == {one}
    assert set((await alice.sync(filter={"room": {"not_rooms": [one]}})).rooms()) == {two}
    senders = {"room": {"timeline": {"senders": [bob.user_id]}}}
    assert (await alice.sync(filter=senders)).texts(one) == ["bob"]


async def test_only_events_with_a_url_are_shown_if_the_client_wants_that(client: Client) -> None:
    alice = await client.register()
    room = await alice.create_room()
    await alice.send(room, "m.room.message", {"body": "file", "msgtype": "m.file", "url": "mxc://x/y"})
    await alice.send_text(room, '"url"')

    for has_url, texts in ((True, ["file"]), (False, ['"url"'])):
        sync = await alice.sync(filter={"room": {"timeline": {"contains_url": has_url}}})
        assert sync.texts(room) == texts


async def test_fields_and_the_format_of_events_can_be_chosen(server: Homeserver) -> None:
    # The specification's schemas are of whole events in client format.
    async with Client(server.url, shared_secret=server.shared_secret) as client:
        alice = await client.register()
        room = await alice.create_room()
        event_id = await alice.send_text(room, "hi")

        fields = (await alice.sync(filter={"event_fields": ["content.body", "event_id"]})).timeline(room)[-1]
        federation = (await alice.sync(filter={"event_format": "federation"})).timeline(room)[-1]

    assert fields == {"content": {"body": "hi"}, "event_id": event_id}
    assert {"hashes", "signatures", "auth_events", "unsigned"} <= federation.keys()
    assert federation["event_id"] == event_id


async def test_a_state_event_that_the_filter_leaves_out_does_not_bring_up_its_room(client: Client) -> None:
    alice = await client.register()
    room = await alice.create_room()
    wanted = {"room": {"timeline": {"types": []}, "state": {"types": ["m.room.topic"]}, "ephemeral": {"types": []}}}
    before = await alice.sync(filter=wanted)
    await alice.send_state(room, "m.room.member", {"membership": "join", "displayname": "Boris"}, alice.user_id)
    quiet = await alice.sync(since=before.next_batch, filter=wanted)
    await alice.invite(room, (await client.register()).user_id)
    counted = await alice.sync(since=quiet.next_batch, filter=wanted)

    assert quiet.rooms() == {}
    assert counted.rooms()[room]["summary"]["m.invited_member_count"] == 1

"""End-to-end encryption with matrix-nio: the server passes on keys and messages that it cannot read."""

from __future__ import annotations

from pathlib import Path

import nio

from hs_core.testing.client import Client
from hs_core.testing.homeserver import Homeserver
from hs_core.testing.http import Json, path
from tests.clients.nio_client import good, logged_in, needs, register, sync_until, text_in
from tests.layouts import to_the_extreme

pytestmark = [needs("keys", "to_device"), to_the_extreme]

_ENCRYPTED = {"type": "m.room.encryption", "state_key": "", "content": {"algorithm": "m.megolm.v1.aes-sha2"}}


async def test_two_devices_agree_on_keys_and_read_each_other(server: Homeserver, tmp_path: Path) -> None:
    alice_id, bob_id = await register(server), await register(server)
    async with logged_in(server, alice_id, tmp_path) as alice, logged_in(server, bob_id, tmp_path) as bob:
        for device in (alice, bob):
            good(nio.KeysUploadResponse, await device.keys_upload())
        made = await alice.room_create(invite=[bob_id], initial_state=[_ENCRYPTED])
        room = good(nio.RoomCreateResponse, made).room_id
        good(nio.JoinResponse, await bob.join(room))
        await sync_until(bob, lambda sync: sync.rooms.join.get(room))
        await sync_until(alice, lambda _: bob_id in alice.rooms[room].users or None)

        good(nio.KeysQueryResponse, await alice.keys_query())
        said = {"msgtype": "m.text", "body": "only for you"}
        sent = await alice.room_send(room, "m.room.message", said, ignore_unverified_devices=True)
        event = good(nio.RoomSendResponse, sent).event_id

        heard = await sync_until(bob, text_in(room, "only for you"))
        assert heard.decrypted
        assert heard.event_id == event
        stored = await _as_the_server_has_it(server, bob, room, event)
        assert stored["type"] == "m.room.encrypted"
        assert "only for you" not in str(stored)


async def _as_the_server_has_it(server: Homeserver, reader: nio.AsyncClient, room: str, event: str) -> Json:
    async with Client(server.url) as client:
        client.access_token = reader.access_token
        stored: Json = await client.request("GET", path("rooms", room, "event", event))
        return stored


async def test_a_used_one_time_key_is_never_given_out_again(server: Homeserver, tmp_path: Path) -> None:
    alice_id, bob_id = await register(server), await register(server)
    async with logged_in(server, alice_id, tmp_path) as alice, logged_in(server, bob_id, tmp_path) as bob:
        uploaded = good(nio.KeysUploadResponse, await bob.keys_upload())
        before = uploaded.signed_curve25519_count

        keys = set()
        for _ in range(3):
            claimed = good(nio.KeysClaimResponse, await alice.keys_claim({bob_id: [bob.device_id]}))
            keys |= set(claimed.one_time_keys[bob_id][bob.device_id])
        assert len(keys) == 3
        await sync_until(bob, lambda sync: sync.device_key_count.signed_curve25519 == before - 3 or None)

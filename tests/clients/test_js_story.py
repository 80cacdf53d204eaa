"""End-to-end encryption and more with matrix-js-sdk on both sides."""

from __future__ import annotations

import asyncio
import base64
import io

import pytest
from PIL import Image

from hs_core.testing.homeserver import Homeserver
from tests.clients.js_client import js_device, require_js
from tests.clients.nio_client import PASSWORD, register
from tests.layouts import to_the_extreme

pytestmark = to_the_extreme


@pytest.fixture(autouse=True)
def _js() -> None:
    require_js()


async def test_a_new_device_has_everything_back_with_the_recovery_key(server: Homeserver) -> None:
    """Cross-signing, secret storage, key backup and a dehydrated device, as clients set them up."""
    alice_id, bob_id = await register(server), await register(server)
    async with js_device(server, bob_id) as bob:
        async with js_device(server, alice_id) as laptop:
            recovery_key = await laptop.call("setUpEncryption", password=PASSWORD)
            room = await laptop.call("createEncryptedRoom", invite=[bob_id])
            await bob.call("join", room=room)
            await laptop.call("waitForMember", room=room, user=bob_id)
            await laptop.call("send", room=room, body="before the flood")
            await bob.call("waitForMessage", room=room, body="before the flood")
            await laptop.call("waitForBackup", keys=1)
            await laptop.call("dehydrate")
            await laptop.call("waitForHappening", event="DehydratedDeviceUploaded")
            await laptop.call("logout")

        await bob.call("send", room=room, body="while nobody was there")
        async with js_device(server, alice_id) as phone:
            assert await phone.call("recover", recoveryKey=recovery_key) > 0
            await phone.call("waitForMessage", room=room, body="before the flood")
            await bob.call("waitForSigned", user=alice_id, device=phone.device_id)
            await phone.call("dehydrate")
            await phone.call("waitForHappening", event="RehydrationCompleted")
            await phone.call("waitForMessage", room=room, body="while nobody was there")


async def test_two_users_verify_each_other_by_emoji(server: Homeserver) -> None:
    alice_id, bob_id = await register(server), await register(server)
    async with js_device(server, alice_id) as alice, js_device(server, bob_id) as bob:
        for device in (alice, bob):
            await device.call("setUpEncryption", password=PASSWORD)
        room = await alice.call("createEncryptedRoom", invite=[bob_id])
        await bob.call("join", room=room)
        await alice.call("waitForMember", room=room, user=bob_id)

        await bob.call("waitForDevices", user=alice_id)
        await alice.call("askToVerify", user=bob_id, room=room)
        await bob.call("acceptVerification")
        emoji = await asyncio.gather(alice.call("showEmoji", begins=True), bob.call("showEmoji", begins=False))
        assert emoji[0] == emoji[1]
        assert len(emoji[0]["emoji"]) == 7
        await asyncio.gather(alice.call("confirmEmoji"), bob.call("confirmEmoji"))
        for device, other in ((alice, bob), (bob, alice)):
            await device.call("waitForVerified", user=other.user_id)
            await device.call("waitForSigned", user=other.user_id, device=other.device_id)


async def test_an_avatar_is_seen_where_media_need_a_token(server: Homeserver) -> None:
    written = io.BytesIO()
    Image.new("RGB", (200, 300), (0, 120, 90)).save(written, "PNG")
    avatar = base64.b64encode(written.getvalue()).decode()
    alice_id, bob_id = await register(server), await register(server)
    async with js_device(server, alice_id) as alice, js_device(server, bob_id) as bob:
        room = await alice.call("createEncryptedRoom", invite=[bob_id])
        await bob.call("join", room=room)
        uri = await alice.call("uploadAvatar", file=avatar, type="image/png", name="me.png")
        seen = await bob.call("avatarOf", room=room, user=alice_id, side=96)
        assert (seen["uri"], seen["status"], seen["type"]) == (uri, 200, "image/png")
        assert "/_matrix/client/v1/media/thumbnail/" in seen["url"]
        assert Image.open(io.BytesIO(base64.b64decode(seen["body"]))).size == (96, 96)


async def test_an_event_that_was_scheduled_can_be_managed(server: Homeserver) -> None:
    alice_id = await register(server)
    async with js_device(server, alice_id) as alice:
        room = await alice.call("createEncryptedRoom", invite=[])
        waiting = [await alice.call("sendLater", room=room, body=body, delay=60_000) for body in ("yes", "no")]
        assert set(await alice.call("delayed")) == set(waiting)
        await alice.call("updateDelayed", delayId=waiting[1], action="cancel")
        await alice.call("updateDelayed", delayId=waiting[0], action="restart")
        await alice.call("updateDelayed", delayId=waiting[0], action="send")
        assert await alice.call("delayed") == []
        await alice.call("waitForMessage", room=room, body="yes")

"""End-to-end encryption between matrix-js-sdk and matrix-nio, each with cryptography of its own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import nio
import pytest

from hs_core.testing.homeserver import Homeserver
from hs_core.testing.http import Json
from tests.clients.js_client import JsDevice, js_device, require_js
from tests.clients.nio_backup import restore_backup
from tests.clients.nio_client import PASSWORD, good, logged_in, register, sync_until, text_in
from tests.clients.nio_verification import Verification, known_device
from tests.layouts import to_the_extreme

pytestmark = to_the_extreme


@pytest.fixture(autouse=True)
def _js() -> None:
    require_js()


async def test_each_reads_the_other(server: Homeserver, tmp_path: Path) -> None:
    async with _in_a_room(server, tmp_path) as (alice, bob, room):
        sent = await alice.call("send", room=room, body="from Rust")
        heard = await sync_until(bob, text_in(room, "from Rust"))
        assert (heard.decrypted, heard.event_id) == (True, sent)

        event = await bob.room_send(room, "m.room.message", _text("from Python"), ignore_unverified_devices=True)
        answer = await alice.call("waitForMessage", room=room, body="from Python")
        assert answer["event_id"] == good(nio.RoomSendResponse, event).event_id
        assert (answer["sender"], answer["encrypted"]) == (bob.user_id, True)


@pytest.mark.parametrize("js_begins", [True, False], ids=["js begins", "nio begins"])
async def test_they_verify_each_other_by_emoji(server: Homeserver, tmp_path: Path, js_begins: bool) -> None:
    """Before, what is said to verified devices only is for nobody; afterwards each reads what the other says."""
    async with _in_a_room(server, tmp_path) as (alice, bob, room):
        await alice.call("setUpEncryption", password=PASSWORD)
        await alice.call("trustVerifiedOnly")
        sent = await alice.call("send", room=room, body="who are you?")
        await sync_until(bob, _unreadable_in(room, sent))
        with pytest.raises(nio.OlmUnverifiedDeviceError):
            await bob.room_send(room, "m.room.message", _text("who are you?"))

        verification = await _compared(alice, bob, js_begins)
        await asyncio.gather(alice.call("confirmEmoji"), verification.confirm())
        assert await alice.call("isVerifiedDevice", user=bob.user_id, device=bob.device_id)
        assert verification.other.verified

        await alice.call("send", room=room, body="from Rust")
        heard = await sync_until(bob, text_in(room, "from Rust"))
        assert (heard.decrypted, heard.verified) == (True, True)
        event = await bob.room_send(room, "m.room.message", _text("from Python"))
        answer = await alice.call("waitForMessage", room=room, body="from Python")
        assert answer["event_id"] == good(nio.RoomSendResponse, event).event_id


@pytest.mark.parametrize("js_rejects", [True, False], ids=["js rejects", "nio rejects"])
async def test_nobody_is_verified_by_emoji_that_differ(server: Homeserver, tmp_path: Path, js_rejects: bool) -> None:
    async with _in_a_room(server, tmp_path) as (alice, bob, room):
        verification = await _compared(alice, bob, js_begins=js_rejects)
        if js_rejects:
            await alice.call("rejectEmoji")
            assert await verification.cancelled() == "m.mismatched_sas"
        else:
            await verification.reject()
        assert await alice.call("waitForCancelled") == "m.mismatched_sas"

        assert not await alice.call("isVerifiedDevice", user=bob.user_id, device=bob.device_id)
        assert not verification.other.verified
        with pytest.raises(nio.OlmUnverifiedDeviceError):
            await bob.room_send(room, "m.room.message", _text("still: who are you?"))


async def test_each_restores_what_both_said_from_the_backup(server: Homeserver, tmp_path: Path) -> None:
    """The device that made the backup is gone: nobody else could give new ones the keys."""
    said = ["from Rust", "from Python"]
    folder = tmp_path / "tablet"
    folder.mkdir()
    async with _in_a_room(server, tmp_path) as (laptop, bob, room):
        recovery_key = await laptop.call("setUpEncryption", password=PASSWORD)
        await laptop.call("send", room=room, body=said[0])
        event = await bob.room_send(room, "m.room.message", _text(said[1]), ignore_unverified_devices=True)
        good(nio.RoomSendResponse, event)
        await laptop.call("waitForMessage", room=room, body=said[1])
        await laptop.call("waitForBackup", keys=2)
        backup_key = await laptop.call("backupKey")
        await laptop.call("logout")

        async with js_device(server, laptop.user_id) as phone:
            assert await phone.call("recover", recoveryKey=recovery_key) == 2
            for body in said:
                await phone.call("waitForMessage", room=room, body=body)
        async with logged_in(server, laptop.user_id, folder) as tablet:
            assert await restore_backup(server, tablet, backup_key) == 2
            timeline = await sync_until(tablet, lambda sync: sync.rooms.join[room].timeline.events)
            assert [event.body for event in timeline if isinstance(event, nio.RoomMessageText)] == said


@asynccontextmanager
async def _in_a_room(server: Homeserver, folder: Path) -> AsyncIterator[tuple[JsDevice, nio.AsyncClient, str]]:
    """Alice with matrix-js-sdk and Bob with nio, who know each other's devices, and an encrypted room of the two."""
    alice_id, bob_id = await register(server), await register(server)
    async with js_device(server, alice_id) as alice, logged_in(server, bob_id, folder) as bob:
        good(nio.KeysUploadResponse, await bob.keys_upload())
        room = await alice.call("createEncryptedRoom", invite=[bob_id])
        good(nio.JoinResponse, await bob.join(room))
        await alice.call("waitForMember", room=room, user=bob_id)
        await alice.call("waitForDevices", user=bob_id)
        await sync_until(bob, lambda sync: sync.rooms.join.get(room))
        await known_device(bob, alice_id, alice.device_id)
        yield alice, bob, room


async def _compared(alice: JsDevice, bob: nio.AsyncClient, js_begins: bool) -> Verification:
    """A verification at which both show the same; nobody has said so yet."""
    laptop = await known_device(bob, alice.user_id, alice.device_id)
    if js_begins:
        await alice.call("askToVerifyDevice", user=bob.user_id, device=bob.device_id)
        verification = await Verification.answer(bob, laptop)
    else:
        verification, _ = await asyncio.gather(Verification.ask(bob, laptop), alice.call("acceptVerification"))
    shown = await asyncio.gather(alice.call("showEmoji", begins=js_begins), verification.show(begins=not js_begins))
    assert shown[0] == shown[1]
    assert len(shown[0]["emoji"]) == 7
    return verification


def _text(body: str) -> Json:
    return {"msgtype": "m.text", "body": body}


def _unreadable_in(room: str, event_id: str) -> Callable[[nio.SyncResponse], nio.MegolmEvent | None]:
    """Finds an event that nio has no key for."""

    def shown(sync: nio.SyncResponse) -> nio.MegolmEvent | None:
        events = sync.rooms.join[room].timeline.events if room in sync.rooms.join else []
        return next((each for each in events if isinstance(each, nio.MegolmEvent) and each.event_id == event_id), None)

    return shown

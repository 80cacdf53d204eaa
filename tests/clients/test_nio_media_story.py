"""Pictures with matrix-nio: one has an avatar and sends a photograph, the other looks at both."""

from __future__ import annotations

import io
from pathlib import Path
from urllib.parse import urlsplit

import nio
from nio.crypto.attachments import decrypt_attachment
from PIL import Image

from hs_core.testing.homeserver import Homeserver
from tests.clients.nio_client import good, logged_in, needs, register, sync_until
from tests.layouts import to_the_extreme

pytestmark = [needs("media", "profile"), to_the_extreme]


def _picture(width: int, height: int) -> bytes:
    written = io.BytesIO()
    Image.new("RGB", (width, height), (0, 120, 90)).save(written, "JPEG")
    return written.getvalue()


async def _upload(client: nio.AsyncClient, body: bytes, name: str) -> str:
    answer, _ = await client.upload(lambda *_: body, "image/jpeg", name, filesize=len(body))
    return str(good(nio.UploadResponse, answer).content_uri)


async def _thumbnail(client: nio.AsyncClient, uri: str, side: int) -> tuple[int, int]:
    parts = urlsplit(uri)
    answer = await client.thumbnail(parts.netloc, parts.path[1:], side, side, nio.ResizingMethod.crop)
    return Image.open(io.BytesIO(good(nio.ThumbnailResponse, answer).body)).size


async def test_an_avatar_and_a_photograph_are_seen_by_the_other(server: Homeserver, tmp_path: Path) -> None:
    alice_id, bob_id = await register(server), await register(server)
    async with logged_in(server, alice_id) as alice, logged_in(server, bob_id) as bob:
        room = good(nio.RoomCreateResponse, await alice.room_create(invite=[bob_id])).room_id
        good(nio.JoinResponse, await bob.join(room))
        avatar = await _upload(alice, _picture(300, 300), "me.jpg")
        good(nio.ProfileSetAvatarResponse, await alice.set_avatar(avatar))
        await sync_until(bob, lambda _: (room in bob.rooms and bob.rooms[room].avatar_url(alice_id) == avatar) or None)
        assert await _thumbnail(bob, avatar, 96) == (96, 96)

        photograph = _picture(1200, 900)
        uri = await _upload(alice, photograph, "Am See.jpg")
        content = {"msgtype": "m.image", "body": "Am See.jpg", "url": uri}
        good(nio.RoomSendResponse, await alice.room_send(room, "m.room.message", content))

        def image(sync: nio.SyncResponse) -> nio.RoomMessageImage | None:
            events = sync.rooms.join[room].timeline.events if room in sync.rooms.join else []
            return next((each for each in events if isinstance(each, nio.RoomMessageImage)), None)

        seen = await sync_until(bob, image)
        answer = good(nio.MemoryDownloadResponse, await bob.download(seen.url))
        assert (answer.body, answer.content_type, answer.filename) == (photograph, "image/jpeg", "Am See.jpg")
        saved = good(nio.DiskDownloadResponse, await bob.download(seen.url, save_to=tmp_path))
        assert saved.body.read_bytes() == photograph
        assert await _thumbnail(bob, uri, 32) == (32, 32)


async def test_an_encrypted_file_is_nothing_to_the_server(server: Homeserver) -> None:
    alice_id = await register(server)
    async with logged_in(server, alice_id) as alice:
        secret = b"only for whoever has the key" * 1000
        answer, keys = await alice.upload(lambda *_: secret, "text/plain", encrypt=True, filesize=len(secret))
        assert keys is not None
        uri = good(nio.UploadResponse, answer).content_uri
        stored = good(nio.MemoryDownloadResponse, await alice.download(uri)).body
        assert stored != secret
        key, digest = keys["key"]["k"], keys["hashes"]["sha256"]
        assert decrypt_attachment(stored, key, digest, keys["iv"]) == secret
        parts = urlsplit(uri)
        refused = await alice.thumbnail(parts.netloc, parts.path[1:], 32, 32)
        assert good(nio.ThumbnailError, refused).transport_response.status == 400

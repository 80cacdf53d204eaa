"""Thumbnails of real images, and of what only says that it is one."""

from __future__ import annotations

import asyncio
import zlib
from pathlib import Path

import pytest
from PIL import Image

from hs_core.db import Transaction
from hs_core.testing.client import Client
from hs_plugins.media import store
from hs_plugins.media.sizes import Wanted
from hs_plugins.media.values import Thumbnail
from tests.layouts import to_the_extreme
from tests.plugins.media.files import encoded, moving, picture, served, shown, thumbnail, upload


@to_the_extreme
async def test_a_scaled_thumbnail_shows_all_and_is_large_enough(client: Client) -> None:
    alice = await client.register()
    file = await upload(alice, picture(1000, 500), filename="large.png")
    answer = await thumbnail(alice, file, 300, 200, "scale")
    assert shown(answer).size == (480, 240)
    assert answer.headers["Content-Type"] == "image/png"
    assert answer.headers["Content-Disposition"] == 'inline; filename="thumbnail.png"'
    assert shown(await thumbnail(alice, file, 300, 200)).size == (480, 240)
    assert shown(await thumbnail(alice, file, 500, 400)).size == (960, 480)


@to_the_extreme
async def test_a_cropped_thumbnail_has_the_shape_that_was_asked_for(client: Client) -> None:
    alice = await client.register()
    image = Image.new("RGB", (900, 300), (255, 0, 0))
    image.paste((0, 0, 255), (300, 0, 600, 300))
    file = await upload(alice, encoded(image, "PNG"))
    for asked, size in {(32, 32): (32, 32), (48, 48): (96, 96), (80, 40): (80, 40)}.items():
        assert shown(await thumbnail(alice, file, *asked, "crop")).size == size
    square = shown(await thumbnail(alice, file, 96, 96, "crop"))
    assert square.getpixel((5, 48)) == square.getpixel((90, 48)) == (0, 0, 255)


@to_the_extreme
async def test_many_who_ask_at_once_get_the_same(client: Client) -> None:
    alice = await client.register()
    file = await upload(alice, picture(400, 400))
    answers = await asyncio.gather(*(thumbnail(alice, file, 96, 96, "crop") for _ in range(10)))
    assert {shown(answer).size for answer in answers} == {(96, 96)}
    assert len({answer.body for answer in answers}) == 1


@to_the_extreme
async def test_a_small_image_is_its_own_thumbnail(client: Client) -> None:
    alice = await client.register()
    body = picture(20, 10)
    file = await upload(alice, body, "application/octet-stream")
    for method in ("crop", "scale"):
        answer = await thumbnail(alice, file, 32, 32, method)
        assert answer.body == body
        assert answer.headers["Content-Type"] == "image/png"
        assert answer.headers["Content-Disposition"] == 'inline; filename="thumbnail.png"'
    assert (await thumbnail(alice, file, 5000, 4000, "crop")).body == body


@to_the_extreme
async def test_what_moves_stands_still_unless_asked_otherwise(client: Client) -> None:
    alice = await client.register()
    for kind in ("GIF", "WEBP", "PNG"):
        file = await upload(alice, moving(800, 600, kind), f"image/{kind.lower()}")
        still = shown(await thumbnail(alice, file, 320, 240))
        assert not getattr(still, "is_animated", False)
        assert still.size == (320, 240)
        answer = await thumbnail(alice, file, 320, 240, animated="true")
        assert answer.headers["Content-Type"] == "image/webp"
        assert getattr(shown(answer), "n_frames", 1) == 3

        small = moving(30, 30, kind)
        file = await upload(alice, small, f"image/{kind.lower()}")
        assert (await thumbnail(alice, file, 320, 240, animated="true")).body == small
        still = shown(await thumbnail(alice, file, 320, 240, animated="false"))
        assert not getattr(still, "is_animated", False)
        assert still.size == (30, 30)


@to_the_extreme
async def test_what_cannot_move_stands_still_although_asked_otherwise(client: Client) -> None:
    alice = await client.register()
    file = await upload(alice, picture(400, 400, "JPEG"))
    answer = await thumbnail(alice, file, 32, 32, "crop", animated="true")
    assert (shown(answer).format, shown(answer).size) == ("JPEG", (32, 32))


@to_the_extreme
async def test_a_photograph_stands_upright(client: Client) -> None:
    """A telephone that is held sideways says so in the EXIF data."""
    alice = await client.register()
    image = Image.new("RGB", (800, 400), (255, 0, 0))
    image.paste((0, 0, 255), (0, 0, 400, 400))  # what is left as stored is on top
    exif = Image.Exif()
    exif[0x0112] = 6
    file = await upload(alice, encoded(image, "JPEG", exif=exif.tobytes(), quality=95), "image/jpeg")
    answer = await thumbnail(alice, file, 240, 200)
    made = shown(answer)
    assert made.size == (320, 640)
    top, bottom = made.getpixel((160, 100)), made.getpixel((160, 540))
    assert isinstance(top, tuple)
    assert isinstance(bottom, tuple)
    assert top[2] - top[0] > 150
    assert bottom[0] - bottom[2] > 150
    assert answer.headers["Content-Type"] == "image/jpeg"
    assert not made.getexif()


@to_the_extreme
@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGBA", "I;16", "CMYK"])
async def test_images_of_every_mode_have_thumbnails(client: Client, mode: str) -> None:
    alice = await client.register()
    kind = "JPEG" if mode == "CMYK" else "PNG"
    file = await upload(alice, encoded(Image.new(mode, (400, 400)), kind))
    assert shown(await thumbnail(alice, file, 96, 96, "crop")).size == (96, 96)


@to_the_extreme
async def test_what_shines_through_still_does(client: Client) -> None:
    alice = await client.register()
    file = await upload(alice, picture(400, 400, "WEBP", (0, 255, 0, 128)))
    made = shown(await thumbnail(alice, file, 96, 96, "crop"))
    assert (made.format, made.mode) == ("PNG", "RGBA")
    pixel = made.getpixel((50, 50))
    assert isinstance(pixel, tuple)
    assert pixel[3] == 128


@to_the_extreme
@pytest.mark.parametrize(
    ("body", "errcode"),
    [
        (b"not an image", "M_UNKNOWN"),
        (b"", "M_UNKNOWN"),
        (picture(400, 400)[:200], "M_UNKNOWN"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "M_UNKNOWN"),
        (picture(400, 400, "TIFF"), "M_UNKNOWN"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "M_UNKNOWN"),
    ],
    ids=["text", "nothing", "half an image", "SVG", "TIFF", "PostScript"],
)
async def test_what_is_no_image_has_no_thumbnail(client: Client, body: bytes, errcode: str) -> None:
    alice = await client.register()
    file = await upload(alice, body, "image/png")
    for _ in range(2):
        answer = await thumbnail(alice, file, 32, 32)
        assert (answer.status, answer.errcode) == (400, errcode)


@to_the_extreme
@pytest.mark.parametrize(
    "query",
    [
        {"height": "32"}, {"width": "32"}, {"width": "-1", "height": "32"}, {"width": "0", "height": "32"},
        {"width": "1.5", "height": "32"}, {"width": "32", "height": "32", "method": "stretch"},
        {"width": "32", "height": "32", "animated": "maybe"},
    ],
)  # fmt: skip
async def test_a_wish_that_makes_no_sense_is_refused(client: Client, query: dict[str, str]) -> None:
    alice = await client.register()
    file = await upload(alice, picture(50, 50))
    answer = await alice.answer("GET", f"/_matrix/client/v1/media/thumbnail{file}", params=query)
    assert (answer.status, answer.errcode) in {(400, "M_INVALID_PARAM"), (400, "M_MISSING_PARAM")}


def bomb(width: int, height: int, rows: int | None = None) -> bytes:
    """A PNG of so many pixels that one can see through, of next to no bytes; with `rows` it ends before its end."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return len(data).to_bytes(4) + kind + data + zlib.crc32(kind + data).to_bytes(4)

    header = width.to_bytes(4) + height.to_bytes(4) + bytes([1, 3, 0, 0, 0])
    compressor = zlib.compressobj(1)
    row = b"\0" + b"\xff" * (width // 8)
    data = b"".join(compressor.compress(row) for _ in range(rows or height)) + compressor.flush()
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        [
            chunk(b"IHDR", header),
            chunk(b"PLTE", bytes(6)),
            chunk(b"tRNS", bytes(2)),
            chunk(b"IDAT", data),
            chunk(b"IEND", b""),
        ]
    )


@to_the_extreme
async def test_an_image_that_is_too_large_is_not_looked_at(client: Client) -> None:
    alice = await client.register()
    file = await upload(alice, bomb(32_000, 32_000, rows=10))
    for _ in range(2):
        answer = await thumbnail(alice, file, 32, 32, "crop")
        assert (answer.status, answer.errcode) == (413, "M_TOO_LARGE")


async def test_a_decoder_has_only_so_much_memory(tmp_path: Path) -> None:
    """Although the configuration would let the image in."""
    async with served(tmp_path, max_image_pixels=500_000_000) as (_, client):
        alice = await client.register()
        file = await upload(alice, bomb(32_000, 15_000))
        answer = await thumbnail(alice, file, 32, 32, "crop")
        assert (answer.status, answer.errcode) == (413, "M_TOO_LARGE")
        assert shown(await thumbnail(alice, await upload(alice, picture(90, 90)), 32, 32)).size == (90, 90)


async def test_what_has_too_many_frames_stands_still(tmp_path: Path) -> None:
    async with served(tmp_path) as (_, client):
        alice = await client.register()
        for frames, n_frames in ((301, 1), (20, 20)):
            file = await upload(alice, moving(40, 40, frames=frames), "image/gif")
            made = shown(await thumbnail(alice, file, 32, 32, "crop", animated="true"))
            assert (made.size, getattr(made, "n_frames", 1)) == ((32, 32), n_frames)


async def test_of_one_file_there_are_only_so_many_thumbnails(tmp_path: Path) -> None:
    async with served(tmp_path) as (server, client):
        alice = await client.register()
        file = await upload(alice, picture(400, 400))
        db = server.core.db
        media = await db.read(lambda tx: store.one(tx, file.rpartition("/")[2]))
        assert media is not None
        of_file, old = media.file_id or "", Thumbnail(None, "image/png", None)

        def made_before(tx: Transaction) -> None:
            for width in range(100, 140):
                store.add_thumbnail(tx, of_file, Wanted(width, 64, "crop"), old, now=width)

        await db.write(made_before)
        for width in (50, 51):
            assert shown(await thumbnail(alice, file, width, 64, "crop")).size == (width, 64)
        widths = await db.read(lambda tx: tx.all("SELECT width FROM media_thumbnails ORDER BY made_ts"))
        assert [width for (width,) in widths] == [*range(102, 140), 50, 51]

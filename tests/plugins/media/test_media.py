"""Upload and download, as clients see it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from urllib.parse import unquote

import aiohttp
import pytest

from hs_core.testing.client import Client
from hs_core.testing.homeserver import Homeserver
from hs_core.testing.http import Caller
from tests.layouts import to_the_extreme
from tests.plugins.media.files import CREATE, LEGACY, MEDIA, UPLOAD, create, download, picture, thumbnail, upload

pytestmark = to_the_extreme

NOBODY = "/hs.test/nothing"
PDF = b"%PDF-1.7 and so on"


async def test_a_file_comes_back_as_it_went(client: Client) -> None:
    alice, bob = await client.register(), await client.register()
    file = await upload(alice, PDF, "application/pdf; version=1.7", "War and Peace.pdf")
    assert file.startswith("/hs.test/")
    answer = await download(bob, file)
    assert (answer.status, answer.body) == (200, PDF)
    assert answer.headers["Content-Type"] == "application/pdf; version=1.7"
    assert answer.headers["Content-Disposition"] == 'attachment; filename="War and Peace.pdf"'
    assert answer.headers["Content-Length"] == str(len(PDF))


async def test_who_downloads_may_give_it_another_name(client: Client) -> None:
    alice = await client.register()
    file = await upload(alice, PDF, "text/plain", "a.txt")
    answer = await download(alice, file, "Krieg/Frieden ☮.txt")
    assert answer.headers["Content-Disposition"] == "inline; filename*=utf-8''Krieg%2FFrieden%20%E2%98%AE.txt"
    assert answer.body == PDF
    unchanged = await download(alice, file, "")
    assert unchanged.headers["Content-Disposition"] == 'inline; filename="a.txt"'


async def test_without_a_name_and_type_there_is_none(client: Client) -> None:
    alice = await client.register()
    file = await upload(alice, b"", None)
    answer = await download(alice, file)
    assert (answer.status, answer.body) == (200, b"")
    assert answer.headers["Content-Type"] == "application/octet-stream"
    assert answer.headers["Content-Disposition"] == "attachment"


async def test_browsers_are_told_to_be_careful(client: Client) -> None:
    alice = await client.register()
    file = await upload(alice, picture(50, 50))
    for answer in (await download(alice, file), await thumbnail(alice, file, 32, 32)):
        assert answer.headers["Content-Security-Policy"] == (
            "sandbox; default-src 'none'; script-src 'none'; plugin-types application/pdf; "
            "style-src 'unsafe-inline'; object-src 'self';"
        )
        assert answer.headers["Cross-Origin-Resource-Policy"] == "cross-origin"
        assert answer.headers["Access-Control-Allow-Origin"] == "*"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"


async def test_large_files_go_through_in_parts(client: Client) -> None:
    alice = await client.register()
    body = bytes(range(256)) * 20_000
    assert (await download(alice, await upload(alice, body))).body == body


async def test_clients_are_told_how_much_they_may_upload(client: Client) -> None:
    alice = await client.register()
    for base in (MEDIA, LEGACY):
        assert await alice.request("GET", base + "/config") == {"m.upload.size": 50 << 20}
    assert await client.error("GET", MEDIA + "/config") == (401, "M_MISSING_TOKEN")


async def test_a_part_of_a_file_can_be_had(client: Client, server: Homeserver) -> None:
    alice = await client.register()
    user = Caller(alice.session, alice.base_urls, alice.access_token)  # the specification knows no parts
    url = f"{MEDIA}/download" + await upload(alice, b"0123456789")
    part = await user.answer("GET", url, headers={"Range": "bytes=2-4"})
    assert (part.status, part.body) == (206, b"234")
    assert part.headers["Content-Range"] == "bytes 2-4/10"
    assert part.headers["Content-Length"] == "3"
    beyond = await user.answer("GET", url, headers={"Range": "bytes=10-"})
    assert (beyond.status, beyond.headers["Content-Range"]) == (416, "bytes */10")
    other = await user.answer("GET", url, headers={"Range": "bytes=2-4", "If-Range": '"another"'})
    assert (other.status, other.body) == (200, b"0123456789")


async def test_what_a_client_has_it_is_not_sent_again(client: Client) -> None:
    alice = await client.register()
    user = Caller(alice.session, alice.base_urls, alice.access_token)
    url = f"{MEDIA}/download" + await upload(alice, b"once")
    first = await user.answer("GET", url)
    assert first.headers["Cache-Control"].startswith("private, ")
    again = await user.answer("GET", url, headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status, again.body) == (304, b"")
    head = await user.answer("HEAD", url)
    assert (head.status, head.headers["Content-Length"], head.body) == (200, "4", b"")


@pytest.mark.parametrize(
    "file", [NOBODY, "/elsewhere.test/abc", "/hs.test/..%2F..%2Fetc", "/hs.test/a.b", "/%20/abc", "/127.0.0.1/.."]
)
async def test_what_is_not_there_is_not_found(client: Client, file: str) -> None:
    alice = await client.register()
    for answer in (await download(alice, file), await thumbnail(alice, file, 32, 32)):
        assert (answer.status, answer.errcode) == (404, "M_NOT_FOUND")


async def test_nobody_reads_or_writes_without_a_token(client: Client) -> None:
    alice = await client.register()
    file = await upload(alice, PDF)
    for method, path in [("GET", f"{MEDIA}/download{file}"), ("POST", UPLOAD), ("POST", CREATE)]:
        assert await client.error(method, path) == (401, "M_MISSING_TOKEN")


async def test_the_old_endpoints_are_frozen(client: Client) -> None:
    alice = await client.register()
    file = await upload(alice, picture(50, 50))
    thumb = f"{LEGACY}/thumbnail{file}?width=32&height=32"
    for path in (f"{LEGACY}/download{file}", f"{LEGACY}/download{file}/name", thumb):
        assert await client.error("GET", path) == (404, "M_NOT_FOUND")


async def test_guests_look_at_files_and_upload_none(client: Client) -> None:
    alice, guest = await client.register(), await client.register_guest()
    file = await upload(alice, picture(50, 50))
    assert (await download(guest, file)).status == 200
    assert (await thumbnail(guest, file, 32, 32)).status == 200
    assert await guest.error("POST", UPLOAD, data=b"x") == (403, "M_GUEST_ACCESS_FORBIDDEN")


async def test_a_name_has_an_end(client: Client) -> None:
    alice = await client.register()
    longest = "☮" * 341 + "x"
    file = await upload(alice, b"x", filename=longest)
    assert unquote((await download(alice, file)).headers["Content-Disposition"]).endswith(longest)
    assert await alice.error("POST", UPLOAD, data=b"x", params={"filename": longest + "x"}) == (400, "M_INVALID_PARAM")
    assert (await download(alice, file, longest + "x")).errcode == "M_INVALID_PARAM"


async def test_what_is_said_to_be_too_large_is_not_sent(client: Client) -> None:
    alice = await client.register()

    async def never() -> AsyncIterator[bytes]:
        yield b"the first bytes"
        await asyncio.Event().wait()

    headers = {"Authorization": f"Bearer {alice.access_token}", "Content-Length": str((50 << 20) + 1)}
    url = alice.base_urls[0] + UPLOAD
    async with (
        asyncio.timeout(20),
        aiohttp.ClientSession() as session,
        session.post(url, data=never(), headers=headers) as answer,
    ):
        assert answer.status == 413
        assert (await answer.json())["errcode"] == "M_TOO_LARGE"


# Asynchronous uploads


async def test_a_uri_can_be_shared_before_the_upload(client: Client) -> None:
    alice, bob = await client.register(), await client.register()
    file = await create(alice)
    assert (await download(bob, file, params={"timeout_ms": "0"})).errcode == "M_NOT_YET_UPLOADED"
    waiting = [asyncio.create_task(download(bob, file)) for _ in range(3)]
    waiting.append(asyncio.create_task(thumbnail(bob, file, 32, 32)))
    body = picture(20, 20)
    done = await alice.request("PUT", UPLOAD + file, data=body, headers={"Content-Type": "image/png"})
    assert done == {}
    async with asyncio.timeout(15):
        for answer in await asyncio.gather(*waiting):
            assert (answer.status, answer.body) == (200, body)


async def test_nobody_waits_for_longer_than_they_said(client: Client) -> None:
    alice = await client.register()
    answer = await download(alice, await create(alice), params={"timeout_ms": "50"})
    assert (answer.status, answer.errcode) == (504, "M_NOT_YET_UPLOADED")
    answer = await download(alice, await create(alice), params={"timeout_ms": "-1"})
    assert (answer.status, answer.errcode) == (400, "M_INVALID_PARAM")


async def test_a_uri_is_filled_once_and_by_who_made_it(client: Client) -> None:
    alice, bob = await client.register(), await client.register()
    file = await create(alice)
    assert await bob.error("PUT", UPLOAD + file, data=b"mine") == (403, "M_FORBIDDEN")
    await alice.request("PUT", UPLOAD + file, data=b"first")
    assert await alice.error("PUT", UPLOAD + file, data=b"second") == (409, "M_CANNOT_OVERWRITE_MEDIA")
    assert (await download(bob, file)).body == b"first"
    whole = await upload(alice, b"at once")
    assert await alice.error("PUT", UPLOAD + whole, data=b"again") == (409, "M_CANNOT_OVERWRITE_MEDIA")


async def test_of_two_uploads_to_one_uri_one_counts(client: Client) -> None:
    alice = await client.register()
    file = await create(alice)
    bodies = [bytes([65 + index]) * 300_000 for index in range(4)]
    answers = await asyncio.gather(*(alice.answer("PUT", UPLOAD + file, data=body) for body in bodies))
    won = [body for body, answer in zip(bodies, answers, strict=True) if answer.status == 200]
    assert len(won) == 1
    assert {answer.errcode for answer in answers if answer.status != 200} == {"M_CANNOT_OVERWRITE_MEDIA"}
    assert (await download(alice, file)).body == won[0]


async def test_one_uploads_only_to_uris_of_ones_own_server(client: Client) -> None:
    alice = await client.register()
    file = await create(alice)
    for other in (NOBODY, file.replace("hs.test", "elsewhere.test"), "/hs.test/a.b"):
        assert await alice.error("PUT", UPLOAD + other, data=b"x") == (404, "M_NOT_FOUND")

"""What administrators do about files."""

from __future__ import annotations

import asyncio
from pathlib import Path

from hs_core.testing.client import Client, User
from hs_core.testing.clock import TestClock
from hs_core.testing.http import Json, path
from tests.layouts import to_the_extreme
from tests.plugins.media.files import download, picture, served, thumbnail, upload
from tests.plugins.media.test_limits import files_in

ADMIN = "/_synapse/admin/v1"


def media_of(user: User) -> str:
    return ADMIN + "/users" + path(user.user_id) + "/media"


@to_the_extreme
async def test_nobody_gets_what_is_in_quarantine_and_it_can_be_released(client: Client) -> None:
    admin, alice = await client.register(admin=True), await client.register()
    file, other = await upload(alice, picture(50, 50)), await upload(alice, picture(60, 60))
    assert await admin.request("POST", f"{ADMIN}/media/quarantine{file}", json={}) == {}
    for answer in (await download(alice, file), await thumbnail(admin, file, 32, 32)):
        assert (answer.status, answer.errcode) == (404, "M_NOT_FOUND")
    assert (await download(alice, other)).status == 200
    assert await admin.request("POST", f"{ADMIN}/media/unquarantine{file}", json={}) == {}
    assert (await download(alice, file)).body == picture(50, 50)


@to_the_extreme
async def test_all_files_of_a_user_are_put_into_quarantine(client: Client) -> None:
    admin, alice, bob = await client.register(admin=True), await client.register(), await client.register()
    files = [await upload(alice, b"spam") for _ in range(3)]
    innocent = await upload(bob, b"ham")
    where = ADMIN + "/user" + path(alice.user_id) + "/media/quarantine"
    assert await admin.request("POST", where, json={}) == {"num_quarantined": 3}
    assert await admin.request("POST", where, json={}) == {"num_quarantined": 0}
    assert {(await download(bob, file)).status for file in files} == {404}
    assert (await download(bob, innocent)).status == 200
    listed = (await admin.request("GET", media_of(alice)))["media"]
    assert {each["quarantined_by"] for each in listed} == {admin.user_id}


@to_the_extreme
async def test_what_a_user_has_uploaded_is_listed_the_newest_first(client: Client) -> None:
    admin, alice = await client.register(admin=True), await client.register()
    files = [await upload(alice, b"x" * size, "text/plain", f"{size}.txt") for size in range(1, 6)]
    found: list[Json] = []
    more: int | None = 0
    while more is not None:
        page = await admin.request("GET", media_of(alice), params={"limit": "2", "from": str(more)})
        assert page["total"] == 5
        found += page["media"]
        more = page.get("next_token")
    assert [each["media_id"] for each in found] == [file.rpartition("/")[2] for file in reversed(files)]
    assert (found[0]["media_length"], found[0]["media_type"], found[0]["upload_name"]) == (5, "text/plain", "5.txt")


@to_the_extreme
async def test_files_are_deleted_one_or_many(client: Client) -> None:
    admin, alice = await client.register(admin=True), await client.register()
    files = [await upload(alice, b"x") for _ in range(4)]
    ids = [file.rpartition("/")[2] for file in files]
    assert await admin.request("DELETE", f"{ADMIN}/media{files[3]}") == {"deleted_media": [ids[3]], "total": 1}
    assert await admin.error("DELETE", f"{ADMIN}/media{files[3]}") == (404, "M_NOT_FOUND")
    answer = await admin.request("DELETE", media_of(alice), params={"limit": "2"})
    assert answer == {"deleted_media": ids[:2], "total": 2}
    assert [(await download(alice, file)).status for file in files] == [404, 404, 200, 404]
    assert (await admin.request("GET", media_of(alice)))["total"] == 1


@to_the_extreme
async def test_only_administrators_do_so_and_only_here(client: Client) -> None:
    admin, alice = await client.register(admin=True), await client.register()
    file = await upload(alice, b"x")
    for method, where in {
        "GET": media_of(alice),
        "DELETE": f"{ADMIN}/media{file}",
        "POST": f"{ADMIN}/media/quarantine{file}",
    }.items():
        assert await alice.error(method, where) == (403, "M_FORBIDDEN")
    for where in ("/elsewhere.test/abc", "/hs.test/nothing"):
        assert await admin.error("POST", f"{ADMIN}/media/quarantine{where}") == (404, "M_NOT_FOUND")
        assert await admin.error("DELETE", f"{ADMIN}/media{where}") == (404, "M_NOT_FOUND")


async def test_a_deleted_file_is_removed_with_its_thumbnails_and_counts_no_more(tmp_path: Path) -> None:
    clock = TestClock()
    async with served(tmp_path, clock, quota="5K") as (_, client):
        admin, alice = await client.register(admin=True), await client.register()
        body = picture(400, 400, "BMP")[:4000]
        file = await upload(alice, body)
        image = await upload(alice, picture(200, 200))
        assert (await thumbnail(alice, image, 96, 96, "crop")).status == 200
        assert len(files_in(tmp_path)) == 3
        for each in (file, image):
            await admin.request("DELETE", f"{ADMIN}/media{each}")
        while files_in(tmp_path):
            await clock.advance(600)
            await asyncio.sleep(0.01)
        await upload(alice, body)

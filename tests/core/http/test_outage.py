"""While the database says nothing, everybody is answered, and what was begun is finished."""

import asyncio

import pytest

from tests.core.http.toys import Toy


async def test_who_waits_is_told_to_come_again_and_a_write_goes_on(toy: Toy) -> None:
    write = asyncio.ensure_future(_ask(toy, "POST", "/wait"))
    await toy.role.waiting.wait()

    toy.site.outage.begin()

    assert await write == (503, "5")
    toy.role.news.set()
    assert await toy.role.ended.get() == "answered"
    toy.site.outage.end()
    assert await _ask(toy, "POST", "/wait") == (200, None), "on the same connection"


async def test_who_waits_for_news_is_told_so_too_and_the_wait_ends(toy: Toy) -> None:
    poll = asyncio.ensure_future(_ask(toy, "GET", "/wait"))
    await toy.role.waiting.wait()

    toy.site.outage.begin()

    assert await poll == (503, "5")
    assert await toy.role.ended.get() == "cancelled"


@pytest.mark.parametrize("method", ["POST", "GET"])
async def test_what_is_done_in_the_same_moment_is_answered_once(toy: Toy, method: str) -> None:
    for turns in range(8):  # of the event loop, in which the handler comes to its end
        toy.role.waiting.clear()
        toy.role.news.clear()
        asked = asyncio.ensure_future(_ask(toy, method, "/wait"))
        await toy.role.waiting.wait()

        toy.role.news.set()
        for _ in range(turns):
            await asyncio.sleep(0)
        toy.site.outage.begin()

        assert await asked in {(200, None), (503, "5")}
        toy.site.outage.end()


async def test_nothing_is_begun_until_it_ends(toy: Toy) -> None:
    toy.site.outage.begin()

    assert await _ask(toy, "POST", "/wait") == (503, "5")
    assert await _ask(toy, "GET", "/who") == (503, "5")
    assert await _ask(toy, "GET", "/health/live") == (200, None)
    assert await _ask(toy, "GET", "/nowhere") == (404, None)
    assert not toy.role.waiting.is_set()
    assert toy.tokens.asked == 0


async def test_who_has_gone_is_not_answered(toy: Toy) -> None:
    _, writer = await toy.connect()
    writer.write(b"POST /wait HTTP/1.1\r\nHost: toy\r\nContent-Length: 0\r\n\r\n")
    await toy.role.waiting.wait()
    writer.transport.abort()
    toy.role.news.set()
    assert await toy.role.ended.get() == "answered"

    toy.site.outage.begin()
    toy.site.outage.end()

    assert await _ask(toy, "GET", "/versions") == (200, None)


async def _ask(toy: Toy, method: str, path: str) -> tuple[int, str | None]:
    async with toy.http.request(method, toy.url + path) as response:
        await response.read()
        return response.status, response.headers.get("Retry-After")

"""What a client says, over a real socket: paths, queries, bodies."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from yarl import URL

from hs_core.errors import MatrixError
from hs_core.http import protocol
from hs_core.http import request as request_module
from hs_core.http.listen import Listener
from hs_core.http.request import Request
from hs_core.matrix.errors import ProtocolError
from tests.core.http.toys import Greeting, Toy, running


async def answer(toy: Toy, path: str) -> tuple[int, Any]:
    async with toy.http.get(URL(toy.url + path, encoded=True)) as response:
        return response.status, await response.json()


async def posted(toy: Toy, path: str, data: Any) -> tuple[int, Any]:
    async with toy.post(path, data=data) as response:
        return response.status, await response.json()


async def test_an_encoded_slash_stays_within_its_segment(toy: Toy) -> None:
    assert await answer(toy, "/v3/alias/%23a%2Fb:example.org") == (200, {"alias": "#a/b:example.org"})
    assert await answer(toy, "/r0/alias/%C3%A9%25") == (200, {"alias": "é%"})


async def test_a_trailing_slash_is_an_empty_segment_where_one_may_be(toy: Toy) -> None:
    assert await answer(toy, "/v3/state/m.room.name/") == (200, {"type": "m.room.name", "key": ""})
    assert (await answer(toy, "/v3/state/m.room.name"))[0] == 404
    assert (await answer(toy, "/versions/"))[0] == 404


async def test_an_unknown_path_is_404_and_another_method_405(toy: Toy) -> None:
    status, body = await answer(toy, "/nowhere")
    assert (status, body["errcode"]) == (404, "M_UNRECOGNIZED")
    async with toy.post("/versions") as response:
        assert response.status == 405
        assert response.headers["Allow"] == "GET"
        assert (await response.json())["errcode"] == "M_UNRECOGNIZED"


@pytest.mark.parametrize("path", ["/v3/alias/%ff", "/v3/alias/a%00b", "/query?text=%ff", "/query?text=%00"])
async def test_what_is_no_text_is_400(toy: Toy, path: str) -> None:
    status, body = await answer(toy, path)
    assert (status, body["errcode"]) == (400, "M_INVALID_PARAM")


async def test_a_malformed_identifier_is_400(toy: Toy) -> None:
    assert (await answer(toy, "/v3/rooms/%21a:example.org"))[0] == 200
    assert (await answer(toy, "/v3/rooms/nonsense"))[0] == 400


async def test_query_parameters_are_typed_and_bounded(toy: Toy) -> None:
    status, body = await answer(toy, "/query?limit=1000&full=true&via=a&via=b&text=x+y%26")
    assert status == 200
    assert body == {"limit": 100, "full": True, "text": "x y&", "via": ["a", "b"], "ip": "127.0.0.1"}
    assert (await answer(toy, "/query"))[1]["limit"] == 10


@pytest.mark.parametrize(
    "query", ["limit=0", "limit=", "limit=1.5", "limit=%D9%A1", "limit=" + "9" * 5000, "limit=--1", "full=yes"]
)
async def test_a_query_parameter_of_the_wrong_kind_is_400(toy: Toy, query: str) -> None:
    status, body = await answer(toy, "/query?" + query)
    assert (status, body["errcode"]) == (400, "M_INVALID_PARAM")


async def test_only_a_proxy_may_say_who_the_client_is(toy: Toy) -> None:
    forged = {"X-Forwarded-For": "10.0.0.1, 192.0.2.7"}
    async with toy.get("/query", headers=forged) as response:
        assert (await response.json())["ip"] == "127.0.0.1"
    async with running(listener=Listener(port=0, proxied=True)) as behind, behind.get("/query", headers=forged) as told:
        assert (await told.json())["ip"] == "192.0.2.7"


async def test_a_typed_body_is_read(toy: Toy) -> None:
    assert await posted(toy, "/greet", b'{"name":"Bob","times":2,"unknown":[]}') == (200, {"text": "Bob 2"})


@pytest.mark.parametrize(
    ("body", "errcode"),
    [
        (b"", "M_NOT_JSON"),
        (b"{", "M_NOT_JSON"),
        (b'{"name":"\xff"}', "M_NOT_JSON"),
        (b'{"name":"\\ud800"}', "M_BAD_JSON"),
        (b"[" * 100_000, "M_BAD_JSON"),
        (b'{"x":' + b"[" * 5000 + b"]" * 5000 + b"}", "M_BAD_JSON"),
        (b"[]", "M_BAD_JSON"),
        (b'{"name":7}', "M_BAD_JSON"),
        (b'{"name":null}', "M_BAD_JSON"),
        (b"{}", "M_MISSING_PARAM"),
        (b'{"name":"Bob","mood":"wonderful"}', "M_INVALID_PARAM"),
    ],
)
async def test_a_body_that_does_not_fit_is_400_and_says_why(toy: Toy, body: bytes, errcode: str) -> None:
    status, refusal = await posted(toy, "/greet", body)
    assert (status, refusal["errcode"]) == (400, errcode)


@settings(max_examples=100, deadline=None)
@given(
    st.one_of(st.binary(), st.text().map(str.encode), st.binary().map(lambda b: b'{"name":"' + b + b'","times":1e9}'))
)
async def test_any_bytes_are_a_body_or_are_refused(body: bytes) -> None:
    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body}

    for canonical in (True, False):
        request = Request(
            {"type": "http", "method": "POST", "headers": []},
            receive,
            params={},
            plugin="toy",
            request_id="1",
            max_body=10_000,
            proxied=False,
            draining=asyncio.Event(),
            header_map={},
        )
        with suppress(MatrixError, ProtocolError):
            assert isinstance(await request.json(Greeting), Greeting)
        with suppress(MatrixError, ProtocolError):
            assert isinstance(await request.json_object(canonical=canonical), dict)


async def test_no_body_counts_as_an_empty_object_where_the_route_says_so(toy: Toy) -> None:
    status, refusal = await posted(toy, "/greet?lenient=true", b"")
    assert (status, refusal["errcode"]) == (400, "M_MISSING_PARAM")


@pytest.mark.parametrize(
    ("body", "errcode"),
    [
        (b'{"a":1.5}', "M_BAD_JSON"),
        (b'{"a":9007199254740992}', "M_BAD_JSON"),
        (b"[1]", "M_BAD_JSON"),
        (b"nope", "M_NOT_JSON"),
    ],
)
async def test_an_object_for_an_event_must_be_canonical(toy: Toy, body: bytes, errcode: str) -> None:
    status, refusal = await posted(toy, "/anything", body)
    assert (status, refusal["errcode"]) == (400, errcode)
    assert await posted(toy, "/anything", b'{"a":[1,{}]}') == (200, {"a": [1, {}]})


async def test_a_body_over_the_routes_bound_is_413_with_and_without_a_length(toy: Toy) -> None:
    async def unmeasured(size: int) -> AsyncIterator[bytes]:
        for _ in range(size // 100):
            yield b"x" * 100

    assert await posted(toy, "/size", b"x" * 1000) == (200, {"bytes": 1000})
    assert await posted(toy, "/size", unmeasured(1000)) == (200, {"bytes": 1000})
    for body in (b"x" * 1001, unmeasured(1100)):
        status, refusal = await posted(toy, "/size", body)
        assert (status, refusal["errcode"]) == (413, "M_TOO_LARGE")


async def test_an_upload_has_a_limit_of_its_own(toy: Toy) -> None:
    assert await posted(toy, "/upload", b"x" * 2000) == (200, {"bytes": 2000})
    status, refusal = await posted(toy, "/upload", b"x" * 2001)
    assert (status, refusal["errcode"]) == (413, "M_TOO_LARGE")


async def test_a_refused_body_is_dropped_and_the_connection_serves_on(toy: Toy) -> None:
    reader, writer = await toy.connect()
    writer.write(b"POST /size HTTP/1.1\r\nHost: x\r\nContent-Length: 200000\r\n\r\n" + b"x" * 100_000)
    assert b" 413 " in await reader.readuntil(b"\r\n\r\n")
    writer.write(b"x" * 100_000 + b"GET /versions HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    assert (await reader.read()).count(b" 200 OK") == 1
    writer.close()


async def test_a_refused_body_without_end_is_cut_off(toy: Toy, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protocol, "LINGER_SECONDS", 1000)
    _, writer = await toy.connect()
    writer.write(b"POST /size HTTP/1.1\r\nHost: x\r\nContent-Length: 9999999999\r\n\r\n")

    async def pour() -> None:
        for _ in range(1000):
            writer.write(b"x" * 65536)
            await writer.drain()

    with pytest.raises(ConnectionError):
        await pour()


async def test_a_refused_body_that_does_not_come_is_not_waited_for(toy: Toy, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protocol, "LINGER_SECONDS", 0.05)
    said = await asyncio.wait_for(toy.say(b"POST /size HTTP/1.1\r\nHost: x\r\nContent-Length: 5000\r\n\r\n"), 10)
    assert said.startswith(b"HTTP/1.1 413 ")


async def test_who_waits_for_permission_to_send_too_much_is_told_no(toy: Toy, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protocol, "LINGER_SECONDS", 1000)
    head = b"POST /size HTTP/1.1\r\nHost: x\r\nContent-Length: 5000\r\nExpect: 100-continue\r\n\r\n"
    said = await asyncio.wait_for(toy.say(head), 10)
    assert said.startswith(b"HTTP/1.1 413 ")


async def test_a_body_that_comes_too_slowly_is_408(toy: Toy, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(request_module, "PATIENCE", 0.05)
    said = await toy.say(b"POST /size HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc")
    assert said.startswith(b"HTTP/1.1 408 ")

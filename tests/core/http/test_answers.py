"""What clients get, over a real socket: CORS, compression, streams, errors."""

from __future__ import annotations

import aiohttp
import pytest
from structlog.testing import capture_logs

from hs_core.db import DatabaseUnavailable
from hs_core.db.values import BadParameter
from hs_core.errors import LimitExceeded, MatrixError
from hs_core.http.responses import json_response
from hs_core.http.routes import Claim
from hs_core.matrix.errors import ProtocolError
from hs_core.plugin.declaration import Resource
from tests.core.http.toys import ALICE, Toy, open_route, refuse, running

RECOMMENDED = {
    "Access-Control-Allow-Origin": {"*"},
    "Access-Control-Allow-Methods": {"GET", "POST", "PUT", "DELETE", "OPTIONS"},
    "Access-Control-Allow-Headers": {"X-Requested-With", "Content-Type", "Authorization"},
}


@pytest.mark.parametrize("path", ["/versions", "/nowhere", "/bug", "/who", "/parts"])
async def test_every_answer_can_be_read_by_web_pages(toy: Toy, path: str) -> None:
    async with toy.get(path) as response:
        for name, values in RECOMMENDED.items():
            assert values <= set(response.headers[name].split(", "))


@pytest.mark.parametrize("path", ["/versions", "/who", "/nowhere"])
async def test_a_preflight_request_is_answered_without_asking_anybody(toy: Toy, path: str) -> None:
    async with toy.http.options(toy.url + path) as response:
        assert response.status == 200
        assert response.headers["Access-Control-Allow-Origin"] == "*"
    assert toy.tokens.asked == 0


async def test_a_page_keeps_its_own_cors_header_and_gets_the_others(toy: Toy) -> None:
    async with toy.get("/page") as response:
        assert await response.text() == "<p>"
        assert response.headers.getall("Access-Control-Allow-Origin") == ["https://a.example"]
        assert "Access-Control-Allow-Methods" in response.headers


@pytest.mark.parametrize(("length", "compressed"), [(100, False), (10_000, True), (200_000, True)])
async def test_what_is_long_is_compressed_for_who_accepts_it(toy: Toy, length: int, compressed: bool) -> None:
    async with toy.get(f"/long/{length}", headers={"Accept-Encoding": "gzip"}) as response:
        assert ("Content-Encoding" in response.headers) is compressed
        assert len((await response.json())["text"]) == length
    async with toy.get(f"/long/{length}", headers={"Accept-Encoding": "identity"}) as plain:
        assert "Content-Encoding" not in plain.headers
        assert len((await plain.json())["text"]) == length


async def test_head_tells_the_length_and_sends_nothing(toy: Toy) -> None:
    async with toy.http.head(toy.url + "/long/10") as response:
        assert response.status == 200
        assert response.headers["Content-Length"] == str(len('{"text":"aaaaaaaaaa"}'))
        assert await response.read() == b""


@pytest.mark.parametrize("encoding", ["gzip", "identity"])
async def test_a_stream_arrives_whole(toy: Toy, encoding: str) -> None:
    async with toy.get("/parts", headers={"Accept-Encoding": encoding}) as response:
        assert response.headers.get("Content-Encoding", "identity") == encoding
        assert await response.json() == [1] * 30_000


async def test_a_stream_that_fails_at_once_is_an_error_and_later_is_broken_off(toy: Toy) -> None:
    async with toy.get("/parts?fail_first=true") as response:
        assert response.status == 403
    with capture_logs() as logs, pytest.raises(aiohttp.ClientError):
        async with toy.get("/parts?fail_later=true") as response:
            await response.read()
    assert [line["event"] for line in logs if line["log_level"] == "error"] == ["response broken off"]


async def test_a_bug_is_logged_and_tells_the_client_nothing_but_where_to_look(toy: Toy) -> None:
    with capture_logs() as logs:
        async with toy.get("/bug", headers={"X-Request-ID": "trace-7"}) as response:
            assert response.status == 500
            assert response.headers["X-Request-Id"] == "trace-7"
            assert await response.json() == {"errcode": "M_UNKNOWN", "error": "Internal server error"}
    assert "the secret" in str(logs[0]["exc_info"])


async def test_what_is_logged_for_a_request_names_it_its_plugin_and_its_user(toy: Toy) -> None:
    async with toy.get("/logged", headers={"X-Request-ID": "trace-7", "Authorization": "Bearer alice"}) as response:
        assert await response.json() == {"event": "hello", "request_id": "trace-7", "plugin": "toy", "user": ALICE}


async def test_a_request_id_that_is_no_id_is_replaced(toy: Toy) -> None:
    with capture_logs():
        async with toy.get("/bug", headers={"X-Request-ID": "x" * 65}) as response:
            assert 0 < len(response.headers["X-Request-Id"]) < 30


@pytest.mark.parametrize(
    ("error", "status", "errcode", "headers"),
    [
        (ProtocolError("odd"), 400, "M_BAD_JSON", {}),
        (ProtocolError("no", "M_FORBIDDEN"), 403, "M_FORBIDDEN", {}),
        (DatabaseUnavailable("gone"), 503, "M_UNKNOWN", {"Retry-After": "2"}),
        (BadParameter("text with NUL"), 400, "M_INVALID_PARAM", {}),
        (LimitExceeded(1.5), 429, "M_LIMIT_EXCEEDED", {"Retry-After": "2"}),
        (MatrixError(401, "M_USER_LOCKED", "locked", {"soft_logout": True}), 401, "M_USER_LOCKED", {}),
    ],
)
async def test_each_error_has_its_status(error: Exception, status: int, errcode: str, headers: dict[str, str]) -> None:
    async with running([open_route("GET", "/x", refuse(error))]) as toy, toy.get("/x") as response:
        assert response.status == status
        assert (await response.json())["errcode"] == errcode
        assert headers.items() <= dict(response.headers).items()


async def test_extra_keys_of_an_error_are_told() -> None:
    async with running([open_route("GET", "/x", refuse(LimitExceeded(1.5)))]) as toy, toy.get("/x") as response:
        assert (await response.json())["retry_after_ms"] == 1500


async def test_a_listener_knows_only_the_routes_of_its_resources(toy: Toy) -> None:
    async with toy.get("/federation") as response:
        assert response.status == 404
    async with running(resources=[Resource.FEDERATION]) as federation:
        async with federation.get("/federation") as response:
            assert response.status == 200
        for path in ("/versions", "/metrics"):
            async with federation.get(path) as response:
                assert response.status == 404


async def test_a_request_for_a_plugin_that_runs_elsewhere_is_passed_on() -> None:
    async def forward(claim: Claim, request: object) -> object:
        return json_response({"from": claim.plugin})

    async with running(roles={}, forward=forward) as toy, toy.get("/who") as response:  # type: ignore[arg-type]
        assert await response.json() == {"from": "toy"}
    async with running(roles={}) as alone, alone.get("/who") as response:
        assert response.status == 503
        assert "Retry-After" in response.headers


async def test_health_and_metrics_are_told(toy: Toy) -> None:
    async with toy.get("/health/ready") as response:
        assert (response.status, await response.json()) == (200, {"status": "ok"})
    async with running(problems=["database: gone"]) as ill:
        async with ill.get("/health/live") as response:
            assert response.status == 200
        async with ill.get("/health/ready") as response:
            assert response.status == 503
            assert (await response.json())["reasons"] == ["database: gone"]
        async with ill.get("/metrics") as response:
            text = await response.text()
    ready = 'hs_http_requests_total{method="GET",plugin="core",route="/health/ready",status="503"} 1.0'
    assert ready in text

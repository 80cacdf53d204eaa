"""Asking hosts elsewhere, which are real servers here: on 127.0.0.1, or on 127.0.0.2 where that is out of bounds."""

import asyncio
import gzip
import ssl
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from ipaddress import IPv4Network
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from hs_core.config.model import Outbound as Settings
from hs_core.config.network import SPECIAL_RANGES
from hs_core.outbound import (
    AddressRefused,
    AnswerTooLarge,
    Bounds,
    Outbound,
    OutboundError,
    Unanswered,
    UnusableUrl,
)
from tests.certificates import make_certificate

OPEN = Settings(allow_private_addresses=True)
SECRET = "hunter2"

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@asynccontextmanager
async def serving(handler: Handler, host: str = "127.0.0.1") -> AsyncIterator[TestServer]:
    """A server that gives every request to `handler`."""
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", handler)
    server = TestServer(app, host=host)
    async with server:
        yield server


async def echo(request: web.Request) -> web.Response:
    """Tells what was asked."""
    return web.json_response(
        {
            "method": request.method,
            "path": request.raw_path,
            "body": await request.text(),
            "headers": dict(request.headers),
        }
    )


def url_of(server: TestServer, path: str = "/", host: str | None = None) -> str:
    return f"http://{host or server.host}:{server.port}{path}"


def names(**addresses: Sequence[str]) -> Callable[[str], Awaitable[Sequence[str]]]:
    """Name servers that know these names, with dots for underscores."""

    async def lookup(name: str) -> Sequence[str]:
        try:
            return addresses[name.replace(".", "_")]
        except KeyError:
            raise OSError(None, "no such name") from None

    return lookup


@pytest.fixture
def only_127_0_0_1_is_public(monkeypatch: pytest.MonkeyPatch) -> None:
    """127.0.0.1 stands for the internet, and the rest of 127.0.0.0/8 for the private networks."""
    loopback = IPv4Network("127.0.0.0/8")
    rest = loopback.address_exclude(IPv4Network("127.0.0.1/32"))
    ranges = (*(network for network in SPECIAL_RANGES if network != loopback), *rest)
    monkeypatch.setattr("hs_core.outbound.addresses.SPECIAL_RANGES", ranges)


async def test_an_answer_is_given_whatever_its_status() -> None:
    async def teapot(request: web.Request) -> web.Response:
        return web.Response(status=418, text=await request.text(), headers={"X-Kind": "tea"})

    async with serving(teapot) as server, Outbound(OPEN) as outbound:
        answer = await outbound.request("POST", url_of(server), body=b"leaves")

    assert (answer.status, answer.body, answer.headers["x-kind"]) == (418, b"leaves", "tea")


async def test_what_is_sent_is_what_was_said_and_no_proxy_is_taken_from_the_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1/")
    async with serving(echo) as server, Outbound(OPEN) as outbound:
        headers = {"Authorization": "Bearer x", "Content-Type": "application/json"}
        answer = await outbound.request("PUT", url_of(server, "/a%2Fb?c=d%26e"), headers=headers, body=b"{}")

    assert b'"path": "/a%2Fb?c=d%26e"' in answer.body
    assert b'"body": "{}"' in answer.body
    assert b'"Authorization": "Bearer x"' in answer.body


async def test_connections_are_kept() -> None:
    ports = set()

    async def remember(request: web.Request) -> web.Response:
        assert request.transport is not None
        ports.add(request.transport.get_extra_info("peername")[1])
        return web.Response(text="x" * 100_000)

    async with serving(remember) as server, Outbound(OPEN) as outbound:
        for _ in range(3):
            await outbound.request("GET", url_of(server))

    assert len(ports) == 1


@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]", "localhost", "[::ffff:127.0.0.1]", "127.1", "2130706433"])
async def test_private_addresses_are_refused_however_they_are_written(host: str) -> None:
    asked = []

    async def remember(request: web.Request) -> web.Response:
        asked.append(request.path)
        return web.Response()

    async with serving(remember) as server, Outbound(Settings()) as outbound:
        with pytest.raises((AddressRefused, UnusableUrl)):
            await outbound.request("GET", url_of(server, host=host))

    assert asked == []


async def test_a_name_that_leads_to_a_private_address_is_refused() -> None:
    lookup = names(push_example_org=["10.0.0.1", "127.0.0.1"])
    async with serving(echo) as server, Outbound(Settings(), lookup=lookup) as outbound:
        with pytest.raises(AddressRefused):
            await outbound.request("GET", url_of(server, host="push.example.org"))


@pytest.mark.usefixtures("only_127_0_0_1_is_public")
async def test_a_host_that_has_public_addresses_too_is_reached_by_those() -> None:
    lookup = names(push_example_org=["10.0.0.1", "127.0.0.1", "fe80::1"])
    async with serving(echo) as server, Outbound(Settings(), lookup=lookup) as outbound:
        answer = await outbound.request("GET", url_of(server, host="push.example.org"))

    assert answer.status == 200


@pytest.mark.usefixtures("only_127_0_0_1_is_public")
async def test_a_name_that_leads_elsewhere_the_second_time_is_refused_then() -> None:
    answers = [["127.0.0.1"], ["127.0.0.2"]]

    async def lookup(name: str) -> Sequence[str]:
        return answers.pop(0)

    async def once(request: web.Request) -> web.Response:
        response = web.Response()
        response.force_close()
        return response

    async with serving(once, "0.0.0.0") as server, Outbound(Settings(), lookup=lookup) as outbound:
        url = url_of(server, host="rebinding.example.org")
        assert (await outbound.request("GET", url)).status == 200
        with pytest.raises(AddressRefused):
            await outbound.request("GET", url)

    assert answers == []


@pytest.mark.usefixtures("only_127_0_0_1_is_public")
@pytest.mark.parametrize("host", ["127.0.0.2", "inner.example.org"])
async def test_a_redirect_to_a_private_address_is_refused(host: str) -> None:
    asked = []

    async def remember(request: web.Request) -> web.Response:
        asked.append(request.path)
        return web.Response()

    lookup = names(inner_example_org=["127.0.0.2"])
    async with serving(remember, "127.0.0.2") as inner:

        async def redirect(request: web.Request) -> web.Response:
            return web.Response(status=302, headers={"Location": url_of(inner, host=host)})

        async with serving(redirect) as server, Outbound(Settings(), lookup=lookup) as outbound:
            with pytest.raises(AddressRefused):
                await outbound.request("GET", url_of(server), redirects=3)

    assert asked == []


async def test_the_administrator_may_choose_private_addresses() -> None:
    async with serving(echo) as server, Outbound(Settings(), private=True) as outbound:
        assert (await outbound.request("GET", url_of(server))).status == 200


async def test_redirects_are_followed_only_as_often_as_was_said() -> None:
    async def redirect(request: web.Request) -> web.Response:
        left = int(request.path[1:])
        return web.Response(status=307, headers={"Location": f"/{left - 1}"}) if left else await echo(request)

    async with serving(redirect) as server, Outbound(OPEN) as outbound:
        followed = await outbound.request("POST", url_of(server, "/3"), body=b"kept", redirects=3)
        with pytest.raises(AnswerTooLarge):
            await outbound.request("GET", url_of(server, "/3"), redirects=2)
        unfollowed = await outbound.request("GET", url_of(server, "/3"))

    assert followed.status == 200
    assert followed.url.endswith("/0")
    assert b'"body": "kept"' in followed.body
    assert unfollowed.status == 307


async def test_another_host_is_not_told_what_was_meant_for_the_first() -> None:
    async with serving(echo) as other:

        async def redirect(request: web.Request) -> web.Response:
            return web.Response(status=302, headers={"Location": url_of(other)})

        async with serving(redirect) as server, Outbound(OPEN) as outbound:
            headers = {"Authorization": f"Bearer {SECRET}", "X-Token": SECRET, "Accept-Language": "de"}
            answer = await outbound.request("POST", url_of(server), headers=headers, body=b"{}", redirects=1)

    assert SECRET.encode() not in answer.body
    assert b'"Accept-Language": "de"' in answer.body
    assert b'"method": "GET"' in answer.body


@pytest.mark.parametrize("compressed", [False, True])
async def test_an_answer_has_no_more_bytes_than_were_asked_for(compressed: bool) -> None:
    async def much(request: web.Request) -> web.Response:
        body = b"\0" * 1_000_000
        if compressed:
            return web.Response(body=gzip.compress(body), headers={"Content-Encoding": "gzip"})
        return web.Response(body=body)

    async with serving(much) as server, Outbound(OPEN) as outbound:
        whole = await outbound.request("GET", url_of(server), max_bytes=1_000_000)
        with pytest.raises(AnswerTooLarge):
            await outbound.request("GET", url_of(server), max_bytes=999_999)

    assert len(whole.body) == 1_000_000


async def test_an_answer_that_nobody_wants_to_read_is_not_waited_for() -> None:
    async def endless(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "video/webm"})
        await response.prepare(request)
        await response.write(b"first bytes")
        await asyncio.Event().wait()
        return response

    async with serving(endless) as server, Outbound(OPEN) as outbound:
        async with outbound.opened("GET", url_of(server), seconds=60) as incoming:
            kind = incoming.headers["content-type"]
        with pytest.raises(Unanswered, match="in time"):
            await outbound.request("GET", url_of(server), seconds=0.1)

    assert kind == "video/webm"


async def test_silence_ends() -> None:
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    async with await asyncio.start_server(silent, "127.0.0.1", 0) as server, Outbound(OPEN) as outbound:
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(Unanswered, match="in time"):
            await outbound.request("GET", f"http://127.0.0.1:{port}/", seconds=0.1)


async def test_a_destination_has_only_so_many_connections_and_holds_up_no_other() -> None:
    release, two_asked, asked = asyncio.Event(), asyncio.Event(), []

    async def slow(request: web.Request) -> web.Response:
        asked.append(request.path)
        if len(asked) == 2:
            two_asked.set()
        await release.wait()
        return web.Response()

    async with serving(slow) as server, serving(echo) as other, Outbound(OPEN, Bounds(per_destination=2)) as outbound:
        waiting = [asyncio.create_task(outbound.request("GET", url_of(server, f"/{n}"))) for n in range(5)]
        await two_asked.wait()
        for _ in range(10):  # others go on, and the three that have no turn do not come
            assert (await outbound.request("GET", url_of(other))).status == 200
        assert len(asked) == 2
        release.set()
        answers = await asyncio.gather(*waiting)

    assert [answer.status for answer in answers] == [200] * 5


async def test_what_a_caller_raises_is_the_callers() -> None:
    async with serving(echo) as server, Outbound(OPEN) as outbound:
        for error in (ValueError("mine"), TimeoutError("mine"), OSError("mine")):
            with pytest.raises(type(error), match="mine"):
                async with outbound.opened("GET", url_of(server)):
                    raise error


@pytest.mark.parametrize(
    "url",
    [
        "",
        "push.example.org",
        "/path",
        "ftp://example.org/",
        "file:///etc/passwd",
        "http://",
        "http://:80/",
        "https://[/",
        "http://example.org:99999/",
        "http://example.org:x/",
        "http://a b/",
        "javascript:alert(1)",
    ],
)
async def test_what_is_no_url_is_not_asked(url: str) -> None:
    async with Outbound(OPEN) as outbound:
        with pytest.raises(UnusableUrl):
            await outbound.request("GET", url, seconds=5)


async def test_a_url_can_be_looked_at_before_it_is_kept() -> None:
    async with Outbound(Settings()) as strict, Outbound(OPEN) as lenient:
        strict.check("https://push.example.org/_matrix/push/v1/notify")
        lenient.check("https://10.0.0.1/")
        with pytest.raises(AddressRefused):
            strict.check("https://10.0.0.1/")
        with pytest.raises(UnusableUrl):
            strict.check("mailto:alice@example.org")


@pytest.fixture
def own_certificate(tmp_path: Path) -> ssl.SSLContext:
    """Of a server that nobody has a reason to believe."""
    return make_certificate(tmp_path, "push.example.org").server()


async def test_certificates_are_believed_only_if_they_are_good(own_certificate: ssl.SSLContext) -> None:
    async with await asyncio.start_server(_ok, "127.0.0.1", 0, ssl=own_certificate) as server:
        url = f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
        async with Outbound(OPEN) as strict:
            with pytest.raises(Unanswered, match=r"(?i)certificate"):
                await strict.request("GET", url)
        async with Outbound(Settings(allow_private_addresses=True, verify_tls=False)) as lenient:
            assert (await lenient.request("GET", url)).status == 200


async def _ok(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readuntil(b"\r\n\r\n")
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
    writer.close()


async def test_errors_tell_nothing_of_paths_and_queries() -> None:
    async with serving(echo) as server, Outbound(OPEN) as outbound:
        closed = url_of(server)
    urls = [
        f"{closed}{SECRET}?token={SECRET}",
        f"http://user:{SECRET}@nosuch.example.org/{SECRET}",
        f"ftp://{SECRET}.example.org/",
        f"http://example.org:{SECRET}/",
    ]
    async with Outbound(OPEN, lookup=names()) as outbound:
        for url in urls:
            with pytest.raises(OutboundError) as raised:
                await outbound.request("GET", url, headers={"Authorization": SECRET})
            assert SECRET not in "".join(traceback.format_exception(raised.value))


async def test_the_beginning_of_an_answer_can_be_read_alone() -> None:
    async def endless(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        while request.path == "/endless":
            await response.write(b"x" * 10_000)
        await response.write(b"short")
        return response

    async with serving(endless) as server, Outbound(OPEN) as outbound:
        async with outbound.opened("GET", url_of(server, "/endless")) as incoming:
            beginning = await incoming.beginning(100_000)
        async with outbound.opened("GET", url_of(server, "/short")) as incoming:
            assert await incoming.beginning(100_000) == b"short"

    assert 100_000 <= len(beginning) <= 200_000
    assert set(beginning) == {ord("x")}

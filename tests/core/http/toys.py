"""A plugin with toy routes, and servers on real sockets that answer them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Annotated, Any

import aiohttp
import msgspec
from prometheus_client import CollectorRegistry
from starlette.responses import Response

from hs_core.clock import SystemClock
from hs_core.errors import Forbidden, MatrixError, UnknownToken
from hs_core.http.app import Forward, Site, build_app
from hs_core.http.authenticate import Authenticator
from hs_core.http.context import add_request
from hs_core.http.limits import RateLimiter, RateLimits
from hs_core.http.listen import Listener, Server
from hs_core.http.metrics import HttpMetrics
from hs_core.http.request import Request
from hs_core.http.requester import Requester
from hs_core.http.responses import JsonStream, empty, json_response
from hs_core.http.routes import Claim, claims_of
from hs_core.matrix.identifiers import DeviceId, UserId
from hs_core.plugin.declaration import Auth, Plugin, RateClass, Resource, Route

ALICE = UserId("@alice:example.org")
BRIDGE = UserId("@bridge:example.org")


class Greeting(msgspec.Struct):
    name: str
    times: int = 1
    mood: Annotated[str, msgspec.Meta(max_length=5)] = "fine"


class ManualClock(SystemClock):
    """Monotonic time stands still until it is moved."""

    def __init__(self) -> None:
        self.at = 1000.0

    def monotonic(self) -> float:
        return self.at


class Tokens:
    """A checker with a few tokens, which counts how often it is asked."""

    def __init__(self) -> None:
        self.known: dict[str, Requester] = {
            "alice": Requester(ALICE, DeviceId("PHONE")),
            "guest": Requester(UserId("@7:example.org"), is_guest=True),
            "admin": Requester(UserId("@root:example.org"), is_admin=True),
            "bridge": Requester(BRIDGE, appservice="irc", rate_limited=False),
        }
        self.asked = 0
        self.meanwhile: Callable[[], None] = lambda: None

    async def check(self, token: str) -> Requester | None:
        self.asked += 1
        if token == "expired":
            raise UnknownToken("The access token has expired", soft_logout=True)
        requester = self.known.get(token)
        self.meanwhile()
        return requester

    async def act_as(self, requester: Requester, user: UserId | None, device: DeviceId | None) -> Requester:
        if user is not None and not user.startswith("@_irc_"):
            raise Forbidden("Not a user of this application service", errcode="M_EXCLUSIVE")
        return msgspec.structs.replace(requester, user_id=user or requester.user_id, device_id=device)


@dataclass
class Role:
    """What the toy plugin's handlers work on."""

    news: asyncio.Event = field(default_factory=asyncio.Event)
    waiting: asyncio.Event = field(default_factory=asyncio.Event)
    ended: asyncio.Queue[str] = field(default_factory=asyncio.Queue)


async def params(role: Role, request: Request) -> Response:
    return json_response(dict(request.params))


async def who(role: Role, request: Request) -> Response:
    requester = request.requester
    return json_response(None if requester is None else requester)


async def greet(role: Role, request: Request) -> Response:
    greeting = await request.json(Greeting, allow_empty=request.query_flag("lenient"))
    return json_response({"text": f"{greeting.name} {greeting.times}"})


async def anything(role: Role, request: Request) -> Response:
    return json_response(await request.json_object())


async def size(role: Role, request: Request) -> Response:
    return json_response({"bytes": len(await request.body())})


async def query(role: Role, request: Request) -> Response:
    return json_response(
        {
            "limit": request.query_int("limit", 1, 100, 10),
            "full": request.query_flag("full"),
            "text": request.query_text("text"),
            "via": request.query_list("via"),
            "ip": request.client_ip,
        }
    )


async def room(role: Role, request: Request) -> Response:
    return json_response({"room_id": request.room_id("room_id")})


async def long_text(role: Role, request: Request) -> Response:
    return json_response({"text": "a" * int(request.params["length"])})


async def parts(role: Role, request: Request) -> Response:
    async def written() -> AsyncIterator[bytes]:
        if request.query_flag("fail_first"):
            raise Forbidden
        yield b"["
        yield b",".join([b"1"] * 30_000)
        if request.query_flag("fail_later"):
            raise RuntimeError("in the middle")
        yield b"]"

    return JsonStream(written())


async def page(role: Role, request: Request) -> Response:
    return Response("<p>", media_type="text/html", headers={"Access-Control-Allow-Origin": "https://a.example"})


async def logged(role: Role, request: Request) -> Response:
    return json_response(dict(add_request(None, "info", {"event": "hello"})))


async def bug(role: Role, request: Request) -> Response:
    raise RuntimeError("the secret of the house")


async def wait(role: Role, request: Request) -> Response:
    """Waits for news, as a long poll or a slow write does, and says how it ended."""
    news = asyncio.ensure_future(role.news.wait())
    draining = asyncio.ensure_future(request.draining.wait())
    role.waiting.set()
    try:
        await asyncio.wait({news, draining} if request.method == "GET" else {news}, return_when="FIRST_COMPLETED")
    except asyncio.CancelledError:
        role.ended.put_nowait("cancelled")
        raise
    finally:
        news.cancel()
        draining.cancel()
    role.ended.put_nowait("answered")
    return empty()


def refuse(error: MatrixError | Exception) -> Any:
    async def refusing(role: Role, request: Request) -> Response:
        raise error

    return refusing


def open_route(method: str, path: str, handler: Any, **more: Any) -> Route:
    return Route(method, path, handler, auth=Auth.NONE, rate=more.pop("rate", RateClass.NONE), **more)


ROUTES = [
    open_route("GET", "/versions", params),
    open_route("GET", r"/(?:v3|r0)/alias/(?P<alias>[^/]+)", params),
    open_route("GET", r"/v3/state/(?P<type>[^/]+)/(?P<key>[^/]*)", params),
    open_route("PUT", r"/v3/state/(?P<type>[^/]+)/(?P<key>[^/]*)", params),
    open_route("GET", r"/v3/files/(?P<rest>.*)", params),
    open_route("GET", r"/v3/rooms/(?P<room_id>[^/]+)", room),
    open_route("POST", "/greet", greet),
    open_route("POST", "/anything", anything),
    open_route("POST", "/size", size, max_body=1000),
    open_route("POST", "/upload", size, upload=True),
    open_route("GET", "/query", query),
    open_route("GET", r"/long/(?P<length>[^/]+)", long_text),
    open_route("GET", "/parts", parts),
    open_route("GET", "/page", page),
    open_route("GET", "/bug", bug),
    open_route("GET", "/wait", wait),
    open_route("POST", "/wait", wait),
    open_route("GET", "/limited", params, rate=RateClass.LOGIN),
    open_route("GET", "/federation", params, resource=Resource.FEDERATION),
    Route("GET", "/logged", logged),
    Route("GET", "/who", who),
    Route("GET", "/message", who, rate=RateClass.MESSAGE),
    Route("GET", "/who/guest", who, guests=True),
    Route("GET", "/who/maybe", who, auth=Auth.OPTIONAL_TOKEN),
    Route("GET", "/who/admin", who, auth=Auth.ADMIN),
    Route("GET", "/who/appservice", who, auth=Auth.APPSERVICE),
    Route("GET", "/who/appservice/maybe", who, auth=Auth.OPTIONAL_APPSERVICE),
    Route("GET", "/who/server", who, auth=Auth.SERVER_SIGNATURE),
]


@dataclass
class Toy:
    """A running server and a client of it."""

    url: str
    http: aiohttp.ClientSession
    site: Site
    server: Server
    role: Role
    tokens: Tokens
    clock: ManualClock

    def get(self, path: str, **more: Any) -> Any:
        return self.http.get(self.url + path, **more)

    def post(self, path: str, **more: Any) -> Any:
        return self.http.post(self.url + path, **more)

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """For what no client library would say."""
        host, _, port = self.url.removeprefix("http://").rpartition(":")
        return await asyncio.open_connection(host, int(port))

    async def say(self, *sent: bytes) -> bytes:
        """All that is answered until the server closes the connection."""
        reader, writer = await self.connect()
        for data in sent:
            writer.write(data)
            await writer.drain()
        answer = await reader.read()
        writer.close()
        return answer


@asynccontextmanager
async def running(
    routes: Sequence[Route] = ROUTES,
    *,
    listener: Listener | None = None,
    resources: Collection[Resource] = (Resource.CLIENT, Resource.METRICS),
    limits: RateLimits | None = None,
    forward: Forward | None = None,
    roles: Mapping[str, object] | None = None,
    problems: Sequence[str] = (),
) -> AsyncIterator[Toy]:
    role, tokens, clock = Role(), Tokens(), ManualClock()
    claims: list[Claim] = claims_of([Plugin("toy", routes=routes)])
    site = Site(
        claims,
        {"toy": role} if roles is None else roles,
        Authenticator(clock.monotonic, tokens),
        RateLimiter(limits or RateLimits(enabled=False), clock.monotonic),
        HttpMetrics(CollectorRegistry()),
        clock,
        lambda: problems,
        forward,
        max_upload=2000,
    )
    listener = listener or Listener(port=0)
    server = Server(site.draining)
    url = await server.listen(listener, build_app(site, resources, proxied=listener.proxied))
    async with aiohttp.ClientSession() as http:
        yield Toy(url, http, site, server, role, tokens, clock)
    await server.drain(0.5)

"""Application services for tests: HTTP servers that speak the API, write down what they are told, and can be away."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import quote

import yaml
from aiohttp import web

from hs_core.testing.acts import RoomActs, RoomReads
from hs_core.testing.client import Client
from hs_core.testing.http import Answer, Json

PATIENCE = 20.0
"""Seconds, before a test that waits for ever fails."""
_numbers = count(1)


@dataclass(frozen=True)
class Told:
    """A request to the service. `path` is decoded."""

    method: str
    path: str
    query: Mapping[str, str]
    token: str
    body: Any


class Bridge:
    """A service. Its users are called `_NAME_...`, and so are its aliases."""

    def __init__(self, name: str | None = None, **registration: Any) -> None:
        self.name = name or f"b{next(_numbers)}"
        self.port = 0
        self.registration: Json = {
            "id": self.name,
            "url": None,
            "as_token": f"as-{self.name}",
            "hs_token": f"hs-{self.name}",
            "sender_localpart": f"_{self.name}_bot",
            "rate_limited": False,
            "namespaces": {
                "users": [{"exclusive": True, "regex": f"@_{self.name}_.*"}],
                "aliases": [{"exclusive": True, "regex": f"#_{self.name}_.*"}],
                "rooms": [],
            },
            **registration,
        }
        self.told: list[Told] = []
        self.status = 200
        """How it answers transactions; 200 takes them."""
        self.unknown: set[str] = set()
        """Beginnings of paths that it does not know."""
        self.answers: dict[str, Any] = {}
        """What it answers at paths of the API, with 200."""
        self.makes: Callable[[str], Awaitable[bool]] = _nothing
        """Makes the user or the alias that it is asked for, if it wants to."""
        self.taken: list[Json] = []
        """Transactions."""
        self._news = asyncio.Event()
        self._runner: web.AppRunner | None = None

    @property
    def sender(self) -> str:
        return f"@{self.registration['sender_localpart']}:hs.test"

    def user(self, name: str) -> str:
        """The ID of a user of its own."""
        return f"@_{self.name}_{name}:hs.test"

    def alias(self, name: str) -> str:
        return f"#_{self.name}_{name}:hs.test"

    async def come(self) -> None:
        """Listen, at the same port as before."""
        app = web.Application(client_max_size=16 << 20)
        app.router.add_route("*", "/{tail:.*}", self._answer)
        self._runner = web.AppRunner(app)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self.port)
        await site.start()
        self.port = self._runner.addresses[0][1]
        self.registration["url"] = f"http://127.0.0.1:{self.port}"

    async def go(self) -> None:
        """Be away."""
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    def write(self, folder: Path) -> str:
        """The registration file."""
        file = folder / f"{self.name}.yaml"
        file.write_text(yaml.safe_dump(self.registration))
        return str(file)

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait for something that it is told."""
        async with asyncio.timeout(PATIENCE):
            while not condition():
                self._news.clear()
                await self._news.wait()

    @property
    def events(self) -> list[Json]:
        """All that it has taken."""
        return [event for transaction in self.taken for event in transaction["events"]]

    @property
    def texts(self) -> list[str]:
        """What was said."""
        return [event["content"].get("body") for event in self.events if event["type"] == "m.room.message"]

    @property
    def ephemeral(self) -> list[Json]:
        return [event for transaction in self.taken for event in transaction.get("ephemeral", [])]

    async def hears(self, text: str) -> Json:
        """Wait for a message; it, as it came."""
        await self.until(lambda: text in self.texts)
        return next(event for event in self.events if event["content"].get("body") == text)

    def asked(self, beginning: str) -> list[Told]:
        """The requests to these paths."""
        return [told for told in self.told if told.path.startswith(beginning)]

    async def _answer(self, request: web.Request) -> web.Response:
        token = request.headers.get("Authorization", "").removeprefix("Bearer ")
        body = await request.json() if request.can_read_body else None
        told = Told(request.method, request.path, dict(request.query), token, body)
        self.told.append(told)
        try:
            return await self._react(told)
        finally:
            self._news.set()

    async def _react(self, told: Told) -> web.Response:
        if told.token != self.registration["hs_token"]:
            return web.json_response({"errcode": "M_FORBIDDEN"}, status=403)
        if any(told.path.startswith(beginning) for beginning in self.unknown):
            return web.json_response({"errcode": "M_UNRECOGNIZED"}, status=404)
        _, _, what = told.path.removeprefix("/_matrix/app/v1").partition("/")
        kind, _, name = what.partition("/")
        if kind == "transactions":
            if self.status == 200 and name not in [each["id"] for each in self.taken]:
                self.taken.append({"id": name, **told.body})
            return web.json_response({}, status=self.status)
        if kind in {"users", "rooms"}:
            made = await self.makes(name)
            return web.json_response({} if made else {"errcode": "ORG.EXAMPLE_NONE"}, status=200 if made else 404)
        if kind == "ping":
            return web.json_response({}, status=self.status)
        if what in self.answers:
            return web.json_response(self.answers[what])
        return web.json_response({"errcode": "ORG.EXAMPLE_NONE"}, status=404)


class Puppet(RoomActs, RoomReads):
    """The service as a client, as one of its users."""

    def __init__(
        self, client: Client, bridge: Bridge, user_id: str | None = None, device_id: str | None = None
    ) -> None:
        super().__init__(client.session, client.base_urls, bridge.registration["as_token"], client.check)
        self.user_id = user_id or bridge.sender
        told = {"user_id": user_id, "device_id": device_id}
        self._who = "&".join(f"{key}={quote(value, safe='')}" for key, value in told.items() if value is not None)

    async def answer(self, method: str, path: str, **options: Any) -> Answer:
        params = options.pop("params", None) or {}
        also = [f"{quote(key)}={quote(value)}" for key, value in params.items()]
        query = "&".join(filter(None, [self._who, *also]))
        joined = path if not query else f"{path}{'&' if '?' in path else '?'}{query}"
        return await super().answer(method, joined, **options)


async def puppet(client: Client, bridge: Bridge, name: str) -> Puppet:
    """One of its users, who is made if need be."""
    body = {"type": "m.login.application_service", "username": f"_{bridge.name}_{name}", "inhibit_login": True}
    answer = await Puppet(client, bridge).answer("POST", "/register", json=body)
    assert answer.status == 200 or answer.errcode == "M_USER_IN_USE", answer
    return Puppet(client, bridge, bridge.user(name))


@asynccontextmanager
async def running(*bridges: Bridge) -> AsyncIterator[None]:
    """They are there, for as long as the context lasts."""
    try:
        for bridge in bridges:
            await bridge.come()
        yield
    finally:
        for bridge in bridges:
            await bridge.go()


async def _nothing(_: str) -> bool:
    return False

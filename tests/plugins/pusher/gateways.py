"""A push gateway for tests: a real server that writes down what it is told, and answers as it is told to."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web
from aiohttp.test_utils import TestServer

from hs_core.testing.client import User
from hs_core.testing.http import Json

PATH = "/_matrix/push/v1/notify"
PATIENCE = 30.0

Answer = Callable[[Json], Awaitable[web.Response]]


async def accept(notification: Json) -> web.Response:
    return web.json_response({"rejected": []})


class PushGateway:
    """What it was told is in `told`, in order: the value of `notification` of each request."""

    def __init__(self) -> None:
        self.told: list[Json] = []
        self.requests: list[web.Request] = []
        self.answer: Answer = accept
        self.url = ""
        self._news = asyncio.Event()

    async def handle(self, request: web.Request) -> web.Response:
        notification = (await request.json())["notification"]
        self.requests.append(request)
        self.told.append(notification)
        self._news.set()
        return await self.answer(notification)

    async def until(self, condition: Callable[[], Any]) -> None:
        """Return when the condition holds, which is looked at whenever something has been told."""
        try:
            async with asyncio.timeout(PATIENCE):
                while not condition():
                    self._news.clear()
                    await self._news.wait()
        except TimeoutError:
            raise AssertionError(f"told {self.told}") from None

    async def event(self, event_id: str) -> Json:
        """What it is told of an event, the first time."""
        await self.until(lambda: event_id in self.events)
        return next(told for told in self.told if told.get("event_id") == event_id)

    async def badge(self, unread: int) -> Json:
        """The next time that it is told of no event, but of this number."""
        await self.until(lambda: any(is_badge(told, unread) for told in self.told))
        return next(told for told in self.told if is_badge(told, unread))

    @property
    def events(self) -> list[str]:
        """The events that it was told of, in order, as often as it was."""
        return [told["event_id"] for told in self.told if "event_id" in told]


def is_badge(told: Json, unread: int) -> bool:
    return "event_id" not in told and told["counts"] == {"unread": unread}


@asynccontextmanager
async def gateway() -> AsyncIterator[PushGateway]:
    made = PushGateway()
    app = web.Application()
    app.router.add_post(PATH, made.handle)
    server = TestServer(app)
    async with server:
        made.url = f"http://127.0.0.1:{server.port}{PATH}"
        yield made


def settings(url: str, pushkey: str = "key", **more: Any) -> Json:
    """A body of `POST /pushers/set`."""
    return {
        "kind": "http",
        "app_id": "org.example.app",
        "pushkey": pushkey,
        "app_display_name": "App",
        "device_display_name": "Phone",
        "lang": "en",
        **more,
        "data": {"url": url, **more.get("data", {})},
    }


async def set_pusher(user: User, url: str, pushkey: str = "key", **more: Any) -> None:
    await user.request("POST", "/pushers/set", json=settings(url, pushkey, **more))


async def pushers(user: User) -> list[Json]:
    found: list[Json] = (await user.request("GET", "/pushers"))["pushers"]
    return found

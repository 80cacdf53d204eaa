"""A Matrix client that costs as little as possible, as it shares the machine with the server that it measures."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import count
from types import TracebackType
from typing import Any
from urllib.parse import quote, urlencode

import aiohttp
import orjson
from yarl import URL

PASSWORD = "correct horse battery staple"
API = "/_matrix/client/v3"
_transactions = count(1)


class Failed(Exception):
    """The server did not do what was asked of it."""


class NotSupported(Failed):
    """The server does not have this endpoint."""


class Server:
    """Requests to one homeserver. Every method raises Failed unless the answer is 200."""

    def __init__(self, url: str, shared_secret: str) -> None:
        self._url = url.rstrip("/")
        self._secret = shared_secret.encode()
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=60),
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=300),
            auto_decompress=False,
            skip_auto_headers=["Accept-Encoding", "User-Agent"],
        )

    async def __aenter__(self) -> Server:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._session.close()

    async def call(
        self, method: str, path: str, body: object = None, headers: Mapping[str, str] | None = None
    ) -> bytes:
        """One request (`path` is percent-encoded); the body of its answer as it came."""
        data = None if body is None else orjson.dumps(body)
        url = URL(self._url + path, encoded=True)
        async with self._session.request(method, url, data=data, headers=headers) as response:
            answer = await response.read()
        if response.status == 200:
            return answer
        said = f"{method} {path} answered {response.status}: {answer[:300].decode(errors='replace')}"
        if response.status == 429:
            said += " (lift the server's rate limits before measuring it)"
        raise NotSupported(said) if b"M_UNRECOGNIZED" in answer or response.status == 405 else Failed(said)

    async def register(self, name: str) -> User:
        """A new user, by the shared secret."""
        where = "/_synapse/admin/v1/register"
        nonce = orjson.loads(await self.call("GET", where))["nonce"]
        mac = hmac.new(self._secret, "\0".join([nonce, name, PASSWORD, "notadmin"]).encode(), hashlib.sha1)
        body = {"nonce": nonce, "username": name, "password": PASSWORD, "admin": False, "mac": mac.hexdigest()}
        return User.of(self, await self.call("POST", where, body))

    async def login(self, user_id: str) -> User:
        """The same user on a new device."""
        identifier = {"type": "m.id.user", "user": user_id}
        body = {"type": "m.login.password", "identifier": identifier, "password": PASSWORD}
        return User.of(self, await self.call("POST", f"{API}/login", body))


@dataclass(frozen=True)
class User:
    """Somebody logged in."""

    server: Server
    id: str
    headers: dict[str, str]

    @classmethod
    def of(cls, server: Server, login: bytes) -> User:
        """The user whom an answer to a login or a registration is about."""
        said = orjson.loads(login)
        return cls(server, said["user_id"], {"Authorization": f"Bearer {said['access_token']}"})

    async def call(self, method: str, path: str, body: object = None) -> bytes:
        """A request below the client API with this user's token."""
        return await self.server.call(method, API + path, body, self.headers)

    async def create_room(self, **options: object) -> str:
        """A room, public unless `options` say otherwise; its ID."""
        said = await self.call("POST", "/createRoom", {"preset": "public_chat"} | options)
        room: str = orjson.loads(said)["room_id"]
        return room

    async def join(self, room: str) -> None:
        """Join a room."""
        await self.call("POST", f"/rooms/{quote(room)}/join", {})

    async def send(self, room: str, text: str = "It is a truth universally acknowledged") -> str:
        """A message; the ID of its event."""
        path = f"/rooms/{quote(room)}/send/m.room.message/b{next(_transactions)}"
        said = await self.call("PUT", path, {"msgtype": "m.text", "body": text})
        event: str = orjson.loads(said)["event_id"]
        return event

    async def sync_raw(self, since: str | None = None, timeout: int = 0, **query: str) -> bytes:  # noqa: ASYNC109
        """One sync, unparsed; `timeout` in milliseconds."""
        query["timeout"] = str(timeout)
        if since is not None:
            query["since"] = since
        return await self.call("GET", f"/sync?{urlencode(query)}")

    async def sync(self, since: str | None = None, timeout: int = 0, **query: str) -> Any:  # noqa: ASYNC109
        """One sync; `timeout` in milliseconds."""
        return orjson.loads(await self.sync_raw(since, timeout, **query))

    async def token(self) -> str:
        """Where a sync from now on begins, at little cost whatever rooms the user is in."""
        nothing = '{"room":{"timeline":{"limit":1},"state":{"types":[]}},"presence":{"types":[]}}'
        next_batch: str = (await self.sync(filter=nothing))["next_batch"]
        return next_batch

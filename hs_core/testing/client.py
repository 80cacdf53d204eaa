"""A homeserver's clients for tests: who they are is here; what they do is in `acts` and `sync`.

    async with Client(server.url, shared_secret=server.shared_secret) as client:
        alice, bob = await client.register("alice"), await client.register("bob")
        room = await alice.create_room(preset="public_chat")
        await bob.join(room)
        await alice.send_text(room, "hi")
        await bob.sync_until(lambda sync: "hi" in sync.texts(room))

Names are made unique only if asked for (`client.register()`), as tests of one deployment share its users.
"""

from __future__ import annotations

import hashlib
import hmac
import uuid
from collections.abc import Sequence
from types import TracebackType
from typing import Any

import aiohttp

from hs_core.testing.acts import RoomActs, RoomReads
from hs_core.testing.http import Caller, Check, Json, path
from hs_core.testing.sync import Syncing

_TIMEOUT = aiohttp.ClientTimeout(total=60)


class User(RoomActs, RoomReads, Syncing):
    """Somebody who is logged in, on one device."""

    def __init__(self, caller: Caller, login: Json, password: str | None) -> None:
        super().__init__(caller.session, caller.base_urls, login["access_token"], caller.check)
        self.user_id: str = login["user_id"]
        self.device_id: str = login["device_id"]
        self.password = password
        self.login = login

    def at(self, caller: Caller) -> User:
        """The same device at another process, or at a server that has been started again."""
        return User(caller, self.login, self.password)

    @property
    def localpart(self) -> str:
        """The user ID between `@` and the colon."""
        return self.user_id[1:].partition(":")[0]

    @property
    def server_name(self) -> str:
        """The user ID after the colon."""
        return self.user_id.partition(":")[2]

    def __repr__(self) -> str:
        return f"User({self.user_id}, {self.device_id})"

    def path(self, *segments: str) -> str:
        """A path below `/user/{userId}`, where account data, tags and filters live."""
        return path("user", self.user_id, *segments)

    async def whoami(self) -> Json:
        """Who the server takes this token for."""
        me: Json = await self.request("GET", "/account/whoami")
        return me

    async def logout(self) -> None:
        """Give the token back."""
        await self.request("POST", "/logout", json={})


class Client(Caller):
    """A connection to one homeserver, and the door to its users. Use it as an async context manager.

    With `shared_secret` users are made through `/_synapse/admin/v1/register`, else by open registration. `check` sees
    every response of every user.
    """

    def __init__(
        self, base_url: str | Sequence[str], *, shared_secret: str | None = None, check: Check | None = None
    ) -> None:
        session = aiohttp.ClientSession(
            timeout=_TIMEOUT, cookie_jar=aiohttp.DummyCookieJar(), connector=aiohttp.TCPConnector(limit=0)
        )
        super().__init__(session, base_url, None, check)
        self.shared_secret = shared_secret

    async def __aenter__(self) -> Client:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.session.close()

    async def register(self, name: str | None = None, password: str = "secret horse", *, admin: bool = False) -> User:
        """A new user; without a name, one that nobody has. Only a shared secret can make an `admin`."""
        name = name or f"user-{uuid.uuid4().hex[:12]}"
        if self.shared_secret is not None:
            return User(self, await self._register_by_secret(self.shared_secret, name, password, admin), password)
        if admin:
            raise AssertionError("only the shared secret can make an administrator")
        body = {"username": name, "password": password, "auth": {"type": "m.login.dummy"}}
        return User(self, await self.request("POST", "/register", json=body), password)

    async def register_guest(self) -> User:
        """A guest account."""
        return User(self, await self.request("POST", "/register?kind=guest", json={}), None)

    async def login(self, name: str, password: str = "secret horse", **options: Any) -> User:
        """A new device of a user, by localpart or user ID; `options` are those of `POST /login`, such as device_id."""
        identifier = {"type": "m.id.user", "user": name}
        body = {"type": "m.login.password", "identifier": identifier, "password": password} | options
        return User(self, await self.request("POST", "/login", json=body), password)

    async def _register_by_secret(self, secret: str, name: str, password: str, admin: bool) -> Json:
        where = "/_synapse/admin/v1/register"
        nonce = (await self.request("GET", where))["nonce"]
        said = "\0".join([nonce, name, password, "admin" if admin else "notadmin"])
        mac = hmac.new(secret.encode(), said.encode(), hashlib.sha1).hexdigest()
        body = {"nonce": nonce, "username": name, "password": password, "admin": admin, "mac": mac}
        login: Json = await self.request("POST", where, json=body)
        return login

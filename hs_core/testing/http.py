"""One HTTP request as a test sees it: what was asked, what came back, and a readable failure when that is not it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import cycle
from typing import Any
from urllib.parse import quote, urlencode

import aiohttp
import orjson
from yarl import URL

Json = dict[str, Any]
CLIENT_API = "/_matrix/client/v3"
_SHOWN = 2_000


@dataclass(frozen=True)
class Answer:
    """A response. `path` is as sent, without the query; `body` is the parsed JSON, or the bytes if it is not JSON."""

    method: str
    path: str
    status: int
    headers: Mapping[str, str]
    body: Any

    @property
    def errcode(self) -> str | None:
        """The Matrix error code of the body, if it has one."""
        return self.body.get("errcode") if isinstance(self.body, dict) else None

    def __str__(self) -> str:
        shown = self.body if isinstance(self.body, bytes) else orjson.dumps(self.body, option=orjson.OPT_INDENT_2)
        return f"{self.method} {self.path} answered {self.status}: {shown[:_SHOWN].decode(errors='replace')}"


Check = Callable[[Answer], None]
"""Looks at every response; raises AssertionError to fail the test."""


def path(*segments: str) -> str:
    """A path below the client API whose segments are percent-encoded one by one: `path("rooms", room_id, "join")`."""
    return "".join("/" + quote(segment, safe="") for segment in segments)


class Caller:
    """Sends requests to one homeserver, as somebody (with an access token) or nobody.

    One with several addresses is asked at each of them in turn. A path that does not begin with `/_` is below
    `/_matrix/client/v3`. Paths are sent exactly as given: encode what needs it, with `path` for instance.
    """

    def __init__(
        self,
        session: aiohttp.ClientSession,
        base_url: str | Sequence[str],
        token: str | None = None,
        check: Check | None = None,
    ) -> None:
        self.session = session
        self.base_urls = [base_url] if isinstance(base_url, str) else list(base_url)
        self._turns = cycle(self.base_urls)
        self.access_token = token
        self.check = check

    async def answer(
        self,
        method: str,
        path: str,
        *,
        json: Any = None,
        data: bytes | None = None,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Send one request (`json` or raw `data` as its body; redirects are not followed) and return what came back."""
        path = path if path.startswith(("/_", "/.", "/health")) else CLIENT_API + path
        url = URL(next(self._turns).rstrip("/") + path + (("?" + urlencode(params)) if params else ""), encoded=True)
        sent = dict(headers or {})
        if self.access_token is not None:
            sent.setdefault("Authorization", f"Bearer {self.access_token}")
        if json is not None:
            data = orjson.dumps(json)
            sent.setdefault("Content-Type", "application/json")
        async with self.session.request(method, url, data=data, headers=sent, allow_redirects=False) as response:
            body = await response.read()
            is_json = response.content_type == "application/json"
            answer = Answer(
                method,
                path.partition("?")[0],
                response.status,
                response.headers,
                orjson.loads(body) if is_json and body else body,
            )
        if self.check is not None:
            self.check(answer)
        return answer

    async def request(
        self,
        method: str,
        path: str,
        *,
        expect: int = 200,
        json: Any = None,
        data: bytes | None = None,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Any:
        """Like `answer`, but return the body alone; any status but `expect` fails the test and shows the body."""
        answer = await self.answer(method, path, json=json, data=data, params=params, headers=headers)
        if answer.status != expect:
            raise AssertionError(f"expected {expect}, but {answer}")
        return answer.body

    async def error(
        self,
        method: str,
        path: str,
        *,
        json: Any = None,
        data: bytes | None = None,
        params: Mapping[str, str] | None = None,
    ) -> tuple[int, str]:
        """Send a request that must fail, and return its status and Matrix error code."""
        answer = await self.answer(method, path, json=json, data=data, params=params)
        if answer.status < 400 or answer.errcode is None:
            raise AssertionError(f"expected a Matrix error, but {answer}")
        return answer.status, answer.errcode

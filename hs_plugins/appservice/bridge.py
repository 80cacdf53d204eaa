"""Requests to one application service ("Homeserver -> Application Service API")."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote, urlencode

import orjson

from hs_core.matrix.identifiers import RoomAlias, UserId
from hs_core.outbound import Answer, Outbound, OutboundError, Unanswered
from hs_plugins.appservice.registered import Registered

SECONDS: Final = 60.0
"""For a transaction."""
QUERY_SECONDS: Final = 10.0
"""For a question that somebody waits for the answer of."""
QUERY_TRIES: Final = 3
""" "the homeserver should retry several times before timing out" """
MAX_ANSWER: Final = 1 << 20
"""Bytes."""
MAX_SHOWN: Final = 4096
"""Bytes of an answer that are shown to the service itself."""

V1: Final = "/_matrix/app/v1"
LEGACY: Final = {"transactions": "", "users": "", "rooms": "", "thirdparty": "/_matrix/app/unstable"}
""" "Legacy routes": the prefix that a route had before, by its first part."""
UNKNOWN_ROUTE: Final = frozenset({404, 405, 500, 501})
"""Statuses with which services answer a route that they do not know."""


class NotTaken(Exception):
    """The service has answered, and has not done what it was asked."""

    def __init__(self, status: int, body: bytes) -> None:
        super().__init__(f"it answered with status {status}")
        self.status = status
        self.body = body[:MAX_SHOWN].decode(errors="replace")


@dataclass(frozen=True)
class Bridge:
    """A service that wants requests."""

    registered: Registered
    url: str
    sending: Outbound
    """For transactions: they wait for no answers to questions."""
    asking: Outbound

    async def send(self, txn_id: int, body: bytes) -> None:
        """Have it take a transaction. Raises NotTaken, OutboundError."""
        answer = await self._ask(self.sending, "PUT", f"/transactions/{txn_id}", body=body, seconds=SECONDS)
        if answer.status != 200:
            raise NotTaken(answer.status, answer.body)

    async def has_user(self, user: UserId) -> bool:
        """Whether it says that a user exists, and so has made them. Raises OutboundError."""
        return (await self._query(f"/users/{quote(user, safe='')}")).status == 200

    async def has_alias(self, alias: RoomAlias) -> bool:
        """The same for an alias."""
        return (await self._query(f"/rooms/{quote(alias, safe='')}")).status == 200

    async def third_party(self, kind: str, name: str | None, fields: dict[str, list[str]]) -> Any:
        """What it says about users, locations or protocols of its network; `None` if nothing that is JSON.

        Raises OutboundError.
        """
        path = f"/thirdparty/{kind}" + ("" if name is None else f"/{quote(name, safe='')}")
        answer = await self._query(path, fields)
        if answer.status != 200:
            return None
        try:
            return orjson.loads(answer.body)
        except orjson.JSONDecodeError:
            return None

    async def ping(self, body: bytes) -> None:
        """Raises NotTaken, OutboundError."""
        answer = await self._once(self.asking, "POST", f"{V1}/ping", body=body, seconds=QUERY_SECONDS)
        if answer.status != 200:
            raise NotTaken(answer.status, answer.body)

    async def _query(self, path: str, fields: dict[str, list[str]] | None = None) -> Answer:
        for _ in range(QUERY_TRIES - 1):
            try:
                return await self._ask(self.asking, "GET", path, fields, seconds=QUERY_SECONDS / QUERY_TRIES)
            except Unanswered:
                continue
        return await self._ask(self.asking, "GET", path, fields, seconds=QUERY_SECONDS / QUERY_TRIES)

    async def _ask(
        self,
        outbound: Outbound,
        method: str,
        path: str,
        fields: dict[str, list[str]] | None = None,
        *,
        body: bytes | None = None,
        seconds: float,
    ) -> Answer:
        """ "Homeservers should attempt to use the specified endpoints first [...] if the application service receives
        an HTTP status code that does not indicate success [...] then the homeserver should fall back"
        """
        query = f"?{urlencode(fields, doseq=True)}" if fields else ""
        answer = await self._once(outbound, method, f"{V1}{path}{query}", body=body, seconds=seconds)
        if answer.status not in UNKNOWN_ROUTE or _is_about_the_matter(answer):
            return answer
        # Services from before the header look for the token in the query.
        token = urlencode({"access_token": self.registered.service.hs_token})
        legacy = LEGACY[path.split("/")[1]] + path
        older = await self._once(
            outbound, method, f"{legacy}{query or '?'}{'&' if query else ''}{token}", body=body, seconds=seconds
        )
        return older if older.status == 200 or answer.status == 404 else answer

    async def _once(self, outbound: Outbound, method: str, path: str, *, body: bytes | None, seconds: float) -> Answer:
        headers = {"Authorization": f"Bearer {self.registered.service.hs_token}"}
        if body is not None:
            headers["Content-Type"] = "application/json"
        return await outbound.request(
            method, self.url + path, headers=headers, body=body, seconds=seconds, max_bytes=MAX_ANSWER
        )


def _is_about_the_matter(answer: Answer) -> bool:
    """Whether the service knows the route: then it gives a reason of its own."""
    try:
        said = orjson.loads(answer.body)
    except orjson.JSONDecodeError:
        return False
    errcode = said.get("errcode") if isinstance(said, dict) else None
    return isinstance(errcode, str) and errcode != "M_UNRECOGNIZED"


__all__ = ["Bridge", "NotTaken", "OutboundError"]

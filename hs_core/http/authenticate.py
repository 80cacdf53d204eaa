"""Who may call a route, and how they prove it: the kinds of `Auth` (client-server API, "Using access tokens")."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Final, Protocol

from hs_core.cache import Cache
from hs_core.errors import Forbidden, GuestForbidden, MatrixError, MissingToken, Unavailable, UnknownToken, UserLocked
from hs_core.http.request import Request
from hs_core.http.requester import Requester
from hs_core.matrix.identifiers import DeviceId, ServerName, UserId, parse_device_id, parse_user_id
from hs_core.plugin.declaration import Auth, ReadSide, Route

REMEMBERED: Final = 10_000
"""Access tokens whose requesters are kept in memory."""
REMEMBERED_FOR: Final = 300.0
"""Seconds: the longest that a token can outlive its removal, should word of that be lost."""


class TokenChecker(Protocol):
    """Knows access tokens. The plugin that stores them offers it."""

    async def check(self, token: str) -> Requester | None:
        """Who the token stands for; `None` if it was never valid. What is returned is remembered for a while.

        Raises UnknownToken with `soft_logout` for a token that was valid once, and any other MatrixError that all
        requests with this token deserve (a locked user, say).
        """

    async def act_as(self, requester: Requester, user: UserId | None, device: DeviceId | None) -> Requester:
        """Who an application service asks as ("Identity assertion"): asked on each of its requests that name a user or
        a device. Without `user` it is the service's own. Raises Forbidden, or `M_UNKNOWN_DEVICE`.
        """


TOKEN_CHECKER = ReadSide[TokenChecker]("token_checker")


class SignatureChecker(Protocol):
    """Knows the keys of other servers. The plugin that answers them offers it."""

    async def check(self, request: Request) -> ServerName:
        """The server that signed the request (server-server API, "Request Authentication"). Raises Unauthorized."""


def token_hash(token: str) -> bytes:
    """What is kept of an access token, in memory and in the database. Tokens are long and random: no salt is needed."""
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).digest()


class Authenticator:
    """Finds out who asks. Requests are answered 503 until the plugins that can tell have set their checkers."""

    def __init__(
        self,
        monotonic: Callable[[], float],
        tokens: TokenChecker | None = None,
        signatures: SignatureChecker | None = None,
    ) -> None:
        self.tokens = tokens
        self.signatures = signatures
        self.seen: Callable[[Requester, str], None] | None = None
        """Told of every request that somebody is allowed to make, and of the address that it came from."""
        self.remembered: Cache[bytes, Requester] = Cache(REMEMBERED, REMEMBERED_FOR, monotonic)
        self._forgotten = 0

    def forget_token(self, hashed: bytes) -> None:
        """A token is no longer valid, or stands for something else now. `hashed` is its `token_hash`."""
        self._forgotten += 1
        self.remembered.forget(hashed)

    def forget_user(self, user: UserId) -> None:
        """All tokens of a user may have changed: logged out everywhere, deactivated, made an administrator..."""
        self._forgotten += 1
        self.remembered.forget_where(lambda requester: requester.user_id == user)

    async def authenticate(self, request: Request, route: Route) -> None:
        """Set `request.requester` or `request.origin`, as the route's `auth` demands.

        Raises MissingToken, UnknownToken, Forbidden, GuestForbidden, Unauthorized, Unavailable.
        """
        kind = route.auth
        if kind is Auth.NONE:
            return
        if kind is Auth.OPTIONAL_APPSERVICE:
            request.requester = await self._appservice(access_token(request))
            return
        if kind is Auth.SERVER_SIGNATURE:
            if self.signatures is None:
                raise Unavailable("Signatures cannot be checked now")
            request.origin = await self.signatures.check(request)
            return
        token = access_token(request)
        if token is None:
            if kind is Auth.OPTIONAL_TOKEN:
                return
            raise MissingToken
        request.requester = await self._requester(request, token)
        _check_kind(request.requester, route)
        if self.seen is not None:
            self.seen(request.requester, request.client_ip)

    async def _requester(self, request: Request, token: str) -> Requester:
        if self.tokens is None:
            raise Unavailable("Access tokens cannot be checked now")
        hashed = token_hash(token)
        requester = self.remembered.get(hashed)
        if requester is None:
            requester = await self._check(self.tokens, token, hashed)
        if requester.appservice is not None and request.scope["query_string"]:
            return await _masquerade(self.tokens, requester, request)
        return requester

    async def _appservice(self, token: str | None) -> Requester | None:
        """The application service whose token it is, as itself; `None` if it is none."""
        if token is None or self.tokens is None:
            return None
        hashed = token_hash(token)
        try:
            requester = self.remembered.get(hashed) or await self._check(self.tokens, token, hashed)
        except MatrixError:
            return None
        return None if requester.appservice is None else requester

    async def _check(self, tokens: TokenChecker, token: str, hashed: bytes) -> Requester:
        forgotten = self._forgotten
        requester = await tokens.check(token)
        if requester is None:
            raise UnknownToken
        if forgotten == self._forgotten:  # else what was read may be out of date already
            self.remembered.put(hashed, requester, requester.good_for)
        return requester


def access_token(request: Request) -> str | None:
    """The token that a request brings: "Authorization: Bearer TheTokenHere"."""
    header = request.header(b"authorization")
    if header is not None:
        scheme, _, token = header.partition(" ")
        return token.strip() or None if scheme.lower() == "bearer" else None
    # NOTSPEC: "Sending the access token as a query string parameter is no longer supported" (v1.20), but
    # clients written for the versions before, which we answer too, may send it so.
    if b"access_token=" in request.scope["query_string"]:
        return request.query_text("access_token") or None
    return None


async def _masquerade(tokens: TokenChecker, requester: Requester, request: Request) -> Requester:
    user, device = request.query_text("user_id"), request.query_text("device_id")
    if user is None and device is None:
        return requester
    return await tokens.act_as(
        requester,
        None if user is None else parse_user_id(user),
        None if device is None else parse_device_id(device),
    )


def _check_kind(requester: Requester, route: Route) -> None:
    if requester.is_locked and not route.locked_users:
        raise UserLocked
    if requester.is_guest and not route.guests:
        raise GuestForbidden
    if route.auth is Auth.APPSERVICE and requester.appservice is None:
        raise Forbidden("Only application services may do this")
    if route.auth is Auth.ADMIN and not requester.is_admin:
        raise Forbidden("Only administrators of this server may do this")
